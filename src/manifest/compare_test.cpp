#include "manifest/compare.h"

#include <gmock/gmock.h>

#include "base/source_dir_test.h"

namespace lemmy::manifest {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kFirst = "aaaaaaa00000000";
constexpr const char* kSecond = "bbbbbbb00000000";

struct Comparing : testing::Test {
  std::shared_ptr<const config::Config> config =
      *config::load(kSourceDir + std::string("/share/playground/config"));
  config::Project project = *config->project("hello-world");

  void edit(const std::string& from, const std::string& to) {
    for (auto& f : project.templates)
      if (const size_t at = f.text.find(from); f.name == "template.json.j2" && at != f.text.npos)
        f.text.replace(at, from.size(), to);
  }
  Sent send(const std::string& sha, int64_t number, const std::string& environment = "staging") {
    auto r = Renderer::create(*config, project);
    EXPECT_TRUE(r);
    auto e = (*r)->explain(environment, {"hello-world", sha, "main"}, number);
    EXPECT_TRUE(e) << e.error().str();
    Sent out;
    out.final = e->manifests.final;
    out.manifests = e->manifests.in_order();
    out.origins = to_json(*e);
    return out;
  }
  static Stamp stamp(const std::string& sha, int64_t number, const std::string& environment = "staging") {
    return {"hello-world", environment, sha, "main", number, "hello-world-x"};
  }
  static std::vector<std::string> paths(const std::vector<FieldChange>& all) {
    std::vector<std::string> out;
    for (const FieldChange& c : all) out.push_back(c.object + " " + c.change.path);
    return out;
  }
};

TEST_F(Comparing, the_same_configuration_differs_by_nothing_but_what_follows_the_build) {
  auto found = what_differs(send(kFirst, 1), send(kSecond, 2), stamp(kSecond, 2));
  EXPECT_THAT(paths(found), ElementsAre("final containers[app].image"));
  EXPECT_TRUE(found[0].by_build);
  EXPECT_THAT(found[0].from, HasSubstr("build.sha"));
  EXPECT_THAT(what_differs(send(kFirst, 1), send(kFirst, 2), stamp(kFirst, 2)), ElementsAre());
}

TEST_F(Comparing, a_field_is_named_once_with_where_its_new_value_comes_from) {
  Sent before = send(kFirst, 1);
  edit("\"periodSeconds\": 2", "\"periodSeconds\": 7, \"timeoutSeconds\": 3");
  edit("\"labels\": {\"team\": \"hello\"},", "");
  auto found = what_differs(before, send(kFirst, 2), stamp(kFirst, 2));
  EXPECT_THAT(paths(found),
              ElementsAre("final containers[app].readinessProbe.periodSeconds",
                          "final containers[app].readinessProbe.timeoutSeconds", "final labels.team"));
  EXPECT_EQ(found[0].change.before, json::value(2));
  EXPECT_EQ(found[0].change.after, json::value(7));
  EXPECT_THAT(found[0].from, HasSubstr("projects/hello-world/template.json.j2:2"));
  EXPECT_FALSE(found[0].by_build);
  EXPECT_FALSE(found[2].change.after);
  EXPECT_THAT(found[2].from, HasSubstr("projects/hello-world/template.json.j2:7"));
}

TEST_F(Comparing, the_first_item_of_what_was_empty_is_one_difference) {
  Sent before, after;
  auto rc = [](json::object annotations) {
    json::object meta{{"annotations", std::move(annotations)}};
    return json::array{json::object{{"kind", "ReplicationController"},
                                    {"spec", {{"template", {{"metadata", std::move(meta)}}}}}}};
  };
  before.final = json::object{};
  after.final = json::object{{"annotations", {{"a", "1"}}}};
  before.manifests = rc({});
  after.manifests = rc({{"a", "1"}});
  EXPECT_THAT(paths(what_differs(before, after, stamp(kFirst, 2))), ElementsAre("final annotations.a"));
}

TEST_F(Comparing, how_many_pods_were_handed_over_is_no_difference_but_bounds_are) {
  Sent before = send(kFirst, 1, "production"), after = send(kFirst, 2, "production");
  for (json::value& m : before.manifests)
    if (text_or(m.as_object(), "kind") == "ReplicationController") set_replicas(m.as_object(), 11);
  EXPECT_EQ(scale_of(before.manifests).replicas, 11);
  EXPECT_EQ(scale_of(before.manifests).max, 12);
  EXPECT_THAT(what_differs(before, after, stamp(kFirst, 2, "production")), ElementsAre());
  edit("{{ config.autoscale | tojson }}", "{\"min\": 4, \"max\": 9, \"cpu\": 70}");
  auto found = what_differs(before, send(kFirst, 2, "production"), stamp(kFirst, 2, "production"));
  EXPECT_THAT(paths(found), ElementsAre("final autoscale.max", "HorizontalPodAutoscaler spec.maxReplicas"));
}

TEST_F(Comparing, files_of_the_config_map_are_fields) {
  Sent before = send(kFirst, 1), after = send(kFirst, 2);
  bool changed = false;
  for (json::value& m : after.manifests)
    if (text_or(m.as_object(), "kind") == "ConfigMap")
      changed = true, m.as_object()["data"].as_object()["app.json"] = "{}";
  ASSERT_TRUE(changed);
  EXPECT_THAT(paths(what_differs(before, after, stamp(kFirst, 2))),
              ElementsAre("ConfigMap data[\"app.json\"]"));
}

json::array with_images(std::vector<std::pair<std::string, std::string>> list) {
  json::array containers;
  for (auto& [name, image] : list) containers.push_back({{"name", name}, {"image", image}});
  json::object spec{{"template", {{"spec", {{"containers", std::move(containers)}}}}}};
  return {json::object{{"kind", "ReplicationController"}, {"spec", std::move(spec)}}};
}

std::string state(const std::string& before, const std::string& after) {
  auto found = compare_images(with_images({{"app", before}}), with_images({{"app", after}}));
  return std::string(found.at(0).at("state").as_string());
}

TEST(Images, are_the_same_only_by_their_digest) {
  EXPECT_EQ(state("r:5000/a:1@sha256:aa", "r:5000/a:2@sha256:aa"), "same_digest");
  EXPECT_EQ(state("a@sha256:aa", "a@sha256:bb"), "other_digest");
  EXPECT_EQ(state("r:5000/a:1", "r:5000/a:1"), "same_tag");
  EXPECT_EQ(state("r/a", "r/a"), "same_tag");
  EXPECT_EQ(state("r/a:1", "r/a:2"), "other");
  EXPECT_EQ(state("r/a:1", "r/a:1@sha256:aa"), "other");
}

TEST(Images, of_containers_that_come_and_go_are_told) {
  auto found =
      compare_images(with_images({{"app", "a"}, {"old", "o"}}), with_images({{"new", "n"}, {"app", "a"}}));
  std::vector<std::string> told;
  for (const json::value& v : found)
    told.push_back(std::string(v.at("container").as_string()) + " " + std::string(v.at("state").as_string()));
  EXPECT_THAT(told, ElementsAre("new added", "app same_tag", "old removed"));
}

TEST(Values, are_shown_from_shortly_before_where_they_begin_to_differ) {
  const std::string same(100, 'x');
  auto [before, after] = shown_values({"p", json::value(same + "1"), json::value(same + "2")}, 20);
  EXPECT_EQ(before, "…xxxxxxxxxxxx1");
  EXPECT_EQ(after, "…xxxxxxxxxxxx2");
  EXPECT_EQ(shown_values({"p", std::nullopt, json::value(7)}, 20),
            std::pair(std::string("-"), std::string("7")));
}

}  // namespace
}  // namespace lemmy::manifest
