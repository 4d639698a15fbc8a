// What config_test.cpp does not look at: access.yaml, deployers and hosts, places in JSON, and the docs.
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "base/crypto.h"
#include "base/files.h"
#include "config/sample_test.h"
#include "config/sections.h"
#include "config/tree.h"

namespace lemmy::config {
namespace {

struct Tree : Sample {
  std::vector<std::string> problems() {
    std::vector<std::string> out;
    if (auto c = load(dir); !c)
      for (const Error& e : c.error()) out.push_back(e.str());
    return out;
  }
  using Strings = std::vector<std::string>;
};

TEST_F(Tree, the_example_says_who_may_come_in) {
  auto c = load(dir);
  ASSERT_TRUE(c) << c.error()[0].str();
  EXPECT_TRUE((*c)->warnings.empty());
  EXPECT_TRUE((*c)->has_access);
  const Access& a = (*c)->access;
  ASSERT_EQ(a.users.size(), 3u);
  EXPECT_EQ(a.user("ann")->role, Role::admin);
  EXPECT_EQ(a.user("wall-screen")->password_hash, "");
  EXPECT_EQ(a.tokens[0].projects, Strings{"hello-world"});
  EXPECT_EQ(a.hooks[1].secret_file, (dir / "../secrets/hook-images").lexically_normal());
  Access plain = *parse_access("", "access.yaml");
  EXPECT_EQ(plain.anonymous, a.anonymous);
  EXPECT_EQ(plain.session_lifetime, a.session_lifetime);
  EXPECT_EQ(plain.logins_per_minute, a.logins_per_minute);
  EXPECT_EQ(plain.hooks_per_minute, a.hooks_per_minute);
}

TEST_F(Tree, mistakes_in_access_yaml_are_placed) {
  put("access.yaml", "users:\n  ann: {role: amdin}\n");
  EXPECT_EQ(problems(),
            Strings{"access.yaml:2:15 users.ann.role: 'amdin' is not a role (did you mean 'admin'?)"});
  put("access.yaml", "users:\n  ann: {role: admin, password_hash: secret}\n");
  EXPECT_EQ(problems(),
            Strings{"access.yaml:2:37 users.ann.password_hash: this is not an argon2id hash (`lemmy "
                    "user password ann` makes one)"});
  put("access.yaml", "tokens:\n  ci:\n    role: viewer\n    hash: abc\n    projects: [hello-wrld]\n");
  ASSERT_EQ(problems().size(), 2u);
  EXPECT_NE(problems()[1].find("there is no project 'hello-wrld' (did you mean 'hello-world'?)"),
            std::string::npos);
  put("access.yaml", "hooks:\n  x: {secret_env: A, secret_file: b}\n  y: {}\n");
  EXPECT_EQ(problems().size(), 2u);
  put("access.yaml", "users:\n  'a b': {role: admin}\nanonymous: everybody\nsession: {lifetime: 1y}\n");
  EXPECT_EQ(problems().size(), 3u);
}

TEST_F(Tree, everything_in_environments_json_knows_its_line) {
  put("projects/user-service/environments.json",
      "{\n  \"staging\": {\n    \"vars\": {\n      \"a/b~c\": [1,\n        {\"d\": 2}],\n      \"e\": "
      "null\n    }\n  }\n}");
  auto c = load(dir);
  ASSERT_TRUE(c) << c.error()[0].str();
  const std::map<std::string, int> lines{
      {"/vars", 3},           {"/vars/a~1b~0c", 4},     {"/vars/a~1b~0c/0", 4},
      {"/vars/a~1b~0c/1", 5}, {"/vars/a~1b~0c/1/d", 5}, {"/vars/e", 6}};
  EXPECT_EQ((*c)->project("user-service")->environments[0].lines, lines);
}

TEST_F(Tree, one_environment_can_move_to_another_deployer) {
  put("projects/user-service/environments.json",
      R"({"staging": {"replicas": 1, "deployer": "ansible"}, "production": {"replicas": 1}})");
  ASSERT_EQ(problems().size(), 1u);
  EXPECT_NE(problems()[0].find("its playbook ansible/playbooks/user-service.yml is missing"),
            std::string::npos);
  put("ansible/playbooks/user-service.yml", "[]\n");
  auto c = load(dir);
  ASSERT_TRUE(c) << c.error()[0].str();
  const Project& p = *(*c)->project("user-service");
  EXPECT_EQ(p.environment("staging")->deployer, Deployer::ansible);
  EXPECT_EQ(p.environment("production")->deployer, Deployer::kubernetes);
  EXPECT_EQ(p.playbook, "user-service.yml");
}

TEST_F(Tree, a_project_for_hosts_alone_needs_no_template) {
  put("projects/hosts/project.yaml", "deployer: ansible\nplaybook: web.yml\nhosts: web:&{environment}\n");
  put("projects/hosts/environments.json", R"({"staging": {}})");
  put("ansible/playbooks/web.yml", "[]\n");
  auto c = load(dir);
  ASSERT_TRUE(c) << c.error()[0].str();
  EXPECT_EQ(hosts_pattern(*(*c)->project("hosts"), "staging"), "web:&staging");
  EXPECT_EQ(hosts_pattern(*(*c)->project("user-service"), "blue-green"),
            "project_user_service:&environment_blue_green");
  EXPECT_EQ((*c)->project("hosts")->timeout, std::chrono::hours(1));
  put("projects/hosts/project.yaml",
      "deployer: ansible\nplaybook: web.yml\ntimeout: 3h\nboot: newest\nboot_branch: main\n");
  auto more = load(dir);
  ASSERT_TRUE(more) << more.error()[0].str();
  EXPECT_EQ((*more)->project("hosts")->timeout, std::chrono::hours(3));
  EXPECT_EQ((*more)->project("hosts")->boot_branch, "main");
  put("projects/hosts/project.yaml", "deployer: ansible\nplaybook: web.yml\nboot_branch: main\n");
  EXPECT_NE(problems()[0].find("only for boot: newest"), std::string::npos);
  put("projects/hosts/project.yaml", "deployer: ansibel\n");
  EXPECT_NE(problems()[0].find("did you mean 'ansible'?"), std::string::npos);
}

TEST_F(Tree, with_several_clusters_an_environment_says_which) {
  EXPECT_EQ((*load(dir))->environment("staging")->cluster, "main");
  put("clusters.yaml", "clusters:\n  east: {in_cluster: true}\n  main: {kubeconfig: k}\n");
  put("environments.yaml", "environments: [{name: staging, cluster: east}]\n");
  EXPECT_EQ(problems(),
            Strings{"environments.yaml: environment 'production' has no cluster (name one of east, "
                    "main, or name one of them default)"});
  put("clusters.yaml", "clusters:\n  east: {in_cluster: true}\n  default: {kubeconfig: k}\n");
  EXPECT_EQ((*load(dir))->environment("production")->cluster, "default");
  fs::remove(dir / "clusters.yaml");
  put("environments.yaml", "environments: [{name: staging, role: admin}]\n");
  EXPECT_EQ((*load(dir))->environment("staging")->cluster, "");
  EXPECT_EQ((*load(dir))->environment("staging")->role, Role::admin);
}

TEST_F(Tree, keys_that_stand_twice_in_json_are_placed) {
  put("projects/user-service/environments.json",
      "{\n\t\"staging\": {\"replicas\": 1,\n\t\t\"replicas\": 2},\n\t\"staging\": {}\n}");
  EXPECT_EQ(problems(),
            (Strings{"projects/user-service/environments.json:3:3 staging.replicas: the key stands "
                     "here twice",
                     "projects/user-service/environments.json:4:2 staging: this environment stands "
                     "here twice"}));
  put("projects/user-service/environments.json",
      R"({"staging": {"vars": {"a": 1, "list": [{"b": 1}, {"b": 1, "b": 2}], "deep": {"c": {}, "c": []}}}})");
  EXPECT_EQ(problems(),
            (Strings{"projects/user-service/environments.json:1:59 staging.vars.list[1].b: the key "
                     "stands here twice",
                     "projects/user-service/environments.json:1:87 staging.vars.deep.c: the key stands "
                     "here twice"}));
}

TEST_F(Tree, the_kind_of_controller_is_the_project_s_unless_an_environment_has_its_own) {
  put("projects/user-service/project.yaml", "workload: deployment\n");
  put("projects/user-service/environments.json",
      R"({"staging": {}, "production": {"workload": "replication-controller"}})");
  const auto c = load(dir);
  ASSERT_TRUE(c) << c.error()[0].str();
  const Project& p = *(*c)->project("user-service");
  EXPECT_EQ(p.environment("staging")->workload, Workload::deployment);
  EXPECT_EQ(p.environment("production")->workload, Workload::replication_controller);
  put("projects/user-service/environments.json", R"({"staging": {"workload": "Deployment"}})");
  EXPECT_EQ(problems(),
            (Strings{"projects/user-service/environments.json:1:26 staging.workload: 'Deployment' is "
                     "no kind of controller (did you mean 'deployment'?)"}));
}

TEST_F(Tree, values_of_the_wrong_kind_are_placed) {
  const std::string file = "projects/user-service/environments.json";
  auto only = [&](const std::string& values) {
    put(file, "{\"staging\": " + values + "}");
    auto all = problems();
    return all.size() == 1 ? all[0].substr(file.size() + 1) : std::to_string(all.size()) + " problems";
  };
  EXPECT_EQ(only(R"({"replicas": "2"})"), "1:26 staging.replicas: a whole number from 0 to 1000 is expected");
  EXPECT_EQ(only(R"({"replicas": 1001})"),
            "1:26 staging.replicas: a whole number from 0 to 1000 is expected");
  EXPECT_EQ(only(R"({"env": {"A": ["x"]}})"),
            "1:27 staging.env.A: a text, a number, true or false is expected");
  EXPECT_EQ(only(R"({"env": {"A=B": 1}})"),
            "1:22 staging.env.A=B: this is not the name of an environment variable");
  EXPECT_EQ(only(R"({"resources": {"limits": {"memory": "64MB"}}})").substr(0, 66),
            "1:49 staging.resources.limits.memory: '64MB' is not a quantity (su");
  EXPECT_EQ(only(R"({"vars": 3})"), "1:22 staging.vars: a mapping (key: value) is expected here");
  EXPECT_EQ(only("[]"), "2 problems");
  EXPECT_EQ(only(R"({"env": {"A": "x", "B": 1.5, "C": true}, "vars": {"deep": {"er": []}}})"), "0 problems");
}

TEST_F(Tree, a_misspelt_file_is_not_silently_left_out) {
  fs::rename(dir / "clusters.yaml", dir / "cluster.yaml");
  auto all = problems();
  EXPECT_EQ(all.back(), "cluster.yaml: this is not read (did you mean 'clusters.yaml'?)");
  fs::rename(dir / "cluster.yaml", dir / "clusters.yaml");
  put("notes.yaml", "");
  ASSERT_EQ((*load(dir))->warnings.size(), 1u);
  fs::rename(dir / "projects/user-service/environments.json", dir / "projects/user-service/enviroments.json");
  EXPECT_NE(problems()[0].find("there is 'enviroments.json': rename it"), std::string::npos);
}

TEST_F(Tree, what_only_follows_from_a_file_that_could_not_be_read_is_not_told) {
  put("clusters.yaml", "clusters:\n  a: {in_cluster: true}\n  b: {kubeconfig: x}\n");
  put("environments.yaml",
      "environments:\n  - {name: staging, cluster: a}\n  - {name: production, cluster: b}\n");
  EXPECT_EQ(problems(), Strings{});
  fs::rename(dir / "environments.yaml", dir / "environments.yml");
  EXPECT_EQ(problems(), Strings{"environments.yml: this is not read (did you mean 'environments.yaml'?)"});
  fs::remove(dir / "environments.yml");
  EXPECT_EQ(problems().size(), 2u) << "none has a cluster";
  put("environments.yaml", "environments: [\n");
  EXPECT_EQ(problems().size(), 1u) << problems().back();
}

TEST_F(Tree, an_environment_that_no_project_has_is_a_warning) {
  put("clusters.yaml", "clusters: {a: {in_cluster: true}}\n");
  put("environments.yaml",
      "environments: [{name: staging}, {name: prodction, protected: true}, {name: later}]\n");
  auto c = load(dir);
  ASSERT_TRUE(c) << c.error()[0].str();
  ASSERT_EQ((*c)->warnings.size(), 2u);
  EXPECT_EQ((*c)->warnings[0].str(),
            "environments.yaml: no project has the environment 'prodction' (did you mean 'production'?)");
  EXPECT_EQ((*c)->warnings[1].str(), "environments.yaml: no project has the environment 'later'");
}

TEST_F(Tree, a_link_without_a_url_is_told_as_such) {
  put("projects/hello-world/project.yaml", "links: [{title: a}]\n");
  EXPECT_EQ(problems(),
            Strings{"projects/hello-world/project.yaml:1:9 links[0].url: the url is missing (a link has "
                    "title and url)"});
  put("projects/hello-world/project.yaml", "links: [{title: a, url: 'ftp://x'}]\n");
  EXPECT_NE(problems()[0].find("only http and https"), std::string::npos);
}

TEST_F(Tree, what_a_config_map_cannot_hold_is_refused) {
  put("projects/hello-world/config/a b", "x");
  EXPECT_NE(problems()[0].find("a ConfigMap cannot hold a file of this name"), std::string::npos);
  fs::remove(dir / "projects/hello-world/config/a b");
  put("projects/hello-world/config/binary", "\xff\xfe");
  EXPECT_NE(problems()[0].find("this is not UTF-8 text"), std::string::npos);
  fs::remove(dir / "projects/hello-world/config/binary");
  put("projects/hello-world/config/folder/file", "x");
  EXPECT_NE(problems()[0].find("this is not a file"), std::string::npos);
  fs::remove_all(dir / "projects/hello-world/config/folder");
  put("projects/hello-world/config/one", std::string(600'000, 'x'));
  put("projects/hello-world/config/two", std::string(600'000, 'x'));
  EXPECT_NE(problems()[0].find("at most 1048576 fit"), std::string::npos);
}

TEST(Places, of_json_count_lines_and_columns_from_1) {
  Node n = place_json("{\n  \"a\\u00e9\\\"\": [1, {\"b\": null}],\n  \"c\": \"\\ud83d\\ude00\" }");
  EXPECT_EQ(n.keys[0].text, "aé\"");
  EXPECT_EQ(n.keys[0].place.column, 3);
  EXPECT_EQ(n.items[0].items[1].find("b")->kind, Node::Kind::null);
  EXPECT_EQ(n.items[1].place.line, 3);
  EXPECT_EQ(n.items[1].text, "😀");
  EXPECT_TRUE(place_json("{}").items.empty());
}

TEST(Yaml, that_grows_without_end_or_has_two_documents_is_refused) {
  Problems p;
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 9; ++i) {
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) bomb += (k ? ",*a" : "*a") + std::to_string(i - 1);
    bomb += "]\n";
  }
  EXPECT_FALSE(parse_yaml(bomb, "f", p));
  EXPECT_FALSE(parse_yaml("a: 1\n---\nb: 2\n", "f", p));
  EXPECT_FALSE(parse_yaml("? [a, b]\n: 1\n", "f", p));
  EXPECT_FALSE(parse_yaml("&a [*a]", "f", p));
  EXPECT_FALSE(parse_yaml(std::string(5000, '['), "f", p));
  EXPECT_EQ(p.size(), 5u);
  EXPECT_TRUE(parse_yaml("# only a comment\n", "f", p));
}

TEST(Docs, name_every_key_under_the_heading_of_its_file) {
  std::string doc = *read_file(fs::path(kSourceDir) / "docs/configuration.md");
  for (const Section* s : kSections) {
    std::string file = s->name.substr(0, s->name.find(':'));
    size_t start = doc.find("\n## " + file + "\n");
    ASSERT_NE(start, doc.npos) << file;
    std::string part = doc.substr(start, doc.find("\n## ", start + 1) - start);
    for (const std::string& key : s->keys)
      EXPECT_TRUE(part.find("`" + key + "`") != part.npos || part.find("." + key + "`") != part.npos)
          << s->name << ": " << key;
  }
}

// Every ```yaml and ```json block stands in place of the example's file that its heading names.
TEST_F(Tree, examples_in_the_docs_are_valid_and_each_file_has_one) {
  std::string doc = *read_file(fs::path(kSourceDir) / "docs/configuration.md");
  std::set<std::string> shown;
  for (const std::string fence : {"```yaml\n", "```json\n"})
    for (size_t at = 0; (at = doc.find(fence, at)) != doc.npos;) {
      at += fence.size();
      size_t heading = doc.rfind("\n## ", at) + 4;
      std::string file = doc.substr(heading, doc.find('\n', heading) - heading);
      bool of_project = file == "project.yaml" || file == "environments.json";
      put((of_project ? "projects/hello-world/" : "") + file, doc.substr(at, doc.find("```", at) - at));
      auto c = load(dir);
      EXPECT_TRUE(c) << file << ": " << c.error()[0].str();
      shown.insert(file);
    }
  EXPECT_EQ(shown, (std::set<std::string>{"clusters.yaml", "environments.yaml", "access.yaml", "project.yaml",
                                          "environments.json"}));
}

}  // namespace
}  // namespace lemmy::config
