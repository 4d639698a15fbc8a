// Open templates: fields of a PodSpec, of Services and autoscalers in the final JSON, and the SRE's schema.
#include "manifest/explain.h"
#include "manifest/kubernetes_schema.h"
#include "manifest/rendering_test.h"

namespace lemmy::manifest {
namespace {

struct OpenTemplate : Render {
  const std::string start = R"({"replicas": 2, "containers": [{"name": "app", "image": "i"}])";

  Result<Manifests> with(const std::string& more) {
    use(start + ",\n" + more + "}");
    return render();
  }
  static json::value pod(const Result<Manifests>& m, std::string_view key) {
    return m ? at(m->controller(), {"spec", "template", "spec", key}) : json::value(m.error().str());
  }
  static json::value service(const Result<Manifests>& m, std::initializer_list<std::string_view> path) {
    const json::object* o = m ? m->find(Role::service) : nullptr;
    return o ? at(*o, path) : json::value("none");
  }
  void narrow(const std::string& schema) {
    auto own = std::make_shared<config::Config>(*config);
    own->final_schema = {"final.schema.json", schema};
    config = own;
  }
};

TEST_F(OpenTemplate, every_field_of_a_pod_spec_goes_into_the_pod_by_its_name) {
  const std::string fields = R"(
    "serviceAccountName": "hello", "imagePullSecrets": [{"name": "registry"}], "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "dedicated", "operator": "Exists"}], "priorityClassName": "high",
    "terminationGracePeriodSeconds": 90, "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["db"]}],
    "dnsConfig": {"options": [{"name": "ndots", "value": "2"}]}, "securityContext": {"runAsNonRoot": true},
    "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway",
      "labelSelector": {"matchLabels": {"project": "hello-world"}}, "matchLabelKeys": ["deploy"]}],
    "affinity": {"podAntiAffinity": {}}, "enableServiceLinks": false, "shareProcessNamespace": true,
    "restartPolicy": "Always", "vars": {"tier": 1}, "service": {"type": "ClusterIP"}, "labels": {"a": "b"})";
  auto m = with(fields);
  ASSERT_TRUE(m) << m.error().str();
  const json::object all = parse_json("{" + fields + "}", "")->as_object();
  for (const auto& [key, value] : all) {
    const bool own = key == "vars" || key == "service" || key == "labels";
    EXPECT_EQ(pod(m, key), own ? json::value("missing") : value) << key;
  }
  for (const Manifest& object : m->objects)
    for (const SchemaFault& f : schema_faults(object.object)) ADD_FAILURE() << f.what;
}

TEST_F(OpenTemplate, init_containers_are_containers) {
  auto m = with(R"("initContainers": [{"name": "proxy", "image": "p", "restartPolicy": "Always",
    "env": {"MODE": "side", "KEY": {"valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}}}])");
  ASSERT_TRUE(m) << m.error().str();
  const json::object proxy = pod(m, "initContainers").as_array()[0].as_object();
  const json::array& env = proxy.at("env").as_array();
  EXPECT_EQ(env[0], (json::value{{"name", "MODE"}, {"value", "side"}}));
  EXPECT_EQ(at(env[1], {"valueFrom", "secretKeyRef", "key"}), "k");
  EXPECT_EQ(proxy.at("volumeMounts").as_array()[0].at("mountPath"), "/secrets/hello-world");
  EXPECT_EQ(with(R"("initContainers": [{"name": "app", "image": "p"}])").error().what,
            "two containers have the name 'app'");
  EXPECT_EQ(with(R"("initContainers": {})").error().what, "a list of containers is expected");
  EXPECT_TRUE(with(R"("initContainers": [])"));
  EXPECT_EQ(
      with(R"("initContainers": [{"name": "p", "image": "p", "env": {"A": {"value": "x"}}}])").error().what,
      R"(a text, number, true/false or {"valueFrom": ...} is expected)");
}

TEST_F(OpenTemplate, fractions_reach_containers_as_people_write_them) {
  use(R"({"replicas": 1, "containers": [{"name": "app", "image": "i", "env": {"A": 0.5, "B": 10.0, "C": 3}}]})");
  auto m = render();
  ASSERT_TRUE(m) << m.error().str();
  const json::array env = pod(m, "containers").as_array()[0].at("env").as_array();
  const char* const texts[] = {"0.5", "10.0", "3"};
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(env[i].at("value"), texts[i]);
}

TEST_F(OpenTemplate, a_wrong_key_gets_the_nearest_of_all_there_are) {
  EXPECT_EQ(with(R"("toleration": [])").error().hint, "did you mean 'tolerations'?");
  EXPECT_EQ(with(R"("initContainer": [])").error().hint, "did you mean 'initContainers'?");
  EXPECT_EQ(with(R"("services": {})").error().hint, "did you mean 'service'?");
  EXPECT_EQ(with(R"("service": {"port": []})").error().hint, "did you mean 'ports'?");
  EXPECT_EQ(with(R"("autoscale": {"min": 1, "max": 2, "behaviour": {}})").error().hint,
            "did you mean 'behavior'?");
  EXPECT_TRUE(with(R"("autoscale": {"min": 1, "max": 2, "queue": "jobs"})")) << "for a standard of the SRE's";
  EXPECT_EQ(with(R"("ephemeralContainers": [])").error().what, "unknown key");
  EXPECT_NE(with(R"("xyzzy": [])").error().hint.find("and the fields of a PodSpec"), std::string::npos);
  EXPECT_EQ(with(R"("restartPolicy": "Never")").error().what, "a service's pods have 'Always', not 'Never'");
}

TEST_F(OpenTemplate, a_service_has_the_ports_and_the_type_that_are_asked_for) {
  auto m = with(R"("service": {"type": "NodePort", "annotations": {"a": "b"}, "sessionAffinity": "ClientIP",
    "ports": [{"name": "http", "port": 80, "targetPort": 8080}]})");
  EXPECT_EQ(service(m, {"spec", "type"}), "NodePort");
  EXPECT_EQ(service(m, {"spec", "sessionAffinity"}), "ClientIP");
  EXPECT_EQ(service(m, {"spec", "ports"}),
            (json::value{{{"name", "http"}, {"port", 80}, {"targetPort", 8080}}}));
  EXPECT_EQ(service(m, {"metadata", "annotations"}), (json::value{{"a", "b"}}));
  EXPECT_EQ(service(m, {"spec", "selector", "project"}), "hello-world");
  EXPECT_EQ(service(with(R"("service": {})"), {"spec", "ports"}).as_array().size(), 3u)
      << "the standard ones";
  EXPECT_EQ(service(with(R"("service": null)"), {"spec", "ports"}).as_array().size(), 3u);
  EXPECT_EQ(service(with(R"("service": false)"), {"spec"}), "none");
  project.service = false;
  EXPECT_EQ(service(with(R"("vars": {})"), {"spec"}), "none");
  EXPECT_NE(service(with(R"("service": {"type": "ClusterIP"})"), {"spec"}), "none");
  EXPECT_EQ(with(R"("service": true)").error().what, "an object or false is expected");
  EXPECT_EQ(with(R"("service": {"selector": {}})").error().what, "unknown key") << "it is Lemmy's";
}

TEST_F(OpenTemplate, an_autoscaler_goes_by_the_metrics_and_the_behaviour_that_are_asked_for) {
  auto m = with(R"("autoscale": {"min": 2, "max": 9, "behavior": {"scaleDown": {"policies": []}},
    "metrics": [{"type": "Pods", "pods": {"metric": {"name": "qps"}, "target": {"type": "AverageValue", "averageValue": "9"}}}]})");
  ASSERT_TRUE(m) << m.error().str();
  const json::object& hpa = *m->find(Role::autoscaler);
  EXPECT_EQ(at(hpa, {"spec", "metrics"}).as_array().size(), 1u);
  EXPECT_EQ(at(hpa, {"spec", "metrics"}).as_array()[0].at("type"), "Pods");
  EXPECT_TRUE(at(hpa, {"spec", "behavior"}).is_object());
  EXPECT_EQ(with(R"("autoscale": {"min": 1, "max": 2, "metrics": {}})").error().what, "a list is expected");
  EXPECT_EQ(with(R"("autoscale": {"min": 1, "max": 2, "cpu": 50, "metrics": []})").error().hint,
            "put the cpu among metrics, or leave metrics out");
}

TEST_F(OpenTemplate, a_standard_that_leaves_out_what_a_template_sets_is_told) {
  auto own = std::make_shared<config::Config>(*config);
  own->standards = {{"replication-controller.json.j2",
                     R"({"kind": "ReplicationController", "apiVersion": "v1", "spec": {"template":
                        {"spec": {"containers": {{ final.containers | tojson }}}}}})"},
                    {"service.json.j2", R"({"kind": "Service", "apiVersion": "v1", "spec": {"ports": []}})"}};
  config = own;
  EXPECT_TRUE(with(R"("volumes": [])")) << "as before";
  auto e = with(R"("tolerations": [])").error();
  EXPECT_EQ(e.where, "standards/replication-controller.json.j2");
  EXPECT_EQ(e.what, "it leaves out 'tolerations', which the template of hello-world sets");
  EXPECT_EQ(with(R"("service": {"type": "NodePort"})").error().what,
            "it leaves out 'service.type', which the template of hello-world sets");
}

TEST_F(OpenTemplate, a_standard_that_has_its_own_value_for_what_a_template_sets_is_told) {
  auto own = std::make_shared<config::Config>(*config);
  own->standards = {{"replication-controller.json.j2",
                     R"({"kind": "ReplicationController", "apiVersion": "v1", "spec": {"template":
                        {"spec": {"containers": {{ final.containers | tojson }},
                                  "terminationGracePeriodSeconds": 30,
                                  "tolerations": [{"key": "ours"}, {"key": "spot", "operator": "Exists"}],
                                  "nodeSelector": {"pool": "general", "zone": "a"}}}}})"},
                    {"service.json.j2", R"({"kind": "Service", "apiVersion": "v1", "spec": {"ports":
                        [{"name": "grpc", "port": 80, "targetPort": 80}]}})"},
                    {"horizontal-pod-autoscaler.json.j2",
                     R"({"kind": "HorizontalPodAutoscaler", "apiVersion": "autoscaling/v2", "spec":
                        {"metrics": [{"type": "Resource"}]}})"}};
  config = own;
  EXPECT_TRUE(with(R"("terminationGracePeriodSeconds": 30, "nodeSelector": {"pool": "general"},
                      "tolerations": [{"key": "spot"}], "priority": null)"))
      << "it may add to it";
  for (const char* set :
       {R"("terminationGracePeriodSeconds": 90)", R"("nodeSelector": {"pool": "gpu"})",
        R"("tolerations": [{"key": "arm"}])", R"("service": {"ports": [{"name": "web", "port": 8000}]})",
        R"("autoscale": {"min": 1, "max": 2, "metrics": [{"type": "Pods"}]})"}) {
    auto m = with(set);
    ASSERT_FALSE(m) << set;
    EXPECT_NE(m.error().what.find("it has a value of its own for '"), std::string::npos) << m.error().str();
  }
}

TEST_F(OpenTemplate, the_kind_of_controller_is_chosen_and_standards_do_not_see_the_choice) {
  auto m = with(R"("workload": "deployment", "autoscale": {"min": 1, "max": 2})");
  ASSERT_TRUE(m) << m.error().str();
  const json::object& controller = m->controller();
  EXPECT_EQ(controller.at("apiVersion"), "apps/v1");
  EXPECT_EQ(controller.at("kind"), "Deployment");
  EXPECT_EQ(at(controller, {"spec", "selector"}),
            (json::value{{"matchLabels",
                          {{"project", "hello-world"}, {"environment", "production"}, {"deploy", "7"}}}}));
  EXPECT_FALSE(at(controller, {"spec", "template", "spec"}).as_object().contains("workload"));
  EXPECT_EQ(at(*m->find(Role::autoscaler), {"spec", "scaleTargetRef", "kind"}), "Deployment");
  EXPECT_EQ(at(*m->find(Role::autoscaler), {"spec", "scaleTargetRef", "apiVersion"}), "apps/v1");

  for (config::ProjectEnvironment& e : project.environments) e.workload = Workload::deployment;
  EXPECT_EQ(with(R"("vars": {})")->controller().at("kind"), "Deployment");
  EXPECT_EQ(with(R"("workload": "replication-controller")")->controller().at("kind"), "ReplicationController")
      << "the template knows better";
  EXPECT_EQ(with(R"("workload": null)")->controller().at("kind"), "Deployment");
  auto e = with(R"("workload": "deploymnt")").error();
  EXPECT_TRUE(e.where.ends_with("final JSON, workload")) << e.where;
  EXPECT_EQ(e.hint, "did you mean 'deployment'?");
  EXPECT_EQ(with(R"("workload": 3)").error().hint, "known are: replication-controller and deployment");
}

TEST_F(OpenTemplate, the_sre_s_schema_narrows_it_with_the_line_and_the_key) {
  narrow(R"({"properties": {"hostNetwork": false, "serviceAccountName": {"pattern": "^[a-z]+$"},
    "containers": {"items": {"properties": {"image": {"pattern": "^registry\\.example\\.com/"}}}}}})");
  auto e = with(R"("hostNetwork": true)").error();
  EXPECT_EQ(e.where, "projects/hello-world/template.json.j2:1:57: final JSON, containers[0].image")
      << e.str();
  EXPECT_EQ(e.hint, "standards/final.schema.json does not allow it, nor 1 more");
  use("{\"replicas\": 1,\n\"serviceAccountName\": {{ 'A' | tojson }},\n"
      R"("containers": [{"name": "app", "image": "registry.example.com/x"}]})");
  EXPECT_EQ(render().error().where,
            "projects/hello-world/template.json.j2:2:26: final JSON, serviceAccountName");
  EXPECT_NE(render().error().what.find("\"A\" does not match"), std::string::npos) << render().error().what;
}

TEST_F(OpenTemplate, a_schema_that_is_none_is_told) {
  for (const char* text :
       {"{", "[]", R"({"type": "objekt"})", R"({"$ref": "https://example.com/other.json"})",
        R"({"$ref": "#/definitions/none"})", R"({"type": "object", "type": "array"})",
        R"({"$schema": "https://json-schema.org/draft/2030-01/schema"})", R"({"propertes": {}})"}) {
    narrow(text);
    const auto m = with(R"("vars": {})");
    ASSERT_FALSE(m) << text;
    EXPECT_TRUE(m.error().where.starts_with("standards/final.schema.json")) << m.error().str();
  }
}

TEST_F(OpenTemplate, a_schema_that_speaks_of_what_there_is_not_is_told) {
  const struct {
    const char *schema, *what, *hint;
  } all[] = {
      {R"({"properties": {"hostNetwrok": false}})", "/properties/hostNetwrok: there is no 'hostNetwrok' here",
       "did you mean 'hostNetwork'?"},
      {R"({"properties": {"template": false}})", "/properties/template: there is no",
       "there are: workload, replicas"},
      {R"({"required": ["labls"]})", "/required: there is no 'labls' here", "'labels'"},
      {R"({"allOf": [{"properties": {"containers": {"items": {"properties": {"securtyContext": {}}}}}}]})",
       "/allOf/0/properties/containers/items/properties/securtyContext: there is no", "'securityContext'"},
      {R"({"properties": {"containers": {"items": {"properties": {"securityContext": {"properties":
         {"privleged": false}}}}}}})",
       "securityContext/properties/privleged: there is no", "'privileged'"},
      {R"({"properties": {"service": {"properties": {"typ": {"enum": ["ClusterIP"]}}}}})",
       "/properties/service/properties/typ: there is no", "'type'"},
      {R"({"properties": {"autoscale": {"properties": {"maxx": {"maximum": 9}}}}})", "there is no 'maxx'",
       "'max'"},
  };
  for (const auto& one : all) {
    narrow(one.schema);
    const auto m = with(R"("vars": {})");
    ASSERT_FALSE(m) << one.schema;
    EXPECT_TRUE(m.error().what.contains(one.what)) << m.error().str();
    EXPECT_TRUE(m.error().hint.contains(one.hint)) << m.error().str();
  }
  for (const char* good :
       {R"({"properties": {"labels": {"required": ["team"], "properties": {"team": {"minLength": 1}}}}})",
        R"({"properties": {"containers": {"items": {"properties": {"resources": {"properties": {"limits":
           {"required": ["memory"]}}}, "someday": false}}}, "vars": {"properties": {"any": {}}},
           "nodeSelector": {"properties": {"pool": {}}}}})"}) {
    narrow(good);
    const auto m = with(R"("labels": {"team": "a"}, "vars": {})");
    EXPECT_TRUE(m || m.error().where.contains("template.json.j2")) << m.error().str();
  }
}

TEST_F(OpenTemplate, where_a_pod_s_field_comes_from_is_told) {
  use(start + ",\n\"tolerations\": {{ [{'key': config.env.LOG_LEVEL}] | tojson }}}");
  auto r = Renderer::create(*config, project);
  ASSERT_TRUE(r);
  auto e = (*r)->explain("production", kBuild, 7);
  ASSERT_TRUE(e) << e.error().str();
  for (const Explained& object : e->objects)
    for (const Origin& o : object.fields)
      if (object.object == "ReplicationController" && o.path == "spec.template.spec.tolerations[0].key") {
        EXPECT_EQ(o.written.front().file, "projects/hello-world/template.json.j2");
        EXPECT_EQ(o.written.front().line, 2u);
        EXPECT_EQ(o.fed.front().key, "production.env.LOG_LEVEL");
        return;
      }
  FAIL() << "no such field";
}

}  // namespace
}  // namespace lemmy::manifest
