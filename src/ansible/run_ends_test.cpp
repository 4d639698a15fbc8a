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
    auto r = run(p);
    ASSERT_FALSE(r) << hosts;
    EXPECT_EQ(r.error().where, "playbooks/elsewhere.yml");
    EXPECT_EQ(r.error().what, "its plays are for none of the hosts of one:two");
    EXPECT_NE(r.error().hint.find("hosts: all"), std::string::npos);
  }
}

}  // namespace
}  // namespace lemmy::ansible
