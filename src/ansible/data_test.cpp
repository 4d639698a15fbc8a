// What comes from outside stays data: on the real Ansible, by each way that it goes.
// tests/ansible/data_test.py does the same with the other versions.
#include "ansible/sample_test.h"
#include "base/strings.h"

namespace lemmy::ansible {
namespace {

class Data : public Sample {
 protected:
  void SetUp() override {
    Sample::SetUp();
    mark = root + "/mark";
  }
  std::string command() const { return "{{ lookup('pipe', 'touch " + mark + "') }}"; }
  // As ansible-runner's callback plug-in marks an event on the stream that everything is printed to.
  static std::string event(const json::object& o) {
    std::string encoded = to_base64(json::serialize(o));
    return "\x1b[K" + encoded + "\x1b[" + std::to_string(encoded.size()) + "D\x1b[K";
  }
  // ansible-playbook in a folder of its own, behind a script.
  void wrap(const std::string& script) {
    const std::string bin = root + "/bin";
    fs::create_directories(bin);
    for (const char* name : {"ansible-runner", "ansible", "ansible-inventory"})
      fs::create_symlink(fs::absolute(tools.bin) / name, bin + "/" + name);
    ASSERT_TRUE(write_file(bin + "/ansible-playbook",
                           "#!/bin/bash\n" + script + "\nexec " + fs::absolute(tools.bin).string() +
                               "/ansible-playbook \"$@\"\n",
                           0755));
    tools.bin = bin;
  }
  std::string mark;
};

TEST_F(Data, a_text_that_is_a_template_arrives_as_it_is_and_runs_nothing) {
  auto p = plan("data",
                "    - copy: {content: '{{ lemmy | to_json }}', dest: '" + root +
                    "/arrived'}\n"
                    "    - set_fact: {whole: '{{ lemmy }}', key: '{{ lemmy.config.keys() | first }}'}\n"
                    "    - debug: {msg: '{{ whole }} {{ key }} {{ item }}'}\n"
                    "      loop: '{{ lemmy.list }}'\n",
                "one");
  const json::value sent{{"project", "demo"},
                         {"build", {{"sha", "abcdef1"}, {"message", command()}, {"branch", "{% raw %}{#"}}},
                         {"config",
                          {{"list", json::array{command(), 1, 1e300, true, nullptr, command()}},
                           {"yaml", "!unsafe [a, {b: \"c\"}] # \\ \u20ac \U0001F600 \t\x1b[31m"},
                           {"<<", {{"=", "x"}}},
                           {"yes", "no"},
                           {"012", "1_000"},
                           {"2026-11-30", "1:20"},
                           {"", ""}}},
                         {"list", json::array{command()}}};
  p.variables["lemmy"] = sent;
  auto r = run(p);
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(r->exit_code, 0) << log(p.id);
  EXPECT_FALSE(fs::exists(mark));
  EXPECT_EQ(parse_json(read_file(root + "/arrived").value_or(""), "arrived").value_or(nullptr), sent);
}

TEST_F(Data, an_ansible_that_would_template_it_is_refused_and_runs_nothing) {
  wrap("for a in \"$@\"; do [ \"${a#@}\" = \"$a\" ] || sed -i 's/!unsafe //g' \"${a#@}\"; done");
  auto p = plan("data", "    - copy: {content: '{{ lemmy.build.sha }}', dest: '" + root + "/ran'}\n", "one");
  p.variables["lemmy"].as_object()["build"].as_object()["message"] = command();
  auto r = run(p);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, ErrorCode::rejected);
  EXPECT_NE(r.error().what.find("so nothing is run"), std::string::npos) << r.error().str();
  EXPECT_FALSE(fs::exists(mark));
  EXPECT_FALSE(fs::exists(root + "/ran"));
}

TEST_F(Data, a_text_that_looks_like_an_event_is_text) {
  const json::object recap{{"uuid", "00000000-0000-0000-0000-000000000000"},
                           {"event", "playbook_on_stats"},
                           {"pid", 4321},
                           {"event_data", {{"ok", {{"one", 9}, {"forged", 9}}}}}};
  // Names of tasks, diffs and raw lines are printed as they are.
  put("files/had", "a\n");
  auto p = plan("forged",
                "    - {name: 'Release {{ lemmy.build.message }}', ping: }\n"
                "    - copy: {content: '{{ lemmy.build.message }}\n', dest: '" +
                    tree +
                    "/files/had'}\n"
                    "      diff: true\n"
                    "    - {name: Fails, command: 'false'}\n",
                "one");
  p.variables["lemmy"].as_object()["build"].as_object()["message"] =
      event(recap) + "\n" + json::serialize(recap) + "\n" + event({});
  auto r = run(p);
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(r->exit_code, 2);
  EXPECT_FALSE(progress->hosts().contains("forged"));
  EXPECT_EQ(host("one").ok, 2);
  EXPECT_EQ(name(host("one").state), "failed");
  EXPECT_EQ(progress->first_failure()->task, "Fails");
}

TEST_F(Data, a_host_with_the_name_of_a_pattern_a_file_or_an_option_is_itself) {
  // As a plug-in of a cloud hands them over.
  json::array odd{"one",   "!two",      "@/etc/passwd", "~.*",    "*",  "a,two",
                  "a:two", "--version", "w\u00e9b 1",   "two[0]", "two"};
  const json::object inventory{{"odd", {{"hosts", odd}}}, {"_meta", {{"hostvars", json::object()}}}};
  put("inventory/cloud.sh", "#!/bin/sh\ncat <<'END'\n" + json::serialize(inventory) + "\nEND\n");
  fs::permissions(tree + "/inventory/cloud.sh", fs::perms::owner_all);
  auto p = plan("odd", "    - ping:\n", "odd");
  auto all = wait(inventory_hosts(&pool, tools, p));
  ASSERT_TRUE(all) << all.error().str();
  for (const InventoryHost& h : *all) {
    p.only = {h.name};
    auto r = run(p);
    ASSERT_TRUE(r) << h.name << ": " << r.error().str() << log(p.id);
    ASSERT_EQ(progress->hosts().size(), 1u) << h.name << log(p.id);
    EXPECT_EQ(progress->hosts().begin()->first, h.name);
  }
  EXPECT_EQ(all->size(), odd.size());
  p.only = {"one", "@/etc/passwd"};
  auto r = run(p);
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(progress->hosts().size(), 2u);
  for (int i = 0; i < 4000; ++i) p.only.push_back("nobody-" + std::to_string(i));  // by file
  r = run(p);
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(progress->hosts().size(), 2u);
}

}  // namespace
}  // namespace lemmy::ansible
