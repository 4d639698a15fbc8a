#include "web/handlers_test.h"

#include <gmock/gmock.h>

#include "domain/names.h"

namespace lemmy::web {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kStaging = "/projects/hello-world/environments/staging/deploys";
constexpr const char* kProduction = "/projects/hello-world/environments/production/deploys";

TEST_F(Handlers, the_first_page_and_a_project_with_its_builds_are_shown) {
  EXPECT_THAT(send("GET", "/").body, AllOf(HasSubstr("hello-world"), HasSubstr("user-service")));
  std::string html = send("GET", "/projects/hello-world").body;
  EXPECT_THAT(html, AllOf(HasSubstr("0123abc"), HasSubstr("Say &lt;hello&gt;"), HasSubstr(">Deploy")));
}

TEST_F(Handlers, one_click_deploys_and_leads_to_the_status_page) {
  net::Response r = send("POST", kStaging, "build=" + std::string(kSha) + "&after=0&csrf=" + csrf());
  ASSERT_EQ(r.status, 303) << r.body;
  EXPECT_EQ(location(r), std::string(kStaging) + "/1");
  EXPECT_THAT(send("GET", location(r)).body, AllOf(HasSubstr("hello-world in staging"), HasSubstr("Phases")));
}

TEST_F(Handlers, clicking_twice_makes_one_deploy) {
  std::string form = "build=" + std::string(kSha) + "&after=0&csrf=" + csrf();
  EXPECT_EQ(location(send("POST", kStaging, form)), location(send("POST", kStaging, form)));
}

TEST_F(Handlers, a_protected_environment_asks_first) {
  std::string form = "build=" + std::string(kSha) + "&after=0&csrf=" + csrf();
  net::Response asked = send("POST", kProduction, form);
  EXPECT_EQ(asked.status, 200);
  EXPECT_THAT(asked.body,
              AllOf(HasSubstr("Deploy hello-world to production?"), HasSubstr("name=\"confirm\"")));
  EXPECT_EQ(conductor->latest({"hello-world", "production"}), nullptr);
  EXPECT_EQ(send("POST", kProduction, form + "&confirm=yes&reason=Friday").status, 303);
  EXPECT_EQ(run(store->deploy({"hello-world", "production"}, 1)).value().reason, "Friday");
}

TEST_F(Handlers, a_form_without_the_token_changes_nothing) {
  net::Response r = send("POST", kStaging, "build=" + std::string(kSha));
  EXPECT_EQ(r.status, 403);
  EXPECT_THAT(r.body, HasSubstr("token is missing"));
  EXPECT_EQ(conductor->latest({"hello-world", "staging"}), nullptr);
}

TEST_F(Handlers, errors_are_pages_with_what_and_a_way_back) {
  net::Response r = send("GET", "/projects/nothing-here");
  EXPECT_EQ(r.status, 404);
  EXPECT_THAT(r.body, AllOf(HasSubstr("there is no project"), HasSubstr("href=\"/\"")));
  EXPECT_EQ(send("GET", std::string(kStaging) + "/99").status, 404);
  EXPECT_EQ(send("GET", std::string(kStaging) + "/abc").status, 404);
  EXPECT_EQ(send("GET", "/no/such/page").status, 404);
  EXPECT_EQ(send("POST", std::string(kStaging) + "/1/explode", "csrf=" + csrf()).status, 404);
}

TEST_F(Handlers, who_is_not_signed_in_is_led_to_the_form_and_back) {
  make_router(false);
  net::Response r = send("GET", "/projects/hello-world?after=x");
  EXPECT_EQ(r.status, 303);
  EXPECT_THAT(location(r), HasSubstr("/login?next="));
  EXPECT_THAT(send("GET", location(r)).body, HasSubstr("value=\"&#x2f;projects&#x2f;hello-world?after=x\""));
  EXPECT_THAT(send("GET", "/login?next=//evil.example").body, Not(HasSubstr("evil")));
}

TEST_F(Handlers, somebody_who_may_only_look_sees_no_buttons_and_cannot_deploy) {
  make_router(false);
  config->access.anonymous = access::Role::viewer;
  std::string html = send("GET", "/projects/hello-world").body;
  EXPECT_THAT(html, AllOf(HasSubstr("needs the role deployer"), Not(HasSubstr(">Deploy<"))));
  EXPECT_EQ(send("POST", kStaging, "build=" + std::string(kSha)).status, 401);
}

TEST_F(Handlers, the_ledger_shows_what_called_the_hooks) {
  EXPECT_THAT(send("GET", "/deliveries").body, AllOf(HasSubstr("accepted"), HasSubstr("10.0.0.1")));
}

TEST_F(Handlers, what_was_sent_to_a_hook_is_for_deployers_as_in_the_api) {
  EXPECT_THAT(send("GET", "/deliveries").body, HasSubstr("<summary>body</summary>"));
  make_router(false);
  config->access.anonymous = access::Role::viewer;
  EXPECT_THAT(send("GET", "/deliveries").body,
              AllOf(HasSubstr("accepted"), Not(HasSubstr("<summary>body</summary>"))));
}

TEST_F(Handlers, hosts_that_asked_are_shown_and_run_again_by_those_who_may) {
  EXPECT_THAT(send("GET", "/instances").body, HasSubstr("No host has asked yet"));
  Delivery d{0, "instance", "1", now(), "10.0.0.1", "ci", "hello-world", "{}", "accepted", ""};
  run(store->accept_instance(d,
                             InstanceCall{{"hello-world", "staging"}, "i-1", "10.0.0.1", "hook ci", now()}))
      .value();
  EXPECT_THAT(
      send("GET", "/instances").body,
      AllOf(HasSubstr("i-1"), HasSubstr("asked, is gathered with others"), Not(HasSubstr("Run again"))));
  Instance i = *run(store->instance({"hello-world", "staging"}, "i-1"));
  i.result.answered = 1;
  i.result.state = InstanceState::failed;
  i.result.why = "<b>disk full</b>";
  run(store->record_instances({i}, {})).value();
  EXPECT_THAT(send("GET", "/instances?project=hello-world&environment=staging").body,
              AllOf(HasSubstr("&lt;b&gt;disk full"), HasSubstr("Run again")));
  EXPECT_THAT(send("GET", "/instances?project=other").body, HasSubstr("No host of it has asked yet"));
  EXPECT_EQ(send("POST", "/projects/hello-world/environments/staging/instances/run",
                 "instance_id=i-1&csrf=" + csrf())
                .status,
            303);
  EXPECT_EQ(run(store->instance({"hello-world", "staging"}, "i-1"))->asked, 2);
  EXPECT_EQ(send("POST", "/projects/hello-world/environments/staging/instances/run",
                 "instance_id=i-9&csrf=" + csrf())
                .status,
            404);
  EXPECT_THAT(
      send("GET", "/instances?state=failed").body,
      AllOf(HasSubstr("None of these here"), HasSubstr("data-page=\"&#x2f;instances?state=failed\"")));
  EXPECT_EQ(send("GET", "/instances?state=nonsense").status, 422);
  EXPECT_EQ(send("POST", "/projects/hello-world/environments/staging/instances/forget",
                 "instance_id=i-1&csrf=" + csrf())
                .status,
            303);
  EXPECT_THAT(send("GET", "/instances").body, AllOf(Not(HasSubstr("instance-hello")), HasSubstr("1 gone")));
  EXPECT_THAT(send("GET", "/instances?state=gone").body, HasSubstr("let go of"));
  make_router(false);
  config->access.anonymous = access::Role::viewer;
  EXPECT_THAT(send("GET", "/instances?state=gone").body,
              AllOf(HasSubstr("i-1"), Not(HasSubstr("Run again")), Not(HasSubstr("Let go"))));
}

TEST_F(Handlers, an_instance_is_let_go_of_on_a_server_that_leads_no_more) {
  Delivery d{0, "instance", "1", now(), "10.0.0.1", "ci", "hello-world", "{}", "accepted", ""};
  run(store->accept_instance(d,
                             InstanceCall{{"hello-world", "staging"}, "i-1", "10.0.0.1", "hook ci", now()}))
      .value();
  store::Lease lease{"leader", "this", 1, 0};
  lease = run(store->swap_lease(lease)).value();
  run(instances->lead({"leader", 1})).value();
  instances->stand_down();
  run_void(instances->follow());
  lease.holder = "another";
  lease.token = 2;
  run(store->swap_lease(lease)).value();
  EXPECT_EQ(send("POST", "/projects/hello-world/environments/staging/instances/forget",
                 "instance_id=i-1&csrf=" + csrf())
                .status,
            303);
  EXPECT_THAT(send("GET", "/instances?state=gone").body, HasSubstr("let go of"));
}

TEST_F(Handlers, a_stranger_at_the_form_to_sign_in_is_told_no_names_of_files_and_hosts) {
  problems = {{ErrorCode::invalid, "projects/secret-plan/project.yaml:1", "not a mapping"}};
  EXPECT_THAT(send("GET", "/login").body, HasSubstr("secret-plan"));
  make_router(false);
  EXPECT_THAT(send("GET", "/login").body, Not(HasSubstr("secret-plan")));
}

}  // namespace
}  // namespace lemmy::web
