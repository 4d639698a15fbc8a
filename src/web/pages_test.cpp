// What the templates make of hand-made contexts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "web/pages.h"
#include "web/render.h"
#include "web/sample_test.h"

namespace lemmy::web {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kHostile = "<script>alert(1)</script>\"'&";

TEST(Pages, hostile_names_and_messages_are_escaped_everywhere) {
  json::object project = sample::project_page({sample::build("0123abc4567890", kHostile)});
  project["project"].as_object()["description"] = kHostile;
  project["project"].as_object()["owners"] = json::array{kHostile};
  json::object b = project["builds"].as_array()[0].as_object();
  b["author"] = kHostile;
  b["branch"] = kHostile;
  project["builds"] = json::array{b};
  json::object status = sample::status(Phase::failed);
  for (const char* key : {"who", "reason", "note", "branch"}) status["deploy"].as_object()[key] = kHostile;
  for (const char* key : {"summary", "message", "hint", "log_tail", "previous_log_tail", "pod", "container"})
    status["cause"].as_object()[key] = kHostile;
  status["events"].as_array()[0].as_object()["message"] = kHostile;
  status["pods"].as_array()[0].as_object()["note"] = kHostile;
  for (const std::string& html : {draw("project.html.j2", project), draw("status.html.j2", status)}) {
    EXPECT_THAT(html, AllOf(HasSubstr("&lt;script&gt;alert(1)"), Not(HasSubstr("<script>alert"))));
    EXPECT_THAT(html, Not(HasSubstr("</script>\"")));
  }
}

TEST(Pages, manifests_tell_where_each_field_came_from_without_javascript) {
  json::object o{{"frame", sample::frame()},
                 {"page", sample::page("/projects/hello-world/environments/staging/deploys/1/manifests")},
                 {"target", {{"project", "hello-world"}, {"environment", "staging"}}},
                 {"number", 1},
                 {"url", "/"},
                 {"again", ""},
                 {"other", nullptr},
                 {"title", "Manifests"},
                 {"sections", json::array{}}};
  o["origins"] = origins_json(R"({"revision": "0123abc", "complete": true, "objects": {"final": [
    {"path": "labels.team", "value": "<b>", "written": [{"file": "projects/p/template.json.j2", "line": 3, "column": 9,
      "text": "config.team", "literal": false}], "fed": [{"key": "staging.team", "how": "value",
      "file": "projects/p/environments.json", "line": 4}]},
    {"path": "labels.project", "value": "p", "rule": "labels"}]}})");
  std::string html = draw("plain.html.j2", o);
  EXPECT_THAT(html,
              AllOf(HasSubstr("<details id=\"origins-1\"><summary>Final JSON: 2 fields"),
                    HasSubstr("`config.team` &lt;- staging.team (environments.json:4)"),
                    HasSubstr("stamped by Lemmy: labels"), HasSubstr("&lt;b&gt;"), HasSubstr("0123abc")));
  for (const char* broken : {"", "[]", "{}", R"({"objects": [1]})", R"({"objects": {"final": [1]}})"}) {
    o["origins"] = origins_json(broken);
    draw("plain.html.j2", o);
  }
}

TEST(Pages, every_phase_has_a_status_page) {
  for (int i = 0; i <= static_cast<int>(Phase::superseded); ++i) {
    const Phase phase = static_cast<Phase>(i);
    std::string html = draw("status.html.j2", sample::status(phase));
    EXPECT_THAT(html, AllOf(HasSubstr(std::string(title(phase))), HasSubstr("aria-live=\"polite\"")));
  }
}

TEST(Pages, every_health_is_said_in_words_too) {
  for (std::string health : {"ok", "busy", "bad", "zeroed", "unknown"}) {
    json::object context = sample::home(health);
    EXPECT_THAT(draw("home.html.j2", context),
                HasSubstr(health == "ok" ? "3 of 3 pods ready" : "health " + health));
  }
  EXPECT_THAT(draw("home.html.j2", sample::home("none")), HasSubstr("nothing deployed"));
}

TEST(Pages, a_deploy_to_hosts_shows_each_host_and_no_pods) {
  json::object status = sample::status(Phase::live);
  status["deploy"].as_object()["deployer"] = "ansible";
  json::object host{
      {"name", "web-1"}, {"state", "unreachable"}, {"task", "Gather"}, {"message", "<no route>"},
      {"ok", 1},         {"changed", 0},           {"failed", 0},      {"skipped", 2},
      {"rescued", 0}};
  status["hosts"] = json::object{
      {"task", ""}, {"finished", true}, {"counts", {{"unreachable", 1}}}, {"hosts", json::array{host}}};
  std::string page = draw("status.html.j2", status);
  EXPECT_THAT(page, HasSubstr(">Hosts</h2>"));
  EXPECT_THAT(page, HasSubstr("web-1"));
  EXPECT_THAT(page, HasSubstr("&lt;no route&gt;"));
  EXPECT_THAT(page, HasSubstr("1 unreachable"));
  EXPECT_THAT(page, Not(HasSubstr(">Pods</h2>")));
}

TEST(Pages, a_failure_shows_reason_exit_code_hint_and_log_before_the_pods) {
  std::string html = draw("status.html.j2", sample::status(Phase::failed));
  size_t why = html.find("Why it failed"), pods = html.find("id=\"pods\"");
  ASSERT_NE(why, html.npos);
  EXPECT_LT(why, pods);
  EXPECT_THAT(html.substr(why, pods - why),
              AllOf(HasSubstr("CrashLoopBackOff"), HasSubstr("<dd>3</dd>"), HasSubstr("read its log"),
                    HasSubstr("panic: no DATABASE_URL"), HasSubstr("×4")));
}

TEST(Pages, a_failure_shows_a_sample_of_its_pods_beside_what_differs_from_the_last_good_deploy) {
  json::object status = sample::status(Phase::failed);
  EXPECT_THAT(
      draw("status.html.j2", status),
      AllOf(HasSubstr("3 of 3 pods: container app"), HasSubstr("begin &lt;1&gt;"),
            HasSubstr("What differs from the last good deploy"), HasSubstr("&lt;slow&gt;"),
            HasSubstr("compare&#x2f;aaaaaaa...0123abc"), HasSubstr("what it points to may have changed")));
  json::object& failure = status["failure"].as_object();
  failure["difference"] = nullptr;
  failure["why"] = kHostile;
  failure["roles"] = json::array{};
  EXPECT_THAT(draw("status.html.j2", status),
              AllOf(HasSubstr("&lt;script&gt;alert(1)"), HasSubstr("panic: no DATABASE_URL"),
                    Not(HasSubstr("<script>alert"))));
  status["failure"] = nullptr;
  EXPECT_THAT(draw("status.html.j2", status),
              AllOf(HasSubstr("panic: no DATABASE_URL"), Not(HasSubstr("last good deploy"))));
}

TEST(Pages, the_step_where_a_deploy_failed_is_marked) {
  json::object status = sample::status(Phase::failed);
  json::array steps = status["page"].at("steps").as_array();
  ASSERT_EQ(steps.size(), 6u);
  EXPECT_EQ(steps[2].at("state"), "done");
  EXPECT_EQ(steps[3].at("state"), "failed");
  EXPECT_EQ(steps[4].at("state"), "ahead");
}

TEST(Pages, a_live_deploy_has_done_every_step) {
  for (const json::value& s : sample::status(Phase::live)["page"].at("steps").as_array())
    EXPECT_EQ(s.at("state"), "done");
}

TEST(Pages, empty_states_say_the_next_step) {
  json::object home = sample::home();
  home["projects"] = json::array{};
  EXPECT_THAT(draw("home.html.j2", home), AllOf(HasSubstr("No project yet"), HasSubstr("hooks&#x2f;build")));
  EXPECT_THAT(draw("project.html.j2", sample::project_page({})),
              AllOf(HasSubstr("No build of hello-world yet"), HasSubstr("-d project=")));
  json::object deliveries{
      {"frame", sample::frame()}, {"page", sample::page("/deliveries")}, {"deliveries", json::array{}}};
  EXPECT_THAT(draw("deliveries.html.j2", deliveries), HasSubstr("No call yet"));
}

TEST(Pages, many_projects_come_in_pages_with_a_field_to_find_them) {
  json::object home = sample::home();
  EXPECT_THAT(draw("home.html.j2", home), Not(HasSubstr("role=\"search\"")));
  json::object& page = home["page"].as_object();
  page["search"] = "<b>";
  page["search_query"] = "%3Cb%3E";
  page["next"] = "hello-world";
  EXPECT_THAT(draw("home.html.j2", home),
              AllOf(HasSubstr("value=\"&lt;b&gt;\""), HasSubstr("after=hello-world\" rel=\"next\"")));
  home["projects"] = json::array{};
  EXPECT_THAT(draw("home.html.j2", home),
              AllOf(HasSubstr("whose name has “&lt;b&gt;”"), HasSubstr("href=\"/\"")));
}

TEST(Pages, the_store_page_shows_sizes_the_policy_and_what_is_wrong) {
  json::object o{{"frame", sample::frame()},
                 {"page", sample::page("/store")},
                 {"store", {{"kinds", json::array{}}, {"at", nullptr}, {"age", ""}}},
                 {"policy",
                  {{"every", "1 h"},
                   {"deploys", "200"},
                   {"deploys_for", "90 d"},
                   {"builds", "all"},
                   {"builds_for", "180 d"},
                   {"deliveries_for", "30 d"},
                   {"feed_for", "90 d"},
                   {"feed_most", "1000000"}}},
                 {"archive", nullptr},
                 {"forgotten", {{"deploys", 7}, {"builds", 0}, {"deliveries", 0}, {"feed", 0}}},
                 {"leads", true},
                 {"looked_at", nullptr},
                 {"trouble", {{"where", "a.gz"}, {"what", "no <space>"}, {"hint", "make room"}}}};
  EXPECT_THAT(draw("store.html.j2", o),
              AllOf(HasSubstr("being measured"), HasSubstr("90 d"), HasSubstr("start with <code>--archive"),
                    HasSubstr("no &lt;space&gt;"), HasSubstr("make room")));
  o["store"] = {{"kinds", json::array{{{"kind", "events"}, {"count", 41}, {"bytes", nullptr}, {"size", ""}}}},
                {"at", "2026-11-25T10:00:00.000Z"},
                {"age", "3 s"}};
  o["trouble"] = nullptr;
  o["archive"] = {{"dir", "lemmy.db.archive"}, {"bytes", 2048}, {"size", "2.0 KiB"}};
  o["looked_at"] = "2026-11-25T09:00:00.000Z";
  EXPECT_THAT(draw("store.html.j2", o),
              AllOf(HasSubstr("events"), HasSubstr("41"), HasSubstr("not known"), HasSubstr("2.0 KiB"),
                    HasSubstr("2026-11-25 09:00:00"), Not(HasSubstr("History is not let go"))));
}

TEST(Pages, every_deploy_button_is_a_form_of_its_own_with_the_token) {
  std::string html = draw("project.html.j2", sample::project_page({sample::build("0123abc4567890")}));
  EXPECT_THAT(html, AllOf(HasSubstr("action=\"/projects/hello-world/environments/staging/deploys\""),
                          HasSubstr("action=\"/projects/hello-world/environments/production/deploys\""),
                          HasSubstr("name=\"csrf\" value=\"the-token\""),
                          HasSubstr("name=\"build\" value=\"0123abc4567890\""),
                          HasSubstr("name=\"after\" value=\"11\"")));
}

TEST(Pages, who_may_not_act_sees_why_and_no_buttons) {
  std::string project =
      draw("project.html.j2", sample::project_page({sample::build("0123abc4567890")}, false));
  EXPECT_THAT(project, AllOf(HasSubstr("this needs the role deployer"), Not(HasSubstr("/deploys\"><"))));
  std::string status = draw("status.html.j2", sample::status(Phase::live, false));
  EXPECT_THAT(status, AllOf(HasSubstr("this needs the role deployer"), Not(HasSubstr("/zero\""))));
}

TEST(Pages, errors_confirmations_texts_and_the_sign_in_form_render) {
  json::object base{{"frame", sample::frame()}, {"page", sample::page("/x")}};
  json::object error = base;
  for (const char* key : {"title", "what", "hint", "where", "detail", "back"}) error[key] = kHostile;
  error["sign_in"] = true;
  EXPECT_THAT(draw("error.html.j2", error), AllOf(HasSubstr("Sign in"), Not(HasSubstr("<script>alert"))));
  json::object confirm = base;
  for (const char* key : {"title", "before", "after", "action", "reason", "button", "back"})
    confirm[key] = "x";
  confirm["lines"] = json::array{"one"};
  confirm["fields"] = json::array{json::object{{"name", "build"}, {"value", kHostile}}};
  confirm["changes"] = sample::difference();
  confirm["ask_reason"] = true;
  confirm["danger"] = true;
  EXPECT_THAT(draw("confirm.html.j2", confirm),
              AllOf(HasSubstr("fast"), HasSubstr("&lt;slow&gt;"), HasSubstr("value=\"yes\"")));
  json::object text = base;
  text["title"] = "Manifests";
  text["target"] = json::object{{"project", "hello"}, {"environment", "staging"}};
  text["number"] = 3;
  text["url"] = "/u";
  text["again"] = "";
  text["other"] = nullptr;
  text["origins"] = nullptr;
  text["sections"] = json::array{json::object{{"title", "t"}, {"text", kHostile}, {"empty", "e"}}};
  EXPECT_THAT(draw("plain.html.j2", text), Not(HasSubstr("<script>alert")));
  json::object login = base;
  for (const char* key : {"trouble", "name", "next"}) login[key] = kHostile;
  EXPECT_THAT(draw("login.html.j2", login),
              AllOf(HasSubstr("current-password"), Not(HasSubstr("<script>alert"))));
}

}  // namespace
}  // namespace lemmy::web
