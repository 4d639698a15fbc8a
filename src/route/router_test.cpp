#include "route/routes_test.h"

namespace lemmy::route {
namespace {

using testing::HasSubstr;

TEST_F(Routes, the_nearest_pattern_answers) {
  auto r = make(true);
  EXPECT_EQ(send(r, "GET", "/projects/new").status, 200);
  EXPECT_EQ(send(r, "GET", "/projects/hello").status, 200);
  EXPECT_EQ(send(r, "GET", "/projects/hello/more").status, 404);
  EXPECT_EQ(send(r, "GET", "/projects/").status, 404);
}

TEST_F(Routes, a_wrong_method_says_which_are_right) {
  auto r = make(true);
  auto answer = send(r, "PUT", "/hooks/build");
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(net::header(answer.headers, "Allow"), "POST");
  const json::value told = parse_json(answer.body, "").value();
  EXPECT_EQ(told.at("status"), 405);
  EXPECT_EQ(told.at("type"), "urn:lemmy:error:method_not_allowed");
  EXPECT_EQ(told.at("detail"), "this takes POST only");
}

TEST_F(Routes, who_is_not_signed_in_is_sent_to_sign_in_or_refused) {
  auto r = make();
  auto page = send(r, "GET", "/projects/hello");
  EXPECT_EQ(page.status, 303);
  EXPECT_EQ(net::header(page.headers, "Location"), "/login?next=%2Fprojects%2Fhello");
  auto api = send(r, "POST", kDeploy, {{"Content-Type", "application/json"}}, "{}");
  EXPECT_EQ(api.status, 401);
  EXPECT_THAT(std::string(net::header(api.headers, "WWW-Authenticate")), HasSubstr("Bearer"));
  EXPECT_EQ(send(r, "GET", "/healthz").status, 200);
  EXPECT_EQ(send(r, "POST", "/hooks/build").status, 200);
}

TEST_F(Routes, roles_and_environments_decide) {
  auto r = make();
  auto post = [&](std::string user, std::string path) {
    std::string c = cookie(user);
    return send(r, "POST", path,
                {{"Cookie", c}, {"X-CSRF-Token", csrf(c)}, {"Content-Type", "application/json"}}, "{}")
        .status;
  };
  EXPECT_EQ(post("vera", kDeploy), 403);
  EXPECT_EQ(post("dora", kDeploy), 200);
  EXPECT_EQ(post("dora", "/api/v1/projects/hello/environments/production/deploys"), 403);
  EXPECT_EQ(post("ada", "/api/v1/projects/hello/environments/production/deploys"), 200);
  // Not in the configuration, so nobody knows which role it needed.
  EXPECT_EQ(post("dora", "/api/v1/projects/hello/environments/gone/deploys"), 403);
  EXPECT_EQ(post("ada", "/api/v1/projects/hello/environments/gone/deploys"), 200);
  EXPECT_EQ(post("dora", "/api/v1/admin"), 403);
}

TEST_F(Routes, tokens_work_for_their_projects_only_and_need_no_csrf) {
  auto r = make();
  net::Headers token{{"Authorization", "Bearer lmy_ci"}, {"Content-Type", "application/json"}};
  EXPECT_EQ(send(r, "POST", kDeploy, token, "{}").status, 200);
  EXPECT_EQ(send(r, "POST", "/api/v1/projects/other/environments/staging/deploys", token, "{}").status, 403);
  EXPECT_EQ(send(r, "GET", "/", token).status, 200);
  EXPECT_EQ(send(r, "GET", "/", {{"Authorization", "Bearer lmy_wrong"}}).status, 303);
  EXPECT_EQ(send(r, "POST", kDeploy, {{"Authorization", "Bearer lmy_wrong"}}, "{}").status, 401);
}

TEST_F(Routes, a_form_without_the_session_s_token_is_refused) {
  auto r = make();
  std::string c = cookie("dora");
  net::Headers form{{"Cookie", c}, {"Content-Type", "application/x-www-form-urlencoded"}};
  EXPECT_EQ(send(r, "POST", kPageDeploy, form, "build=abc").status, 403);
  EXPECT_EQ(send(r, "POST", kPageDeploy, form, "build=abc&csrf=" + csrf(c)).status, 200);
  EXPECT_EQ(send(r, "POST", kPageDeploy, form, "build=abc&csrf=" + csrf(cookie("ada"))).status, 403);
}

TEST_F(Routes, another_site_cannot_act_even_without_a_session) {
  auto r = make(true);
  net::Headers json{{"Content-Type", "application/json"}};
  EXPECT_EQ(send(r, "POST", kDeploy, json, "{}").status, 200) << "a program on this machine may";
  auto cross = json;
  cross.emplace("Origin", "https://evil.example");
  EXPECT_EQ(send(r, "POST", kDeploy, cross, "{}").status, 403);
  auto fetch = json;
  fetch.emplace("Sec-Fetch-Site", "cross-site");
  EXPECT_EQ(send(r, "POST", kDeploy, fetch, "{}").status, 403);
  EXPECT_EQ(
      send(r, "POST", kDeploy, {{"Content-Type", "application/x-www-form-urlencoded"}}, "build=abc").status,
      403);
  EXPECT_EQ(
      send(r, "POST", kPageDeploy, {{"Content-Type", "application/x-www-form-urlencoded"}}, "build=a").status,
      403);
}

TEST_F(Routes, an_open_server_answers_to_local_names_only) {
  auto r = make(true);
  EXPECT_EQ(send(r, "GET", "/", {{"Host", "evil.example:8484"}}).status, 403);
  EXPECT_EQ(send(r, "GET", "/", {{"Host", "[::1]:8484"}}).status, 200);
  EXPECT_EQ(send(r, "GET", "/", {{"Host", "127.0.0.1"}}).status, 200);
}

TEST_F(Routes, an_access_yaml_that_is_made_while_an_open_server_runs_counts_at_once) {
  auto r = make(true);
  EXPECT_EQ(send(r, "GET", "/").body, "local");
  config->has_access = true;
  EXPECT_EQ(send(r, "GET", "/").status, 303) << "sign in first";
}

TEST_F(Routes, a_handler_that_throws_is_an_internal_error_without_its_words) {
  auto r = make(true);
  r.add({"GET", "/throws", Who::viewer, Kind::api, "", [](Call) -> Task<net::Response> {
           throw std::runtime_error("secret words");
           co_return net::Response{};
         }});
  auto answer = send(r, "GET", "/throws");
  EXPECT_EQ(answer.status, 500);
  EXPECT_THAT(answer.body, testing::Not(HasSubstr("secret words")));
}

TEST_F(Routes, a_handler_that_hangs_is_cut_and_the_caller_is_told) {
  auto r = make(true);
  bool cut = false;
  auto hangs = [&cut](Call) -> Task<net::Response> {
    struct AtEnd {
      bool* told;
      ~AtEnd() { *told = true; }
    } at_end{&cut};
    co_await sleep_for(std::chrono::hours{1});
    co_return net::Response{};
  };
  for (const char* method : {"GET", "POST"}) {
    cut = false;
    Route route{method, "/api/v1/hangs", Who::viewer, Kind::api, "", hangs};
    route.limit = milliseconds{20};
    r.add(std::move(route));
    auto answer = send(r, method, "/api/v1/hangs", {{"Content-Type", "application/json"}}, "{}");
    EXPECT_EQ(answer.status, 503) << method;
    EXPECT_TRUE(cut) << method;
    EXPECT_THAT(answer.body, HasSubstr("gave no answer within"));
    EXPECT_THAT(answer.body, HasSubstr(method == std::string("GET") ? "ask again" : "may have been done"));
  }
}

TEST_F(Routes, every_answer_forbids_foreign_scripts_and_frames) {
  auto r = make(true);
  for (auto path : {"/", "/healthz", "/nothing"}) {
    auto answer = send(r, "GET", path);
    EXPECT_THAT(std::string(net::header(answer.headers, "Content-Security-Policy")),
                HasSubstr("frame-ancestors 'none'"));
    EXPECT_EQ(net::header(answer.headers, "X-Content-Type-Options"), "nosniff");
  }
}

TEST_F(Routes, a_proxy_on_this_machine_may_say_who_called_and_nobody_else) {
  std::vector<Network> trusted;
  net::Request r;
  r.remote = "127.0.0.1";
  r.headers = {{"X-Forwarded-For", "1.2.3.4, 10.0.0.7"}};
  EXPECT_EQ(caller_address(r, trusted), "10.0.0.7") << "what came before the proxy anybody can write";
  r.remote = "192.0.2.1";
  EXPECT_EQ(caller_address(r, trusted), "192.0.2.1");
  r.remote = "::1";
  r.headers = {{"X-Forwarded-For", "nonsense"}};
  EXPECT_EQ(caller_address(r, trusted), "::1");
  r.headers = {{"X-Forwarded-For", "198.51.100.77:5555"}};
  EXPECT_EQ(caller_address(r, trusted), "198.51.100.77");
  trusted = {*read_network("10.0.0.0/8")};
  r.remote = "10.1.1.1";
  r.headers = {{"X-Forwarded-For", "6.6.6.6, 203.0.113.9, 10.2.2.2:80,"}};
  EXPECT_EQ(caller_address(r, trusted), "203.0.113.9") << "by way of two proxies of ours";
  r.headers = {};
  EXPECT_EQ(caller_address(r, trusted), "10.1.1.1");
  r.remote = "192.0.2.1";
  r.headers = {{"X-Forwarded-For", "203.0.113.9"}};
  EXPECT_EQ(caller_address(r, trusted), "192.0.2.1");
}

TEST_F(Routes, two_routes_for_one_place_are_a_defect) {
  auto r = make();
  EXPECT_THROW(r.add({"GET", "/healthz", Who::anyone, Kind::plain, "",
                      [](Call) -> Task<net::Response> { co_return net::Response{}; }}),
               std::logic_error);
}

TEST_F(Routes, openapi_lists_what_is_no_page) {
  auto r = make();
  auto o = openapi(r.routes(), "1.0");
  const auto& paths = o["paths"].get_object();
  EXPECT_TRUE(paths.contains("/hooks/build"));
  EXPECT_TRUE(paths.contains("/api/v1/projects/{project}/environments/{environment}/deploys"));
  EXPECT_FALSE(paths.contains("/projects/{project}"));
}

}  // namespace
}  // namespace lemmy::route
