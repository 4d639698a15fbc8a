// On which hosts a run came to its end, by its events alone. tests/ansible/ends_test.py: on the real Ansible.
#include <gmock/gmock.h>

#include "ansible/progress.h"
#include "base/json.h"

namespace lemmy::ansible {
namespace {

class Ends : public testing::Test {
 protected:
  void feed(std::string_view kind, json::object data) {
    p.feed(json::object{{"event", kind}, {"event_data", std::move(data)}});
  }
  void of(std::string_view kind, std::string_view host, std::string_view action = "command",
          json::object res = {}) {
    feed(kind, {{"host", host}, {"task", "t"}, {"task_action", action}, {"res", std::move(res)}});
  }
  const Host& host(const std::string& name) { return p.hosts().at(name); }
  Progress p;
};

TEST_F(Ends, a_host_that_began_nothing_after_another_failed_is_not_known_to_be_complete) {
  for (const char* h : {"a", "b", "c"}) of("runner_on_start", h), of("runner_on_ok", h);
  of("runner_on_start", "a"), of("runner_on_failed", "a", "command", {{"msg", "no"}});
  of("runner_on_start", "c"), of("runner_on_ok", "c");
  feed("playbook_on_stats", {{"ok", {{"a", 1}, {"b", 1}, {"c", 2}}}, {"failures", {{"a", 1}}}});
  EXPECT_FALSE(host("a").complete || host("b").complete);
  EXPECT_TRUE(host("c").complete);
  EXPECT_THAT(host("b").message, testing::HasSubstr("not known"));
  EXPECT_EQ(host("a").message, "no");
}

TEST_F(Ends, what_the_run_itself_tells_goes_before_a_guess) {
  for (const char* h : {"a", "b", "c"}) of("runner_on_start", h), of("runner_on_ok", h);
  of("runner_on_failed", "a", "command", {{"msg", "no"}});
  feed("playbook_on_stats", {{"ok", {{"a", 1}, {"b", 1}, {"c", 1}}}, {"failures", {{"a", 1}}}});
  p.broken_off({"a", "c"});
  EXPECT_TRUE(host("b").complete);
  EXPECT_EQ(host("b").message, "");
  EXPECT_FALSE(host("c").complete);
  EXPECT_THAT(host("c").message, testing::HasSubstr("broke the run off"));
}

TEST_F(Ends, what_was_rescued_breaks_nothing_off) {
  for (const char* h : {"a", "b"}) of("runner_on_start", h), of("runner_on_ok", h);
  of("runner_on_failed", "a", "command", {{"msg", "no"}});
  of("runner_on_start", "a"), of("runner_on_ok", "a");
  feed("playbook_on_stats", {{"ok", {{"a", 2}, {"b", 1}}}, {"rescued", {{"a", 1}}}});
  EXPECT_TRUE(host("a").complete && host("b").complete);
}

TEST_F(Ends, what_ansible_does_by_itself_is_no_answer_of_the_host) {
  for (const char* action :
       {"include_tasks", "ansible.builtin.set_fact", "ansible.legacy.debug", "assert", "add_host", "group_by",
        "fail", "pause", "include_role", "set_stats", "include_vars"}) {
    p = {};
    of("runner_on_start", "a", action), of("runner_on_ok", "a", action, {{"changed", true}});
    of("runner_on_start", "a"), of("runner_on_unreachable", "a", "command", {{"msg", "dark"}});
    feed("playbook_on_stats", {{"ok", {{"a", 2}}}, {"changed", {{"a", 1}}}, {"ignored", {{"a", 1}}}});
    EXPECT_EQ(name(host("a").state), "unreachable") << action;
    EXPECT_FALSE(host("a").complete) << action;
  }
}

TEST_F(Ends, what_another_host_did_for_it_is_no_answer_and_what_it_did_itself_is_one) {
  const json::object delegated{{"changed", true}, {"_ansible_delegated_vars", {{"ansible_host", "x"}}}};
  for (bool itself : {false, true}) {
    p = {};
    of("runner_on_ok", "a", "command", itself ? json::object{} : delegated);
    of("runner_on_unreachable", "a", "command", {{"msg", "dark"}});
    feed("playbook_on_stats", {{"ok", {{"a", 2}}}, {"ignored", {{"a", 1}}}});
    EXPECT_EQ(host("a").complete, itself);
  }
}

TEST_F(Ends, a_host_works_until_its_play_ends_and_shows_the_item_of_a_loop) {
  auto shown = [&](const std::string& name) { return std::string(text_or(to_json(host(name)), "state")); };
  p.expect({"a", "b"});
  feed("playbook_on_play_start", {{"play", "batch 1"}});
  of("runner_on_start", "a"), of("runner_on_ok", "a", "command", {{"changed", true}});
  EXPECT_EQ(shown("a"), "running") << "its next task comes";
  EXPECT_EQ(shown("b"), "waiting");
  of("runner_on_start", "a"), of("runner_item_on_ok", "a", "command", {{"item", "nginx"}});
  EXPECT_EQ(host("a").message, "item nginx");
  of("runner_item_on_ok", "a", "command", {{"item", "x"}, {"_ansible_no_log", true}});
  EXPECT_EQ(host("a").message, "item nginx") << "what is hidden is not shown";
  of("runner_on_ok", "a");
  EXPECT_EQ(host("a").message, "");
  feed("playbook_on_play_start", {{"play", "batch 2"}});
  EXPECT_EQ(shown("a"), "changed");
  of("runner_on_start", "b");
  p.over();
  EXPECT_EQ(host("a").message, "the run ended before all was done on this host");
  EXPECT_FALSE(host("b").working);
}

TEST_F(Ends, what_was_tried_again_is_forgotten_once_it_went_well) {
  for (const char* then : {"runner_on_ok", "runner_on_skipped"}) {
    p = {};
    of("runner_on_start", "a"), of("runner_retry", "a", "command", {{"attempts", 2}});
    EXPECT_EQ(host("a").message, "tried 2 times, trying again");
    of(then, "a");
    EXPECT_EQ(host("a").message, "") << then;
  }
  of("runner_item_on_failed", "a", "command", {{"msg", "no"}});
  feed("playbook_on_stats", {{"ok", {{"a", 1}}}});
  EXPECT_EQ(host("a").message, "");
  EXPECT_TRUE(host("a").complete);
}

TEST_F(Ends, hosts_that_a_stopped_run_did_not_reach_say_so) {
  p.expect({"a", "b"});
  of("runner_on_start", "a"), of("runner_on_failed", "a", "command", {{"msg", "no"}});
  feed("playbook_on_stats", {{"failures", {{"a", 1}}}});
  p.over();
  EXPECT_EQ(host("b").message, "the run did not come to this host");
  EXPECT_EQ(host("a").message, "no");
}

}  // namespace
}  // namespace lemmy::ansible
