#include "manifest/manifest.h"

#include "manifest/rendering_test.h"

namespace lemmy::manifest {
namespace {

TEST_F(Render, the_example_gives_every_object_with_its_standard_name) {
  auto m = render();
  ASSERT_TRUE(m) << m.error().str() << m.error().detail;
  EXPECT_EQ(m->object_name, "hello-world-0123456789ab-7");
  EXPECT_EQ(at(m->controller(), {"metadata", "name"}), "hello-world-0123456789ab-7");
  EXPECT_EQ(at(m->controller(), {"metadata", "namespace"}), "production");
  EXPECT_EQ(at(*m->find(Role::autoscaler), {"spec", "scaleTargetRef", "name"}), "hello-world-0123456789ab-7");
  EXPECT_EQ(at(*m->find(Role::service), {"metadata", "name"}), "hello-world");
  EXPECT_EQ(at(*m->find(Role::files), {"metadata", "name"}), "hello-world");
  EXPECT_EQ(at(*m->find(Role::files_copy), {"immutable"}), true);
  EXPECT_EQ(m->min, 4);
  EXPECT_EQ(m->max, 20);
}

TEST_F(Render, each_rc_has_a_selector_of_its_own_and_the_service_selects_all_of_them) {
  auto seven = *render("production", 7), eight = *render("production", 8);
  EXPECT_EQ(at(seven.controller(), {"spec", "selector", "deploy"}), "7");
  EXPECT_EQ(at(eight.controller(), {"spec", "selector", "deploy"}), "8");
  EXPECT_EQ(*seven.find(Role::service), *eight.find(Role::service));
  EXPECT_EQ(
      at(*seven.find(Role::service), {"spec", "selector"}),
      (json::value{{"project", "hello-world"}, {"environment", "production"}, {"lemmy/answers", "yes"}}));
  EXPECT_EQ(at(seven.controller(), {"spec", "template", "metadata", "labels", "lemmy/answers"}), "yes");
  EXPECT_EQ(at(seven.controller(), {"spec", "selector", "lemmy/answers"}), "missing")
      << "a pod taken out stays its own";
}

TEST_F(Render, rendering_again_gives_the_same_bytes) {
  EXPECT_EQ(json::serialize(render()->controller()), json::serialize(render()->controller()));
}

TEST_F(Render, labels_variables_and_mounts_are_stamped_and_win_over_the_template) {
  use(R"({"replicas": 1, "labels": {"project": "liar", "team": "x"},
          "containers": [{"name": "app", "image": "i", "env": {"PROJECT": "liar", "N": 3, "ON": true}}]})");
  auto m = render();
  ASSERT_TRUE(m) << m.error().str();
  json::value labels = at(m->controller(), {"spec", "template", "metadata", "labels"});
  EXPECT_EQ(at(labels, {"project"}), "hello-world");
  EXPECT_EQ(at(labels, {"team"}), "x");
  EXPECT_EQ(at(labels, {"branch"}), "feature-x");
  EXPECT_EQ(at(labels, {"app.kubernetes.io/managed-by"}), "lemmy");
  json::object container =
      at(m->controller(), {"spec", "template", "spec", "containers"}).as_array()[0].as_object();
  std::map<std::string, std::string> env;
  for (auto& e : container["env"].as_array()) {
    std::string name(text_or(e.as_object(), "name"));
    EXPECT_FALSE(env.contains(name)) << name;
    env[name] = text_or(e.as_object(), "value");
  }
  EXPECT_EQ(env["PROJECT"], "hello-world");
  EXPECT_EQ(env["N"], "3");
  EXPECT_EQ(env["ON"], "true");
  EXPECT_EQ(env["BRANCH"], "feature/x");
  EXPECT_EQ(env["DEPLOY"], "7");
  EXPECT_EQ(env["DD_VERSION"], kBuild.sha);
  for (auto name :
       {"ENVIRONMENT", "BUILD", "POD_NAME", "NODE_NAME", "DD_SERVICE", "DD_ENV", "OTEL_RESOURCE_ATTRIBUTES"})
    EXPECT_TRUE(env.contains(name)) << name;
  EXPECT_EQ(container["volumeMounts"].as_array()[0].at("mountPath"), "/secrets/hello-world");
  EXPECT_EQ(container["volumeMounts"].as_array()[1].at("mountPath"), "/config/hello-world");
}

TEST_F(Render, labels_have_the_first_63_digits_of_a_longer_sha_and_variables_all) {
  Build build = kBuild;
  build.sha = std::string(64, 'a');
  auto m = render("production", 7, build);
  ASSERT_TRUE(m) << m.error().str();
  for (const char* label : {"build", "app.kubernetes.io/version"})
    EXPECT_EQ(at(m->controller(), {"metadata", "labels", label}).as_string().size(), 63u);
  EXPECT_NE(json::serialize(m->controller()).find('"' + build.sha + '"'), std::string::npos)
      << "variable BUILD";
}

TEST_F(Render, the_mounted_config_map_copy_is_named_by_its_content) {
  auto before = *render();
  project.files[0].text = "changed";
  auto after = *render();
  auto name = [](const Manifests& m) { return at(*m.find(Role::files_copy), {"metadata", "name"}); };
  EXPECT_NE(name(before), name(after));
  EXPECT_NE(json::serialize(after.controller()).find(std::string(name(after).as_string())),
            std::string::npos);
  project.files.clear();
  auto none = *render();
  EXPECT_FALSE(none.find(Role::files) || none.find(Role::files_copy));
  EXPECT_EQ(json::serialize(none.controller()).find("/config/"), std::string::npos);
}

TEST_F(Render, stamping_again_with_another_number_makes_a_roll_back) {
  auto old = *render("production", 7);
  Stamp s{"hello-world",
          "production",
          kBuild.sha,
          kBuild.branch,
          9,
          std::string(at(*old.find(Role::files_copy), {"metadata", "name"}).as_string())};
  json::object again = old.controller();
  stamp_controller(again, s);
  EXPECT_EQ(json::serialize(again), json::serialize(render("production", 9)->controller()));
  // https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#environment-variables
  s.branch = "$(DB_PASSWORD)-$x";
  stamp_controller(again, s);
  EXPECT_NE(json::serialize(again).find(R"({"name":"BRANCH","value":"$$(DB_PASSWORD)-$$x"})"),
            std::string::npos);
}

TEST_F(Render, what_no_autoscaler_and_no_service_can_have_is_told) {
  use(R"({"replicas": 1, "autoscale": {"min": 1, "max": 2, "cpu": "80"}, "containers": [{"name": "a", "image": "i"}]})");
  EXPECT_EQ(render().error().what, "a whole number of percent is expected, from 1 to 1000");
  for (const auto& [service, is_right] :
       {std::pair{R"({"ports": []})", false}, {R"({"ports": [], "clusterIP": "None"})", true}}) {
    use(fmt::format(R"({{"replicas": 1, "service": {}, "containers": [{{"name": "a", "image": "i"}}]}})",
                    service));
    EXPECT_EQ(render().has_value(), is_right) << service;
  }
}

TEST_F(Render, without_autoscale_there_is_no_autoscaler) {
  auto m = render("staging");
  EXPECT_FALSE(m->find(Role::autoscaler));
  EXPECT_EQ(m->replicas, 2);
}

TEST_F(Render, faults_say_where_and_what_to_do) {
  EXPECT_EQ(render("nowhere").error().hint, "it has: staging, production");
  use("{ \"replicas\": {{ config.replica }} }");
  EXPECT_EQ(render().error().where, "projects/hello-world/template.json.j2:1:18");
  use("{ \"replicas\": 1, }");
  EXPECT_NE(render().error().what.find("not valid JSON"), std::string::npos);
  use(R"({"replicas": 1, "container": []})");
  EXPECT_EQ(render().error().hint, "did you mean 'containers'?");
  use(R"({"replicas": -1})");
  EXPECT_NE(render().error().where.find("replicas"), std::string::npos);
  use(R"({"replicas": 1, "containers": [{"name": "app"}]})");
  EXPECT_EQ(render().error().what, "a container needs a name and an image");
  use(R"({"replicas": 1, "annotations": {"ad.datadoghq.com/web.checks": "{}"}, "containers": [{"name": "app", "image": "i"}]})");
  EXPECT_NE(render().error().what.find("'web'"), std::string::npos);
  use("{% if %}");
  EXPECT_EQ(render().error().where, "projects/hello-world/template.json.j2:1:7");
}

TEST_F(Render, faults_of_the_final_json_show_the_rendered_line_and_what_to_do) {
  auto error = [&](const std::string& text) {
    use(text);
    return render().error();
  };
  Error e = error("{\n\"replicas\": 1,\n\"label\": {}}");
  EXPECT_EQ(e.where, "projects/hello-world/template.json.j2: final JSON, label");
  EXPECT_EQ(e.detail, "    1 | {\n    2 | \"replicas\": 1,\n    3 | \"label\": {}}\n      | ^^^^^^^\n");
  EXPECT_EQ(error(R"({"containers": []})").hint, "it is missing");
  EXPECT_EQ(error(R"({"replicas": "2"})").hint, "leave the quotation marks out");
  const std::string one = R"({"name": "app", "image": "i"})",
                    start = R"({"replicas": 1, "containers": [)" + one;
  EXPECT_EQ(error(start + "," + one + "]}").what, "two containers have the name 'app'");
  EXPECT_EQ(error(start + R"(, {"name": "b"}]})").hint, "'image' is missing or not a text");
  EXPECT_EQ(error(start + R"(, {"name": "My_App", "image": "i"}]})").what,
            "'My_App' is not a container's name");
  EXPECT_EQ(error(start + R"(], "labels": {"tier": 3}})").what, "a label is a text");
  e = error(start + R"(], "labels": {"branch": "feature/x"}})");
  EXPECT_EQ(e.what, "'feature/x' is not a label's value");
  EXPECT_EQ(e.where, "projects/hello-world/template.json.j2: final JSON, labels.branch");
  EXPECT_NE(error(start + R"(], "annotations": {"a b": "x"}})").what.find("not one that Kubernetes takes"),
            std::string::npos);
  const std::string more = R"({"replicas": 1, "containers": [{"name": "app", "image": "i", )";
  e = error(more + R"("resources": {"requests": {"memory": "128m"}}}]})");
  EXPECT_EQ(e.where,
            "projects/hello-world/template.json.j2: final JSON, containers[0].resources.requests.memory");
  EXPECT_EQ(e.hint, "did you mean '128Mi'?");
  EXPECT_EQ(error(more + R"("resources": {"requests": {"cpu": 2}, "limits": {"cpu": "500m"}}}]})").what,
            "2 is more than the limit of 500m");
  EXPECT_EQ(error(more + R"("env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}]})").what,
            "this variable stands twice");
  EXPECT_EQ(error(more + R"("env": [{"value": "1"}]}]})").what, "an environment variable has no name");
  for (const char* good : {"tags", "tolerate-unready", "logs_exclude", "app.check.id", "app.logs"}) {
    use(start + R"(], "annotations": {"ad.datadoghq.com/)" + good + R"(": "x"}})");
    EXPECT_TRUE(render()) << good;
  }
  EXPECT_EQ(error(start + R"(], "labels": []})").what, "an object is expected");
  EXPECT_EQ(error(start + R"(], "annotations": {"a": true}})").hint, "put it in quotation marks");
  EXPECT_EQ(error(start + R"(], "volumes": {}})").what, "a list is expected");
}

TEST_F(Render, a_misspelt_standard_is_refused_and_a_file_that_a_standard_includes_is_not) {
  auto own = std::make_shared<config::Config>(*config);
  own->standards = {{"services.json.j2", "{}"}};
  config = own;
  EXPECT_EQ(render().error().hint, "did you mean 'standards/service.json.j2'?");
  own->standards = {{"services.json.j2", R"({"kind": "Service"})"},
                    {"service.json.j2", "{% include 'standards/services.json.j2' %}"}};
  EXPECT_TRUE(render()) << render().error().str();
}

TEST_F(Render, a_standard_that_renders_something_else_is_refused) {
  auto own = std::make_shared<config::Config>(*config);
  own->standards = {{"service.json.j2", "{}"}};
  config = own;
  EXPECT_EQ(render().error().what, "it must render a Service");
  own->standards = {{"horizontal-pod-autoscaler.json.j2", "[]"}};
  EXPECT_EQ(render().error().what, "it must render a JSON object");
}

TEST_F(Render, the_template_in_the_docs_renders_for_every_environment) {
  std::string doc = *read_file(std::filesystem::path(kSourceDir) / "docs/templates.md");
  const std::string fence = "```jinja\n";
  size_t start = doc.find(fence);
  ASSERT_NE(start, doc.npos);
  start += fence.size();
  use(doc.substr(start, doc.find("```", start) - start));
  for (auto environment : {"staging", "production"}) {
    auto m = render(environment);
    ASSERT_TRUE(m) << m.error().str() << m.error().detail;
    EXPECT_EQ((m->find(Role::autoscaler) != nullptr), std::string_view(environment) == "production");
  }
}

TEST_F(Render, sre_s_own_standards_replace_the_defaults) {
  auto own = std::make_shared<config::Config>(*config);
  own->standards.push_back(
      {"replication-controller.json.j2",
       R"({"kind": "ReplicationController", "apiVersion": "v1", "spec": {"replicas": 9, "template":
        {"spec": {"containers": {{ final.containers | tojson }}, "priorityClassName": "high"}}}})"});
  config = own;
  auto m = render();
  ASSERT_TRUE(m) << m.error().str();
  EXPECT_EQ(at(m->controller(), {"spec", "template", "spec", "priorityClassName"}), "high");
  EXPECT_EQ(at(m->controller(), {"spec", "selector", "project"}), "hello-world");
}

}  // namespace
}  // namespace lemmy::manifest
