#include "config/config.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/crypto.h"
#include "base/files.h"
#include "config/sample_test.h"

namespace lemmy::config {
namespace {

struct Loading : Sample {
  // The one problem that is expected.
  Error problem() {
    auto c = load(dir);
    if (c) return {ErrorCode::internal, "", "no problem was found"};
    EXPECT_EQ(c.error().size(), 1u);
    return c.error()[0];
  }
  std::vector<std::string> problems() {
    std::vector<std::string> out;
    if (auto c = load(dir); !c)
      for (const Error& e : c.error()) out.push_back(e.str());
    return out;
  }
};

TEST_F(Loading, the_annotated_example_is_valid_and_says_what_the_docs_say) {
  auto c = load(dir);
  ASSERT_TRUE(c) << c.error()[0].str();
  const Project* p = (*c)->project("hello-world");
  ASSERT_TRUE(p);
  EXPECT_EQ(p->environments[1].name, "production");
  EXPECT_EQ(p->environments[1].line, 7);
  EXPECT_EQ(p->files[0].name, "app-config.json");
  EXPECT_EQ((*c)->environment("staging")->retire.keep, 5);
  EXPECT_TRUE((*c)->environment("production")->is_protected);
  EXPECT_EQ((*c)->clusters.at("main").context, "main");
}

TEST_F(Loading, every_key_of_the_example_shows_its_default) {
  put("projects/hello-world/project.yaml", "");
  auto plain = *load(dir);
  const Project* p = plain->project("hello-world");
  EXPECT_EQ(p->deadline, milliseconds{600'000});
  EXPECT_EQ(p->settle, milliseconds{10'000});
  EXPECT_EQ(p->history, 20);
  EXPECT_TRUE(p->service);
}

TEST_F(Loading, an_unknown_key_is_placed_and_a_near_one_offered) {
  put("projects/hello-world/project.yaml", "history: 3\ndedline: 5m\n");
  Error e = problem();
  EXPECT_EQ(e.where, "projects/hello-world/project.yaml:2:1 dedline");
  EXPECT_EQ(e.hint, "did you mean 'deadline'?");
}

TEST_F(Loading, a_number_that_is_too_large_is_placed) {
  put("projects/user-service/environments.json", "{\"staging\": {\n \"env\": {\"A\": 1e400}}}");
  Error e = problem();
  EXPECT_EQ(e.where, "projects/user-service/environments.json:2:15");
  EXPECT_EQ(e.what, "a number in it is too large");
}

// As editors write it on Windows.
TEST_F(Loading, a_byte_order_mark_is_no_part_of_environments_json) {
  put("projects/user-service/environments.json", "\xef\xbb\xbf{\"staging\": {\"replicas\": 3}}");
  auto c = load(dir);
  ASSERT_TRUE(c) << c.error()[0].str();
  ASSERT_EQ((*c)->project("user-service")->environments.size(), 1u);
  put("projects/user-service/environments.json", "\xef\xbb\xbf{\"staging\": {\"replica\": 3}}");
  EXPECT_EQ(problem().where, "projects/user-service/environments.json:1:14 staging.replica");
}

TEST_F(Loading, a_wrong_value_in_environments_json_is_placed) {
  put("projects/user-service/environments.json", "{\n \"staging\": {\n  \"replicas\": \"many\"}}");
  EXPECT_EQ(problem().where, "projects/user-service/environments.json:3:15 staging.replicas");
  put("projects/user-service/environments.json", "{\"staging\": {\"autoscale\": {\"min\": 5, \"max\": 2}}}");
  EXPECT_EQ(problem().what, "max is less than min");
  put("projects/user-service/environments.json", "{\"staging\": {\"replica\": 2}}");
  EXPECT_EQ(problem().hint, "did you mean 'replicas'?");
  put("projects/user-service/environments.json", "{\"staging\": {\"replicas\": 2,}}");
  EXPECT_EQ(problem().where.substr(0, 42), "projects/user-service/environments.json:1:");
  put("projects/user-service/environments.json", "{\"staging\": {\"vars\": {\"any\": [\"thing\"]}}}");
  EXPECT_TRUE(load(dir));
}

TEST_F(Loading, what_is_let_go_is_read_and_each_limit_can_be_switched_off) {
  auto plain = load(dir);
  EXPECT_EQ((*plain)->retention, Retention{});
  auto read = [&](const std::string& text) {
    put("environments.yaml",
        "environments:\n  - {name: staging, cluster: main}\n  - {name: production, cluster: "
        "main}\nretention: " +
            text + "\n");
  };
  read(
      "{every: 10s, deploys: 3, deploys_for: 2d, builds: 5, builds_for: 1ms, deliveries_for: 90d, "
      "feed_for: 3d, feed_most: 7}");
  auto c = load(dir);
  ASSERT_TRUE(c) << c.error()[0].str();
  using std::chrono::days;
  EXPECT_EQ((*c)->retention, (Retention{seconds{10}, 3, days{2}, 5, milliseconds{1}, days{90}, days{3}, 7}));
  for (const char* off : {"{deploys: never, deploys_for: never, builds: never, builds_for: never, "
                          "deliveries_for: never, feed_for: never, feed_most: never}",
                          "{deploys: 0, deploys_for: 0, builds: 0, builds_for: 0, deliveries_for: 0, "
                          "feed_for: 0, feed_most: 0}"}) {
    read(off);
    c = load(dir);
    ASSERT_TRUE(c) << c.error()[0].str();
    EXPECT_EQ((*c)->retention, (Retention{Retention{}.every, std::nullopt, std::nullopt, std::nullopt,
                                          std::nullopt, std::nullopt, std::nullopt, std::nullopt}));
  }
  read("{deploy: 3}");
  EXPECT_NE(problem().str().find("did you mean 'deploys'?"), std::string::npos) << problem().str();
  for (const char* bad : {"{deploys: -1}", "{deploys: many}", "{deploys_for: soon}", "{deliveries_for: 1m}",
                          "{every: 0s}", "[1]"}) {
    read(bad);
    EXPECT_NE(problem().where.find("retention"), std::string::npos) << bad << problem().str();
  }
}

TEST_F(Loading, every_problem_is_reported_at_once) {
  put("projects/Bad_Name/project.yaml", "");
  put("environments.yaml",
      "environments:\n- {name: staging, cluster: mian, retire: {keep: -1}}\n- {name: staging}\n");
  auto c = load(dir);
  ASSERT_FALSE(c);
  std::string all;
  for (const Error& e : c.error()) all += e.str() + "\n";
  EXPECT_NE(all.find("'Bad_Name' is not a project name"), all.npos) << all;
  EXPECT_NE(all.find("there is no cluster 'mian' (known are: main)"), all.npos) << all;
  EXPECT_NE(all.find("a whole number from 0 to 1000"), all.npos) << all;
  EXPECT_NE(all.find("listed twice"), all.npos) << all;
}

TEST_F(Loading, what_is_missing_says_what_to_do) {
  EXPECT_EQ(load("/no/such/folder").error()[0].hint, "name the configuration folder with --config");
  fs::remove(dir / "projects/user-service/template.json.j2");
  EXPECT_EQ(problem().where, "projects/user-service/template.json.j2");
  fs::remove_all(dir / "projects");
  EXPECT_EQ(problem().what, "there are no projects");
}

// A disk that answers with an error shows no smaller tree.
TEST_F(Loading, what_cannot_be_looked_at_is_told_and_not_left_out) {
  fs::create_symlink("loop", dir / "projects/loop");
  EXPECT_EQ(problem().where, "projects/loop");
  EXPECT_NE(problem().what.find("cannot be looked at"), std::string::npos);
  fs::remove(dir / "projects/loop");
  fs::remove(dir / "access.yaml");
  fs::create_symlink("access.yaml", dir / "access.yaml");
  EXPECT_NE(problem().what.find("link"), std::string::npos) << problem().what;
}

TEST_F(Loading, a_link_out_of_the_tree_and_too_large_files_are_refused) {
  fs::create_symlink("/etc/passwd", dir / "projects/hello-world/config/passwd");
  EXPECT_NE(problem().what.find("leads out"), std::string::npos);
  fs::remove(dir / "projects/hello-world/config/passwd");
  put("projects/hello-world/config/big", std::string(2 << 20, 'x'));
  EXPECT_NE(problem().what.find("larger"), std::string::npos);
}

TEST_F(Loading, broken_yaml_and_keys_that_stand_twice_are_placed) {
  put("clusters.yaml", "clusters:\n  main: [\n");
  EXPECT_EQ(problem().where.substr(0, 14), "clusters.yaml:");
  put("clusters.yaml", "clusters: {main: {in_cluster: true}}\n");
  put("projects/user-service/project.yaml", "history: 1\nhistory: 2\n");
  EXPECT_EQ(problem().where, "projects/user-service/project.yaml:2:1 history");
}

TEST_F(Loading, json_that_does_not_parse_is_shown_with_what_is_probably_wrong) {
  auto error = [&](const std::string& text) {
    put("projects/user-service/environments.json", text);
    return problem();
  };
  EXPECT_EQ(error("{\n\"staging\": {\"replicas\": 2,}}").detail,
            "    1 | {\n    2 | \"staging\": {\"replicas\": 2,}}\n      |                           ^\n");
  EXPECT_EQ(problem().hint, "is there a comma too many before it?");
  EXPECT_EQ(error("{\"staging\": {\"replicas\": 2} \"production\": {}}").hint,
            "is a comma missing before it, or a quotation mark?");
  EXPECT_EQ(error("{\n// two\n\"staging\": {}}").hint, "JSON has no comments");
  EXPECT_EQ(error("{'staging': {}}").hint, "JSON wants double quotation marks");
  EXPECT_EQ(error("{\"staging\": {").hint, "a closing } or ] or a quotation mark is missing");
  EXPECT_NE(error("").hint.find("the file is empty"), std::string::npos);
}

TEST_F(Loading, yaml_that_does_not_parse_is_shown_with_what_is_probably_wrong) {
  put("projects/user-service/project.yaml", "owners:\n\t- ann\n");
  EXPECT_EQ(problem().hint, "YAML is indented with spaces, not with tabs");
  put("projects/user-service/project.yaml", "description: says: hello\n");
  EXPECT_EQ(problem().hint, "a text with ': ' in it needs quotation marks");
  EXPECT_NE(problem().detail.find("1 | description: says: hello"), std::string::npos);
}

TEST_F(Loading, the_revision_changes_with_any_file) {
  auto before = (*load(dir))->revision;
  EXPECT_EQ((*load(dir))->revision, before);
  put("projects/hello-world/config/app-config.json", "{}");
  EXPECT_NE((*load(dir))->revision, before);
}

TEST_F(Loading, a_misspelt_name_in_a_project_is_not_silently_left_out) {
  const fs::path p = dir / "projects/hello-world";
  fs::rename(p / "config", p / "configs");
  put("projects/hello-world/project.yml", "");
  put("projects/hello-world/environment.json", "{}");
  put("projects/hello-world/templates.json.j2", "{}");
  put("projects/hello-world/probes.j2", "{}");
  put("projects/hello-world/objects/one.json.j2", "{}");
  auto all = problems();
  std::ranges::sort(all);
  const std::string at = "projects/hello-world/";
  EXPECT_EQ(all, (std::vector<std::string>{
                     at + "configs: this is not read (did you mean 'config'?)",
                     at + "environment.json: this is not read (did you mean 'environments.json'?)",
                     at + "project.yml: this is not read (did you mean 'project.yaml'?)",
                     at + "templates.json.j2: nothing includes this (did you mean 'template.json.j2'?)"}));
}

TEST_F(Loading, what_stands_beside_a_project_and_is_not_read_is_a_warning) {
  for (const char* name : {"template.json.j2.bak", "values.yaml", "README.md", ".hidden.yaml"})
    put(std::string("projects/hello-world/") + name, "x");
  auto c = load(dir);
  ASSERT_TRUE(c) << c.error()[0].str();
  ASSERT_EQ((*c)->warnings.size(), 2u);
  EXPECT_TRUE((*c)->warnings[0].str().contains("this is not read"));
}

TEST_F(Loading, a_schema_of_another_name_is_not_silently_left_out) {
  put("standards/README.md", "x");
  put("standards/own.j2", "x");
  for (const char* name :
       {"standards/schema.json", "standards/final.schema.yaml", "standards/final_schema.json",
        "standards/schemas/final.json", "final.schema.json"}) {
    put(name, "{}");
    EXPECT_EQ(problems().size(), 1u) << name;
    fs::remove_all(dir / (std::string(name).starts_with("standards/schemas") ? "standards/schemas" : name));
  }
  for (const char* name : {"standards/final.json", "projects/web.yaml", "template.json.j2"}) {
    put(name, "{}");
    auto c = load(dir);
    ASSERT_TRUE(c) << name;
    ASSERT_EQ((*c)->warnings.size(), 1u) << name;
    EXPECT_EQ((*c)->warnings[0].what, "this is not read");
    fs::remove(dir / name);
  }
}

TEST_F(Loading, a_missing_file_and_a_folder_in_its_place_say_what_is_expected) {
  const fs::path file = dir / "projects/user-service/environments.json";
  fs::remove(file);
  ASSERT_FALSE(problems().empty());
  EXPECT_TRUE(problems()[0].contains(R"({"staging": {"replicas": 2}} would do)")) << problems()[0];
  fs::create_directory(file);
  EXPECT_TRUE(problems()[0].contains("a file of this name is expected")) << problems()[0];
  fs::remove_all(file);
  put("projects/user-service/environments.json", "{\"staging\": {}}");
  fs::remove_all(dir / "projects/user-service/config");
  put("projects/user-service/config", "x");
  EXPECT_EQ(problems(), std::vector<std::string>{
                            "projects/user-service/config: a folder is expected (put the file into a "
                            "folder of this name)"});
}

}  // namespace
}  // namespace lemmy::config
