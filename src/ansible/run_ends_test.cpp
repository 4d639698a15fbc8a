#include "ansible/sample_test.h"

namespace lemmy::ansible {
namespace {

TEST_F(Sample, a_host_that_was_given_up_for_anothers_failure_is_not_complete) {
  const std::string put =
      "    - {name: Put, copy: {content: x, dest: '" + root + "/{{ inventory_hostname }}'}}\n";
  const std::string once = "    - {name: Prepare, command: 'false', run_once: true}\n";
  const std::string fatal =
      "    - {name: Prepare, command: 'false', any_errors_fatal: true, when: inventory_hostname == 'one'}\n";
  for (const std::string& prepare : {once, fatal}) {
    auto r = run(plan("given-up", "    - {name: Look, ping: }\n" + prepare + put, "project_demo"));
    ASSERT_TRUE(r) << r.error().str();
    EXPECT_EQ(r->exit_code, 2);
    EXPECT_EQ(progress->first_failure()->task, "Prepare");
    for (const char* h : {"one", "two", "three"}) {
      EXPECT_FALSE(fs::exists(root + "/" + h));
      EXPECT_FALSE(host(h).complete) << h;
      EXPECT_NE(host(h).message, "") << h;
    }
  }
}

TEST_F(Sample, a_failure_of_the_last_task_leaves_the_other_hosts_complete) {
  auto r = run(plan("last",
                    "    - {name: Look, ping: }\n"
                    "    - {name: Check, command: 'false', when: inventory_hostname == 'two'}\n",
                    "project_demo"));
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_TRUE(host("one").complete && host("three").complete);
  EXPECT_FALSE(host("two").complete);
}

TEST_F(Sample, a_host_for_which_only_ansible_itself_did_something_never_answered) {
  put("playbooks/more.yml", "- set_fact: {seen: true}\n- add_host: {name: '{{ inventory_hostname }}-2'}\n");
  for (const char* first : {"    - include_tasks: more.yml\n", "    - {command: 'true', delegate_to: one}\n",
                            "    - block: [{fail: }]\n      rescue: [{debug: }]\n"}) {
    auto r = run(
        plan("silent", std::string(first) + "    - {command: 'true', ignore_unreachable: true}\n", "gone"));
    ASSERT_TRUE(r) << r.error().str();
    EXPECT_EQ(name(host("far").state), "unreachable") << first;
    EXPECT_FALSE(host("far").complete) << first;
  }
}

TEST_F(Sample, plays_for_none_of_the_hosts_that_match_are_named_as_the_cause) {
  auto p = plan("elsewhere", "    - ping:\n", "one:two");
  const std::string play = read_file(tree + "/playbooks/elsewhere.yml").value();
  for (const char* hosts : {"localhost", "gone"}) {
    put("playbooks/elsewhere.yml",
        "- hosts: " + std::string(hosts) + "\n" + play.substr(play.find("  gather")));
    progress = std::make_shared<Progress>();
    progress->expect({"one", "two"});
    auto r = wait(runs().run(p, progress, nullptr));
    ASSERT_FALSE(r) << hosts;
    EXPECT_EQ(r.error().where, "playbooks/elsewhere.yml");
    EXPECT_EQ(r.error().what, "its plays are for none of the hosts of one:two");
    EXPECT_NE(r.error().hint.find("hosts: all"), std::string::npos);
  }
}

TEST_F(Sample, plays_for_this_machine_and_for_hosts_that_were_added_are_not_cut_off_by_the_limit) {
  auto p = plan("local", "", "one");
  put("inventory/grow.sh",
      "#!/bin/sh\n[ -e " + root + "/grown ] && echo '{\"later\": {\"hosts\": [\"late\"]}}' || echo '{}'\n");
  fs::permissions(tree + "/inventory/grow.sh", fs::perms::owner_all);
  std::string out = root + "/{{ inventory_hostname }}-";
  put("playbooks/local.yml",
      "- hosts: localhost\n  gather_facts: false\n  tasks: [{name: Here, command: 'touch " + out +
          "1'}]\n"
          "- hosts: all\n  gather_facts: false\n  tasks:\n    - {name: There, command: 'touch " +
          out +
          "2'}\n"
          "    - {name: Add, add_host: {name: fresh, groups: added, ansible_connection: local}}\n"
          "    - {name: Grow, command: 'touch " +
          root + "/grown'}\n    - meta: refresh_inventory\n" +
          "- hosts: added:two:later\n  gather_facts: false\n  tasks: [{name: New, command: 'touch " + out +
          "3'}]\n");
  progress = std::make_shared<Progress>();
  progress->expect({"one"});
  auto r = wait(runs().run(p, progress, nullptr));
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(r->exit_code, 0);
  std::set<std::string> made;
  for (const auto& entry : fs::directory_iterator(root))
    if (std::string name = entry.path().filename(); name.find('-') != name.npos) made.insert(name);
  EXPECT_EQ(made, (std::set<std::string>{"localhost-1", "one-2", "fresh-3"})) << log("local-1");
  EXPECT_TRUE(host("one").meant && host("one").complete);
  EXPECT_FALSE(host("localhost").meant || host("fresh").meant);
}

TEST_F(Sample, what_people_have_set_up_for_ansible_holds_and_an_ini_in_the_inventory_is_told) {
  put("inventory/more.ini", "[a]\nb\n");
  put("ansible.cfg", "[defaults]\ncallback_plugins = own/callbacks\nstdout_callback = minimal\n");
  auto env = ansible_environment(tools, tree, root + "/home");
  EXPECT_EQ(env["ANSIBLE_CALLBACK_PLUGINS"], tree + "/own/callbacks");
  EXPECT_EQ(env["ANSIBLE_STDOUT_CALLBACK"], "minimal");
  EXPECT_NE(env["ANSIBLE_FILTER_PLUGINS"].find("/.ansible/plugins/filter:"), std::string::npos);
  EXPECT_EQ(skipped_files(tree), std::vector<std::string>{"more.ini"});
  put("ansible.cfg", "[inventory]\nignore_extensions = .bak\n[defaults]\nfilter_plugins = f\n");
  EXPECT_TRUE(skipped_files(tree).empty());
  EXPECT_EQ(ansible_environment(tools, tree, root + "/home").count("ANSIBLE_FILTER_PLUGINS"), 0u);
}

TEST_F(Sample, a_playbook_is_read_without_hosts_and_inventory) {
  put("inventory/broken.sh", "#!/bin/sh\nexit 1\n");
  auto good = plan("good", "    - {name: Look, command: 'echo {{ lemmy.build.sha }}'}\n", "one");
  auto bad = plan("bad", "    - {name: Look, comand: 'true'}\n", "one");
  auto read = wait(check_syntax(&pool, tools, good));
  auto refused = wait(check_syntax(&pool, tools, bad));
  EXPECT_TRUE(read) << read.error().str();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().where, "ansible/playbooks/bad.yml");
  EXPECT_NE(refused.error().what.find("comand"), std::string::npos) << refused.error().str();
}

TEST_F(Sample, a_callback_of_people_is_called_in_a_run) {
  put("own/mine.py",
      "from ansible.plugins.callback import CallbackBase\n"
      "class CallbackModule(CallbackBase):\n"
      "    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME = 2.0, 'notification', 'mine'\n"
      "    def v2_playbook_on_stats(self, stats):\n"
      "        open('" +
          root + "/called', 'w').close()\n");
  put("ansible.cfg", "[defaults]\ncallback_plugins = own\nstdout_callback = minimal\n");
  auto r = run(plan("mine", "    - {name: Look, ping: }\n", "one"));
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_TRUE(fs::exists(root + "/called")) << log("mine-1");
  EXPECT_TRUE(host("one").complete);
  EXPECT_NE(log("mine-1").find("one | SUCCESS"), std::string::npos) << log("mine-1");
}

}  // namespace
}  // namespace lemmy::ansible
