#include "ansible/progress.h"

#include <gtest/gtest.h>

#include "ansible/text.h"

namespace lemmy::ansible {
namespace {

std::string event(std::string_view kind, json::object data) {
  return json::serialize(json::object{{"event", kind}, {"stdout", "x"}, {"event_data", std::move(data)}});
}
std::string of_host(std::string_view kind, std::string_view host, std::string_view task,
                    json::object res = {}, bool ignored = false) {
  return event(kind, {{"host", host},
                      {"task", task},
                      {"role", "app"},
                      {"task_path", "/etc/lemmy/ansible/roles/app/tasks/main.yml:12"},
                      {"ignore_errors", ignored},
                      {"res", std::move(res)}});
}

TEST(Progress, shows_a_host_as_running_before_its_first_result) {
  Progress p;
  p.feed(event("playbook_on_play_start", {{"play", "web"}}));
  p.feed(event("playbook_on_task_start", {{"task", "Install"}}));
  uint64_t before = p.version();
  p.feed(of_host("runner_on_start", "a", "Install"));
  EXPECT_GT(p.version(), before);
  EXPECT_EQ(p.play(), "web");
  EXPECT_EQ(p.task(), "Install");
  EXPECT_EQ(p.hosts().at("a").state, HostState::running);
  EXPECT_FALSE(p.hosts().at("a").done);
  EXPECT_FALSE(p.finished());
}

TEST(Progress, keeps_the_worst_state_of_a_host) {
  Progress p;
  p.feed(of_host("runner_on_ok", "a", "1", {{"changed", true}}));
  p.feed(of_host("runner_on_start", "a", "2"));
  p.feed(of_host("runner_on_ok", "a", "2", {{"changed", false}}));
  p.feed(of_host("runner_on_skipped", "a", "3"));
  EXPECT_EQ(p.hosts().at("a").state, HostState::changed);
  EXPECT_EQ(p.hosts().at("a").ok, 2);
  EXPECT_EQ(p.hosts().at("a").skipped, 1);
}

TEST(Progress, takes_a_failure_back_when_the_host_was_rescued) {
  Progress p;
  p.set_root("/etc/lemmy/ansible/");
  p.feed(of_host("runner_on_failed", "a", "Break", {{"msg", "no"}}));
  ASSERT_TRUE(p.first_failure());
  EXPECT_EQ(p.first_failure()->file_line, "roles/app/tasks/main.yml:12");
  EXPECT_TRUE(p.hosts().at("a").done);
  p.feed(of_host("runner_on_failed", "b", "Break", {{"msg", "never"}}));
  p.feed(of_host("runner_on_start", "a", "Rescue"));
  EXPECT_EQ(p.hosts().at("a").state, HostState::rescued);
  EXPECT_EQ(p.first_failure()->host, "b");
}

TEST(Progress, believes_the_recap_about_an_always_section_after_a_failure) {
  Progress p;
  p.feed(of_host("runner_on_failed", "a", "Break", {{"msg", "no"}}));
  p.feed(of_host("runner_on_start", "a", "Always"));
  p.feed(of_host("runner_on_ok", "a", "Always"));
  EXPECT_FALSE(p.first_failure());
  p.feed(event("playbook_on_stats",
               {{"ok", {{"a", 1}}}, {"failures", {{"a", 1}}}, {"rescued", json::object()}}));
  ASSERT_TRUE(p.first_failure());
  EXPECT_EQ(p.first_failure()->task, "Break");
  EXPECT_EQ(p.hosts().at("a").state, HostState::failed);
  EXPECT_EQ(p.hosts().at("a").task, "Break");
}

TEST(Progress, names_the_failure_in_the_rescue_section_and_not_the_rescued_one) {
  Progress p;
  p.feed(of_host("runner_on_failed", "a", "Break", {{"msg", "no"}}));
  p.feed(of_host("runner_on_start", "a", "Rescue"));
  p.feed(of_host("runner_on_failed", "a", "Rescue", {{"msg", "worse"}}));
  p.feed(event("playbook_on_stats", {{"failures", {{"a", 1}}}, {"rescued", {{"a", 1}}}}));
  EXPECT_EQ(p.first_failure()->task, "Rescue");
}

TEST(Progress, an_ignored_failure_is_none) {
  Progress p;
  p.feed(of_host("runner_on_failed", "a", "Break", {{"msg", "no"}}, true));
  EXPECT_FALSE(p.first_failure());
  EXPECT_EQ(p.hosts().at("a").ignored, 1);
  EXPECT_EQ(p.hosts().at("a").state, HostState::ok);
}

TEST(Progress, of_a_loop_the_item_that_failed_explains_it) {
  Progress p;
  json::array results;
  results.push_back(json::object{{"failed", false}, {"msg", "fine"}});
  results.push_back(json::object{{"failed", true},
                                 {"msg", "non-zero return code"},
                                 {"rc", 4},
                                 {"stdout", "said"},
                                 {"stderr", "first\nlast\n"}});
  p.feed(
      of_host("runner_on_failed", "a", "Loop", {{"msg", "One or more items failed"}, {"results", results}}));
  EXPECT_EQ(p.first_failure()->message, "exit code 4: last");
  EXPECT_EQ(p.first_failure()->output, "said\nfirst\nlast");
}

TEST(Progress, a_censored_result_shows_nothing) {
  Progress p;
  p.feed(
      of_host("runner_on_failed", "a", "Secret", {{"censored", "hidden"}, {"msg", "pw"}, {"stdout", "pw"}}));
  EXPECT_EQ(p.first_failure()->message, "hidden: the task has no_log");
  EXPECT_EQ(p.first_failure()->output, "");
}

TEST(Progress, cuts_long_texts_and_keeps_the_end_of_the_output) {
  Progress p;
  std::string line = "0123456789\n", out;
  while (out.size() < 1 << 20) out += line;
  p.feed(of_host("runner_on_failed", "a", std::string(5000, 't'),
                 {{"msg", std::string(1 << 20, 'm')}, {"stdout", out + "the end"}}));
  const Failure& f = *p.first_failure();
  EXPECT_LE(f.output.size(), 8192u);
  EXPECT_TRUE(f.output.ends_with("0123456789\nthe end"));
  EXPECT_TRUE(f.output.starts_with("0123456789"));
  EXPECT_LE(f.message.size(), 2100u);
  EXPECT_LE(f.task.size(), 600u);
}

TEST(Progress, holds_at_most_a_hundred_thousand_hosts_and_some_failures) {
  Progress p;
  for (int i = 0; i < 100'100; ++i) p.feed(of_host("runner_on_start", "h" + std::to_string(i), "x"));
  EXPECT_EQ(p.hosts().size(), 100'000u);
  for (int i = 0; i < 1000; ++i)
    p.feed(of_host("runner_on_failed", "h" + std::to_string(i), "x", {{"msg", "no"}}));
  EXPECT_EQ(p.first_failure()->host, "h0");
  EXPECT_EQ(p.hosts().at("h999").state, HostState::failed);
}

TEST(Progress, reads_what_ansible_says_without_events) {
  Progress p;
  p.feed("\x1b[1;35m[WARNING]: Could not match supplied host pattern\x1b[0m\r");
  p.feed("\x1b[0;31mERROR! no such thing\x1b[0m\r");
  p.feed("\x1b[0;31mline 3\x1b[0m\r");
  EXPECT_EQ(p.trouble(), "ERROR! no such thing\nline 3");
}

TEST(Progress, survives_lines_that_are_no_events) {
  Progress p;
  for (const char* line : {"", "{", "{}", "[1]", "{\"event\": 7}", "{\"event\":\"runner_on_ok\"}",
                           "{\"event\":\"runner_on_ok\",\"event_data\":{\"host\":7,\"res\":[]}}",
                           "{\"event\":\"playbook_on_stats\",\"event_data\":{\"ok\":{\"a\":\"b\"}}}"})
    p.feed(line);
  EXPECT_TRUE(p.hosts().empty());
}

TEST(Progress, reads_events_with_bytes_that_are_not_utf8) {
  Progress p;
  p.feed(
      R"({"event":"runner_on_failed","event_data":{"host":"a","task":"t","res":{"msg":"\udc80 \ud83d\ude00 \\ud800"}}})");
  ASSERT_TRUE(p.first_failure());
  EXPECT_EQ(p.first_failure()->message, "\xEF\xBF\xBD \xF0\x9F\x98\x80 \\ud800");
}

TEST(Progress, hosts_that_no_play_names_are_not_hosts_that_are_missing) {
  Progress p, none;
  p.feed(event("playbook_on_no_hosts_matched", {}));
  EXPECT_TRUE(p.no_host_named());
  EXPECT_FALSE(p.no_hosts());
  p.feed(of_host("runner_on_start", "a", "x"));
  EXPECT_FALSE(p.no_host_named());
  none.feed("ERROR! Specified inventory, host pattern and/or --limit leaves us with no hosts to target.");
  none.feed(event("playbook_on_no_hosts_matched", {}));
  EXPECT_TRUE(none.no_hosts());
  EXPECT_FALSE(none.no_host_named());
}

TEST(Progress, counts_hosts_by_state_for_pages) {
  Progress p;
  p.feed(of_host("runner_on_ok", "a", "x", {{"changed", true}}));
  p.feed(of_host("runner_on_ok", "b", "x"));
  p.feed(of_host("runner_on_ok", "c", "x"));
  json::object o = to_json(p);
  EXPECT_EQ(json::serialize(o["counts"].get_object()["ok"]), "2");
  EXPECT_EQ(o["hosts"].as_array().size(), 3u);
  EXPECT_TRUE(o["failure"].is_null());
}

TEST(Text, a_path_is_shown_relative_to_the_tree_or_to_what_is_known) {
  EXPECT_EQ(relative_path("/a/ansible/site.yml:1", "/a/ansible"), "site.yml:1");
  EXPECT_EQ(relative_path("/a/ansible-2/site.yml:1", "/a/ansible"), "/a/ansible-2/site.yml:1");
  EXPECT_EQ(relative_path("/usr/share/ansible/roles/x/tasks/main.yml:2", "/a"), "roles/x/tasks/main.yml:2");
}

TEST(Progress, only_the_recap_makes_a_host_complete_and_none_whose_play_was_broken_off) {
  Progress p;
  p.expect({"a", "b", "later"});
  EXPECT_EQ(p.hosts().at("later").state, HostState::waiting);
  p.feed(event("playbook_on_play_start", {{"play", "first batch"}}));
  for (const char* h : {"a", "b"}) p.feed(of_host("runner_on_start", h, "1"));
  for (const char* h : {"a", "b"}) p.feed(of_host("runner_on_ok", h, "1"));
  EXPECT_FALSE(p.hosts().at("a").complete);
  p.feed(event("playbook_on_play_start", {{"play", "second batch"}}));
  for (const char* h : {"c", "d"}) p.feed(of_host("runner_on_start", h, "1"));
  p.feed(of_host("runner_on_ok", "c", "1"));
  p.feed(of_host("runner_on_failed", "d", "1", {{"msg", "no"}}));
  p.feed(event("playbook_on_no_hosts_remaining", {}));
  p.feed(event("playbook_on_stats", {{"ok", {{"a", 1}, {"b", 1}, {"c", 1}}}, {"failures", {{"d", 1}}}}));
  EXPECT_FALSE(p.hosts().at("a").complete) << "as long as nobody tells what a later play would have done";
  p.broken_off({"d"});
  EXPECT_TRUE(p.hosts().at("a").complete && p.hosts().at("b").complete);
  EXPECT_FALSE(p.hosts().at("c").complete || p.hosts().at("d").complete || p.hosts().at("later").complete);
  EXPECT_EQ(p.hosts().at("later").state, HostState::waiting);
  EXPECT_FALSE(p.hosts().at("later").done);
}

TEST(Text, a_line_that_is_most_of_the_end_is_kept_from_its_middle) {
  EXPECT_EQ(tail("first\n" + std::string(100, 'x') + "\nlast\n", 50), std::string(44, 'x') + "\nlast\n");
  EXPECT_EQ(tail(std::string(100, 'x') + "\nlast line of it that is long enough\n", 45),
            "last line of it that is long enough\n");
}

TEST(Text, nothing_that_steers_a_terminal_is_kept) {
  EXPECT_EQ(without_colours("\x1b[1;31mred\x1b[0m \x1b[Kb\tc\r\n"), "red b\tc\n");
  EXPECT_EQ(without_colours("\x1b]0;title\a1\x1b]8;;http://x\x1b\\2\x1bPq\x1b\\3\x1b(B4\x1b"
                            "c5"),
            "12345");
  EXPECT_EQ(without_colours("\u009b2J1\u009d0;t\u009c2\x7f\b\x01\u0085"), "12");
  EXPECT_EQ(without_colours("\x1b]0;no end\nnext\x1b"), "0;no end\nnext");
  EXPECT_EQ(without_colours("\x1b\nh\u00e9"), "\nh\u00e9");
}

TEST(Text, the_hint_fits_ansibles_words) {
  EXPECT_NE(hint_for("ssh: connect to host x port 22: Connection refused").find("sshd"), std::string::npos);
  EXPECT_NE(hint_for("Permission denied (publickey).").find("SSH key"), std::string::npos);
  EXPECT_EQ(hint_for("something else"), "");
}

TEST(Progress, keeps_diffs_only_when_asked_and_within_bounds) {
  auto changes = [](Progress& p, const std::string& host, const std::string& text) {
    p.feed(json::serialize(json::object{{"event", "runner_on_file_diff"},
                                        {"stdout", text},
                                        {"event_data", {{"host", host}, {"task", "Copy"}}}}));
  };
  Progress silent, p;
  changes(silent, "a", "+new");
  EXPECT_EQ(silent.hosts().at("a").diff, "");
  p.keep_diffs();
  changes(p, "a", "\x1b[0;31m-old\x1b[0m\r\n\x1b[0;32m+new\x1b[0m\r\n");
  changes(p, "a", "");  // the task has no_log
  EXPECT_EQ(p.hosts().at("a").diff, "task Copy\n-old\n+new\n");
  for (int i = 0; i < 200; ++i) changes(p, "b", std::string(1000, '+'));
  EXPECT_LT(p.hosts().at("b").diff.size(), 66'000u);
  EXPECT_TRUE(p.hosts().at("b").diff.ends_with("(the rest is in the log)\n"));
}

}  // namespace
}  // namespace lemmy::ansible
