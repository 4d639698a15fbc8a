#include "manifest/explain.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "base/files.h"
#include "base/source_dir_test.h"
#include "base/strings.h"

namespace lemmy::manifest {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = kSourceDir;
const Build kExplained{"hello-world", "0123456789abcdef0123", "main"};

struct Explaining : testing::Test {
  std::shared_ptr<const config::Config> config = *config::load(kRoot / "share/playground/config");
  config::Project project = *config->project("hello-world");

  Result<Explanation> explain(const std::string& environment = "production") {
    auto r = Renderer::create(*config, project);
    if (!r) return fail(r.error());
    return (*r)->explain(environment, kExplained, 7);
  }
  // With this template and these values of the environment "production".
  Result<Explanation> explain(const std::string& text, const std::string& values) {
    for (auto& f : project.templates)
      if (f.name == "template.json.j2") f.text = text;
    for (auto& e : project.environments)
      if (e.name == "production") e.values = parse_json(values, "values")->as_object(), e.lines.clear();
    return explain();
  }
  static std::string line(const Result<Explanation>& e, std::string_view object, std::string_view path) {
    if (!e) return e.error().str() + e.error().detail;
    const json::object all = to_json(*e);
    const json::value* list = find(all, object);
    if (!list) return "no such object";
    for (const json::value& v : list->as_array())
      if (text_or(v.as_object(), "path") == path) return origin_line(v.as_object());
    return "no such field";
  }
};

TEST_F(Explaining, a_fields_line_column_key_and_line_of_the_key_are_told) {
  auto e = explain();
  EXPECT_EQ(line(e, "final", "replicas"),
            "projects/hello-world/template.json.j2:3:18 `config.replicas` <- production.replicas "
            "(environments.json:8)");
  EXPECT_EQ(line(e, "final", "autoscale.max"),
            "projects/hello-world/template.json.j2:5:19 `config.autoscale | tojson` <- "
            "production.autoscale.max (environments.json:9)");
  EXPECT_EQ(line(e, "final", "labels.team"), "projects/hello-world/template.json.j2:7:22");
  EXPECT_EQ(line(e, "final", "containers[app].image"),
            "projects/hello-world/template.json.j2:17:19 `(build.image or "
            "\"registry.example.com/hello-world:\" ~ build.sha) | tojson` <- build.sha, build.image");
}

TEST_F(Explaining, a_manifests_field_is_followed_through_the_standard_to_the_projects_template_and_the_key) {
  auto e = explain();
  EXPECT_EQ(line(e, "ReplicationController", "spec.template.spec.containers[app].env[LOG_LEVEL].value"),
            "projects/hello-world/template.json.j2:19:17 `config.env | tojson`, through "
            "standards/pod-template.json.j2:8 <- production.env.LOG_LEVEL (environments.json:10)");
  EXPECT_EQ(line(e, "HorizontalPodAutoscaler", "spec.metrics[0].resource.target.averageUtilization"),
            "projects/hello-world/template.json.j2:5:19 `config.autoscale | tojson`, through "
            "standards/horizontal-pod-autoscaler.json.j2:19 <- production.autoscale.cpu "
            "(environments.json:9)");
  EXPECT_EQ(line(e, "Service", "spec.ports[rest].port"),
            "built-in standards/service.json.j2:20:35 `ports.rest` <- ports.rest");
}

TEST_F(Explaining, what_lemmy_stamps_is_said_with_its_rule_even_where_a_template_wrote_the_same) {
  auto e = explain(R"({"replicas": 1, "labels": {"project": "hello-world", "team": "x"},
    "containers": [{"name": "app", "image": "i", "env": {"PROJECT": "hello-world", "MINE": "1"}}]})",
                   "{}");
  const std::string pod = "spec.template.spec.containers[app].";
  EXPECT_EQ(line(e, "ReplicationController", "spec.template.metadata.labels.project"),
            "stamped by Lemmy: labels");
  EXPECT_EQ(line(e, "ReplicationController", "spec.template.metadata.labels.team"),
            "projects/hello-world/template.json.j2:1:62, through standards/pod-template.json.j2:3");
  EXPECT_EQ(line(e, "ReplicationController", pod + "env[PROJECT].value"), "stamped by Lemmy: variables");
  EXPECT_EQ(line(e, "ReplicationController", pod + "env[PROJECT].name"), "stamped by Lemmy: variables");
  EXPECT_EQ(line(e, "ReplicationController", pod + "env[MINE].name"),
            "projects/hello-world/template.json.j2:2:84, through standards/pod-template.json.j2:8");
  EXPECT_EQ(line(e, "ReplicationController", pod + "volumeMounts[lemmy-secrets].name"),
            "stamped by Lemmy: mounts");
  EXPECT_EQ(line(e, "ReplicationController", "spec.selector.deploy"), "stamped by Lemmy: selector");
  EXPECT_EQ(line(e, "ReplicationController", "metadata.name"), "stamped by Lemmy: name");
  EXPECT_EQ(line(e, "ConfigMap", "data[\"app.json\"]"), "projects/hello-world/config/app.json:1:1");
}

TEST_F(Explaining, keys_are_followed_through_filters_loops_macros_set_and_arithmetic) {
  auto e = explain(
      R"({% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}
{% set zone = config.vars.zone | upper %}
{% set text %}a{{ config.vars.text }}z{% endset %}
{"replicas": {{ config.vars.n * 2 + config.vars.m }},
 "labels": {"zone": "{{ zone }}", "twice": "{{ twice(config.vars.text) }}", "set": {{ text | tojson }}
   {%- for k in config.vars.more %}, "more-{{ loop.index }}": "{{ k.name }}"{% endfor %}},
 "containers": [{"name": "app", "image": "i"}]})",
      R"({"vars": {"zone": "a", "text": "t", "n": 2, "m": 3, "more": [{"name": "p"}, {"name": "q"}]}})");
  const std::string at = "projects/hello-world/template.json.j2:";
  EXPECT_EQ(line(e, "final", "replicas"),
            at + "4:17 `config.vars.n * 2 + config.vars.m` <- production.vars.n (environments.json:7), "
                 "production.vars.m (environments.json:7)");
  EXPECT_EQ(line(e, "final", "labels.zone"),
            at + "5:21 `\"{{ zone }}\"` <- production.vars.zone (environments.json:7)");
  EXPECT_EQ(line(e, "final", "labels.twice"),
            at + "5:44 `\"{{ twice(config.vars.text) }}\"` <- production.vars.text (environments.json:7)");
  EXPECT_EQ(line(e, "final", "labels.set"),
            at + "5:87 `text | tojson` <- production.vars.text (environments.json:7)");
  EXPECT_EQ(line(e, "final", "labels.more-2"),
            at + "6:63 `\"{{ k.name }}\"` <- production.vars.more[1].name (environments.json:7)");
}

TEST_F(Explaining, a_key_that_a_condition_asks_decides_over_the_field) {
  auto e = explain(R"({"replicas": 1, {% if config.vars.proxy %}"labels": {"proxy": "on"},{% endif %}
    "containers": [{"name": "app", "image": "{{ "a" if config.vars.big else "b" }}"}]})",
                   R"({"vars": {"proxy": true, "big": false}})");
  EXPECT_EQ(line(e, "final", "labels.proxy"),
            "projects/hello-world/template.json.j2:1:63 <- if production.vars.proxy (environments.json:7)");
  EXPECT_EQ(line(e, "final", "containers[app].image"),
            "projects/hello-world/template.json.j2:2:45 `\"{{ \"a\" if config.vars.big else \"b\" }}\"` <- "
            "production.vars.big (environments.json:7)");
}

TEST_F(Explaining, a_key_whose_every_other_value_is_refused_is_only_perhaps_the_one) {
  auto e = explain(R"({"replicas": {{ {"small": 1, "large": 9}[config.vars.size] }},
    "containers": [{"name": "app", "image": "i"}]})",
                   R"({"vars": {"size": "small"}})");
  EXPECT_EQ(line(e, "final", "replicas"),
            "projects/hello-world/template.json.j2:1:17 `{\"small\": 1, \"large\": 9}[config.vars.size]` <- "
            "perhaps production.vars.size (environments.json:7)");
}

TEST_F(Explaining, the_errors_are_those_of_a_render) {
  auto e = explain(R"({"replicas": {{ config.nope }}})", "{}");
  ASSERT_FALSE(e);
  EXPECT_EQ(e.error().where, "projects/hello-world/template.json.j2:1:17");
  EXPECT_EQ(explain("nowhere").error().code, ErrorCode::not_found);
}

TEST_F(Explaining, what_was_sent_in_place_of_a_rendered_value_is_said_to_be_lemmys) {
  auto e = *explain();
  json::object all = to_json(e), rc = e.manifests.controller();
  set_replicas(rc, 9);
  stamp_object(rc, {"hello-world", "production", "fedcba9", "main", 8, ""}, "hello-world-fedcba9-8");
  say_sent(all, {rc});
  std::map<std::string, std::string> now;
  for (const json::value& v : all["ReplicationController"].as_array())
    now[std::string(text_or(v.as_object(), "path"))] =
        shown_value(v.at("value")) + " " + origin_line(v.as_object());
  EXPECT_EQ(now["spec.replicas"], "9 stamped by Lemmy: hand-over");
  EXPECT_EQ(now["metadata.name"], "hello-world-fedcba9-8 stamped by Lemmy: name");
  EXPECT_TRUE(now["spec.minReadySeconds"].starts_with("0 built-in standards/"));
}

// Every field, its value and its origin of every sample project, as people see them. After a wanted change:
// LEMMY_UPDATE_GOLDEN=1 build/src/manifest_test
TEST_F(Explaining, the_sample_projects_are_explained_as_in_the_golden_files) {
  for (const char* tree : {"share/playground/config", "docs/examples/config"}) {
    auto loaded = *config::load(kRoot / tree);
    for (const auto& [name, p] : loaded->projects)
      for (const auto& environment : p.environments) {
        if (environment.deployer != Deployer::kubernetes) continue;
        auto renderer = *Renderer::create(*loaded, p);
        auto e = renderer->explain(environment.name, kExplained, 7);
        ASSERT_TRUE(e) << e.error().str();
        EXPECT_TRUE(e->complete);
        std::string text;
        for (const auto& [object, list] : to_json(*e)) {
          text += fmt::format("{}\n", std::string_view(object));
          for (const json::value& v : list.as_array())
            text += fmt::format("  {} = {}\n      {}\n", text_or(v.as_object(), "path"),
                                shorten(shown_value(v.at("value")), 60), origin_line(v.as_object()));
        }
        const std::string which = std::string(tree).starts_with("docs") ? "example" : "playground";
        const fs::path file =
            kRoot / "src/manifest/golden" / fmt::format("{}-{}-{}.txt", which, name, environment.name);
        if (std::getenv("LEMMY_UPDATE_GOLDEN")) ASSERT_TRUE(write_file(file, text));
        EXPECT_EQ(text, read_file(file).value_or("")) << file;
      }
  }
}

TEST_F(Explaining, every_field_of_the_samples_is_accounted_for_and_the_manifests_are_those_of_a_render) {
  for (const auto& [name, p] : config->projects)
    for (const auto& environment : p.environments) {
      if (environment.deployer != Deployer::kubernetes) continue;
      auto renderer = *Renderer::create(*config, p);
      auto e = *renderer->explain(environment.name, kExplained, 7);
      auto m = *renderer->render(environment.name, kExplained, 7);
      EXPECT_EQ(json::serialize(e.manifests.controller()), json::serialize(m.controller()));
      EXPECT_EQ(json::serialize(e.manifests.final), json::serialize(m.final));
      EXPECT_EQ(e.objects[0].fields.size(), fields(m.final).size());
      EXPECT_EQ(e.objects[1].fields.size(), fields(m.controller()).size());
      for (const Explained& object : e.objects)
        for (const Origin& o : object.fields) {
          EXPECT_TRUE(!o.rule.empty() || !o.written.empty()) << name << " " << object.object << " " << o.path;
          for (const Place& place : o.written) {  // the text stands where it is said to
            if (place.built_in || place.text.ends_with("…")) continue;
            const std::string text = *read_file(kRoot / "share/playground/config" / place.file);
            std::string_view row = split(text, '\n')[place.line - 1];
            EXPECT_TRUE(row.substr(place.column - 1).starts_with(place.text)) << place.text;
          }
        }
    }
}

TEST(Fields, have_paths_by_names_where_items_have_them_and_quoted_keys_where_needed) {
  auto v = *parse_json(R"({"a": {"b.c": 1, "": {}}, "l": [{"name": "x", "v": 2}], "m": [1, [], null]})", "");
  std::string all;
  for (const Field& f : fields(v)) all += f.path + "=" + shown_value(f.value) + " ";
  EXPECT_EQ(all, R"(a["b.c"]=1 a[""]={} l[x].name=x l[x].v=2 m[0]=1 m[1]=[] m[2]=null )");
  EXPECT_TRUE(fields(json::object{}).empty());
  EXPECT_TRUE(fields(nullptr).empty());
}

TEST(Fields, that_changed_are_told_with_old_and_new_value) {
  auto a = *parse_json(R"({"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}], "n": 1})", "");
  auto b =
      *parse_json(R"({"env": [{"name": "NEW", "value": "0"}, {"name": "B", "value": "3"}], "n": 1})", "");
  std::string all;
  for (const Change& c : changes(a, b))
    all += fmt::format("{}:{}>{} ", c.path, c.before ? shown_value(*c.before) : "-",
                       c.after ? shown_value(*c.after) : "-");
  EXPECT_EQ(all, "env[NEW].name:->NEW env[NEW].value:->0 env[B].value:2>3 env[A].name:A>- env[A].value:1>- ");
  EXPECT_TRUE(changes(a, a).empty());
}

}  // namespace
}  // namespace lemmy::manifest
