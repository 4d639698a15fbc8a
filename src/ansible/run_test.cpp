#include "ansible/sample_test.h"

namespace lemmy::ansible {
namespace {

TEST_F(Sample, a_run_changes_hosts_and_says_so_of_each) {
  auto r = run(plan("change",
                    "    - {name: Touch, copy: {content: '{{ lemmy.build.sha }}', dest: '" + root +
                        "/{{ inventory_hostname }}'}}\n"
                        "    - {name: Look, debug: {msg: fine}}\n",
                    "project_demo:&environment_staging"));
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(r->exit_code, 0);
  EXPECT_TRUE(progress->finished());
  ASSERT_EQ(progress->hosts().size(), 2u);
  EXPECT_EQ(name(host("one").state), "changed");
  EXPECT_EQ(host("two").ok, 2);
  EXPECT_EQ(host("two").changed, 1);
  EXPECT_TRUE(host("two").done);
  EXPECT_EQ(read_file(root + "/one").value_or(""), "abcdef1");
  EXPECT_FALSE(progress->first_failure());
  EXPECT_GE(changes, 2);
}

TEST_F(Sample, failed_rescued_ignored_and_skipped_are_told_apart) {
  put("roles/app/tasks/main.yml", R"(- name: Not here
  command: "false"
  when: false
- name: Ignored
  command: sh -c 'exit 3'
  ignore_errors: true
- block:
    - name: Breaks on one
      command: "false"
      when: inventory_hostname == 'one'
  rescue:
    - name: Saves it
      debug: {msg: saved}
- block:
    - name: Breaks on two
      shell: "echo some output; echo the reason >&2; exit 4"
      when: inventory_hostname == 'two'
  always:
    - name: Sweeps
      debug: {msg: swept}
- name: Quiet
  command: echo {{ lemmy.project }}
  changed_when: false
)");
  auto p = plan("mixed", "    - import_role: {name: app}\n", "project_demo");
  auto r = run(p);
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(r->exit_code, 2);
  EXPECT_EQ(name(host("one").state), "rescued");
  EXPECT_EQ(name(host("two").state), "failed");
  EXPECT_EQ(name(host("three").state), "changed");  // by the ignored one
  EXPECT_EQ(host("three").ignored, 1);
  EXPECT_EQ(host("three").skipped, 3);
  EXPECT_EQ(host("one").rescued, 1);
  EXPECT_EQ(host("two").task, "Breaks on two");
  ASSERT_TRUE(progress->first_failure());
  const Failure& f = *progress->first_failure();
  EXPECT_EQ(f.host, "two");
  EXPECT_EQ(f.role, "app");
  EXPECT_EQ(f.file_line, "roles/app/tasks/main.yml:15");
  EXPECT_EQ(f.message, "exit code 4: the reason");
  EXPECT_EQ(f.output, "some output\nthe reason");
  EXPECT_FALSE(f.unreachable);
  EXPECT_EQ(to_error(f).str(),
            "two: roles/app/tasks/main.yml:15: task 'Breaks on two': exit code 4: the reason");
}

TEST_F(Sample, a_task_with_no_log_tells_nothing_and_nothing_is_left_on_disk) {
  auto p =
      plan("quiet",
           "    - name: Secret\n      shell: 'echo {{ lemmy.secret }}; exit 1'\n      no_log: true\n", "one");
  p.variables["lemmy"].as_object()["secret"] = "open-sesame";
  auto r = run(p);
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(r->exit_code, 2);
  EXPECT_EQ(progress->first_failure()->message, "hidden: the task has no_log");
  EXPECT_EQ(json::serialize(to_json(*progress)).find("open-sesame"), std::string::npos);
  std::vector<std::string> left;
  for (const auto& entry : fs::recursive_directory_iterator(root + "/runs/" + p.id))
    left.push_back(entry.path().filename());
  EXPECT_EQ(left, std::vector<std::string>{"log.txt"});
  EXPECT_EQ(log(p.id).find("open-sesame"), std::string::npos);
  EXPECT_NE(log(p.id).find("TASK [Secret]"), std::string::npos);
}

TEST_F(Sample, the_log_is_complete_and_without_colours) {
  auto p = plan("long", "    - shell: 'seq 1 20000'\n      register: r\n    - debug: {var: r.stdout_lines}\n",
                "one");
  auto r = run(p);
  ASSERT_TRUE(r) << r.error().str();
  std::string text = read_file(r->log_file).value();
  EXPECT_NE(text.find("PLAY [all]"), std::string::npos);
  EXPECT_NE(text.find("\"1\",\n"), std::string::npos);
  EXPECT_NE(text.find("\"20000\"\n"), std::string::npos);
  EXPECT_NE(text.find("PLAY RECAP"), std::string::npos);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\r'), std::string::npos);
  std::string end = wait(runs().log(p.id, 300)).value();
  EXPECT_TRUE(end.starts_with("(what came before this is left out")) << end;
  end = end.substr(end.find('\n') + 1);
  EXPECT_LE(end.size(), 300u);
  EXPECT_TRUE(text.ends_with(end));
}

TEST_F(Sample, an_unreachable_host_is_not_a_failed_one) {
  auto r = run(plan("far", "    - {name: Ask, ping: }\n", "one:gone"));
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(r->exit_code, 4);
  EXPECT_EQ(name(host("far").state), "unreachable");
  EXPECT_EQ(name(host("one").state), "ok");
  ASSERT_TRUE(progress->first_failure());
  EXPECT_TRUE(progress->first_failure()->unreachable);
  Error e = to_error(*progress->first_failure());
  EXPECT_EQ(e.code, ErrorCode::unavailable);
  // With pipelining, ansible-core at times says that its pipe broke, and keeps what ssh said to itself.
  EXPECT_TRUE(e.what.contains("Connection refused") || e.what.contains("Data could not be sent")) << e.what;
  EXPECT_NE(e.hint.find("sshd"), std::string::npos);
}

TEST_F(Sample, a_play_that_is_broken_off_is_complete_on_no_host) {
  auto p = plan("broken",
                "    - {name: First, ping: }\n"
                "    - {name: Second, command: 'false', when: inventory_hostname == 'two'}\n"
                "    - {name: Third, ping: }\n",
                "project_demo");
  const std::string play = read_file(tree + "/playbooks/broken.yml").value();
  put("playbooks/broken.yml",
      "- hosts: all\n  max_fail_percentage: 0\n" + play.substr(play.find("  gather_facts")));
  auto r = run(p);
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(r->exit_code, 2);
  EXPECT_TRUE(r->finished);
  for (const char* h : {"one", "two", "three"}) EXPECT_FALSE(host(h).complete) << h;
  EXPECT_EQ(progress->first_failure()->task, "Second");
}

TEST_F(Sample, a_failure_in_the_background_that_was_rescued_is_not_the_cause) {
  auto r = run(plan("background",
                    "    - block:\n"
                    "        - {name: Saved, command: 'sh -c \"exit 3\"', async: 20, poll: 1}\n"
                    "      rescue:\n"
                    "        - {name: Saves, ping: }\n"
                    "    - {name: Culprit, command: 'sh -c \"exit 4\"'}\n",
                    "one"));
  ASSERT_TRUE(r) << r.error().str();
  ASSERT_TRUE(progress->first_failure());
  EXPECT_EQ(progress->first_failure()->task, "Culprit");
  EXPECT_EQ(host("one").rescued, 1);
}

TEST_F(Sample, a_task_that_failed_with_a_megabyte_of_output_has_its_reason) {
  auto p = plan("large", "    - {name: Talks, shell: 'seq 200000; echo the reason >&2; exit 4'}\n", "one");
  auto r = run(p);
  ASSERT_TRUE(r) << r.error().str();
  ASSERT_TRUE(progress->first_failure());
  EXPECT_EQ(progress->first_failure()->message, "exit code 4: the reason");
  EXPECT_TRUE(progress->first_failure()->output.ends_with("200000\nthe reason"));
  EXPECT_GT(log(p.id).size(), 500'000u);
}

TEST_F(Sample, a_host_that_never_answered_is_unreachable_though_the_play_ignores_it) {
  auto r = run(plan("dark", "    - {name: Ask, ping: , ignore_unreachable: true}\n", "one:gone"));
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(name(host("far").state), "unreachable");
  EXPECT_FALSE(host("far").complete);
  EXPECT_TRUE(host("one").complete);
  EXPECT_FALSE(progress->first_failure());
}

TEST_F(Sample, a_check_changes_nothing) {
  auto p = plan("check", "    - copy: {content: x, dest: '" + root + "/made'}\n", "one");
  p.check = true;
  auto r = run(p);
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(name(host("one").state), "changed");
  EXPECT_FALSE(fs::exists(root + "/made"));
}

TEST_F(Sample, a_pattern_that_matches_no_host_is_an_error) {
  auto r = run(plan("nobody", "    - ping:\n", "project_demo:&gone"));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, ErrorCode::not_found);
  EXPECT_TRUE(progress->no_hosts());
  EXPECT_EQ(r.error().str().find("project_demo:&gone: no host of the inventory matches"), 0u)
      << r.error().str();
}

TEST_F(Sample, a_playbook_that_ansible_refuses_is_told_in_its_words) {
  auto r = run(plan("typo", "    - nosuchmodule: {a: 1}\n", "one"));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, ErrorCode::invalid);
  EXPECT_EQ(r.error().where, "playbooks/typo.yml");
  EXPECT_NE(r.error().what.find("couldn't resolve module/action 'nosuchmodule'"), std::string::npos);
  // "typo.yml': line 4" or, since 2.19, "typo.yml:4:7"
  EXPECT_TRUE(r.error().detail.contains("typo.yml': line 4") || r.error().detail.contains("typo.yml:4"))
      << r.error().detail;
}

TEST_F(Sample, a_playbook_that_is_not_there_is_told_with_its_nearest) {
  auto p = plan("site", "    - ping:\n", "one");
  p.playbook = "sit.yml";
  auto r = run(p);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, ErrorCode::not_found);
  EXPECT_EQ(r.error().hint, "did you mean site.yml?");
  p.playbook = "../site.yml";
  EXPECT_EQ(run(p).error().code, ErrorCode::invalid);
}

TEST_F(Sample, a_missing_vault_password_is_named_with_what_to_do) {
  put("inventory/group_vars/all.yml", "$ANSIBLE_VAULT;1.1;AES256\n3130\n");
  auto r = run(plan("vault", "    - ping:\n", "one"));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, ErrorCode::invalid);
  EXPECT_NE(r.error().what.find("no vault secrets found"), std::string::npos) << r.error().what;
  EXPECT_NE(r.error().hint.find("ANSIBLE_VAULT_PASSWORD_FILE"), std::string::npos);
}

TEST_F(Sample, an_inventory_that_needs_the_vault_password_says_so) {
  auto p = plan("site", "    - ping:\n", "all");
  put("inventory/group_vars/all.yml", "$ANSIBLE_VAULT;1.1;AES256\n3130\n");
  put("inventory/z_groups.yml",
      "plugin: constructed\nuse_vars_plugins: true\ngroups: {odd: inventory_hostname == 'one'}\n");
  auto hosts = wait(matching_hosts(&pool, tools, p));
  ASSERT_FALSE(hosts);
  EXPECT_EQ(hosts.error().code, ErrorCode::invalid);
  EXPECT_NE(hosts.error().hint.find("ANSIBLE_VAULT_PASSWORD_FILE"), std::string::npos) << hosts.error().str();
}

TEST_F(Sample, without_ansible_the_error_says_how_to_install_it) {
  auto p = plan("site", "    - ping:\n", "one");
  Tools nowhere{root + "/bin"};
  EXPECT_EQ(installed(nowhere).error().code, ErrorCode::not_found);
  EXPECT_TRUE(installed(tools));
  EXPECT_EQ(wait(version(&pool, nowhere)).error().code, ErrorCode::not_found);
  EXPECT_EQ(wait(matching_hosts(&pool, nowhere, p)).error().code, ErrorCode::not_found);
  Runs other(loop.get_executor(), &pool, nowhere, root + "/runs");
  auto r = wait(other.run(p, nullptr, nullptr));
  EXPECT_EQ(r.error().code, ErrorCode::not_found);
  EXPECT_NE(r.error().hint.find("pip install ansible-core ansible-runner"), std::string::npos);
}

TEST_F(Sample, the_version_of_ansible_is_known) {
  auto v = wait(version(&pool, tools));
  ASSERT_TRUE(v) << v.error().str();
  EXPECT_TRUE(v->starts_with("2.")) << *v;
}

TEST_F(Sample, hosts_are_matched_by_ansibles_own_inventory) {
  auto p = plan("site", "    - ping:\n", "project_demo:&environment_staging");
  EXPECT_EQ(wait(matching_hosts(&pool, tools, p)).value(), (std::vector<std::string>{"one", "two"}));
  p.hosts = "project_demo:&gone";
  EXPECT_EQ(wait(matching_hosts(&pool, tools, p)).value(), std::vector<std::string>{});
  p.hosts = "--module-name=shell";
  EXPECT_EQ(wait(matching_hosts(&pool, tools, p)).error().code, ErrorCode::invalid);
}

TEST_F(Sample, a_broken_file_in_the_inventory_is_an_error_and_not_fewer_hosts) {
  auto p = plan("site", "    - ping:\n", "one");
  put("inventory/more.yml", "all: {hosts: [\n");
  auto hosts = wait(matching_hosts(&pool, tools, p));
  ASSERT_FALSE(hosts);
  EXPECT_EQ(hosts.error().code, ErrorCode::invalid);
  EXPECT_NE(hosts.error().str().find("more.yml"), std::string::npos) << hosts.error().str();
  auto r = run(p);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, ErrorCode::invalid);
  EXPECT_NE((r.error().str() + r.error().detail).find("more.yml"), std::string::npos) << r.error().str();
}

}  // namespace
}  // namespace lemmy::ansible
