#include "route/router.h"

#include <gmock/gmock.h>

#include "base/crypto.h"
#include "route/guard.h"

namespace lemmy::route {
namespace {

using testing::HasSubstr;

const std::string kKey(32, 'k');

struct Routes : testing::Test {
  Routes() {
    config->has_access = true;
    config->access.users = {{"vera", access::Role::viewer, "$argon2id$v"},
                            {"dora", access::Role::deployer, "$argon2id$d"},
                            {"ada", access::Role::admin, "$argon2id$a"}};
    config->access.tokens = {{"ci", access::Role::deployer, sha256_hex("lmy_ci"), {"hello"}, {}}};
    config::Environment locked;
    locked.name = "production";
    locked.role = access::Role::admin;
    config::Environment open;
    open.name = "staging";
    config->environments = {locked, open};
  }
  Router make(bool open = false) {
    config->has_access = !open;
    Router r({kKey, open, [this] { return std::shared_ptr<const config::Config>(config); }, {}});
    auto add = [&](std::string method, std::string pattern, Who who, Kind kind) {
      r.add({method, pattern, who, kind, "", [](Call c) -> Task<net::Response> {
               net::Response response;
               response.body = c.who.name;
               co_return response;
             }});
    };
    add("GET", "/", Who::viewer, Kind::page);
    add("GET", "/healthz", Who::anyone, Kind::plain);
    add("GET", "/projects/{project}", Who::viewer, Kind::page);
    add("GET", "/projects/new", Who::viewer, Kind::page);
    add("POST", "/projects/{project}/environments/{environment}/deploys", Who::deployer, Kind::page);
    add("POST", "/api/v1/projects/{project}/environments/{environment}/deploys", Who::deployer, Kind::api);
    add("POST", "/hooks/build", Who::hook, Kind::hook);
    add("POST", "/api/v1/admin", Who::admin, Kind::api);
    return r;
  }
  net::Response send(Router& router, std::string method, std::string path, net::Headers headers = {},
                     std::string body = "") {
    net::Request r;
    r.method = std::move(method);
    r.target = r.path = std::move(path);
    r.headers = std::move(headers);
    if (!r.headers.contains("Host")) r.headers.emplace("Host", "localhost:8484");
    r.body = std::move(body);
    auto future = asio::co_spawn(loop, router.handle(std::move(r)), asio::use_future);
    loop.restart();
    loop.run();
    return future.get();
  }
  std::string cookie(const std::string& user) {
    return "lemmy_session=" + access::make_session(kKey, *config->access.user(user), seconds{3600}, now());
  }
  std::string csrf(const std::string& cookie) {
    return access::open_session(kKey, config->access, cookie.substr(14), now())->csrf;
  }
  asio::io_context loop;
  std::shared_ptr<config::Config> config = std::make_shared<config::Config>();
};

constexpr const char* kDeploy = "/api/v1/projects/hello/environments/staging/deploys";
constexpr const char* kPageDeploy = "/projects/hello/environments/staging/deploys";

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
  net::Request r;
  r.remote = "127.0.0.1";
  r.headers = {{"X-Forwarded-For", "1.2.3.4, 10.0.0.7"}};
  EXPECT_EQ(caller_address(r), "10.0.0.7") << "what came before the proxy anybody can write";
  r.remote = "192.0.2.1";
  EXPECT_EQ(caller_address(r), "192.0.2.1");
  r.remote = "::1";
  r.headers = {{"X-Forwarded-For", "nonsense"}};
  EXPECT_EQ(caller_address(r), "::1");
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

struct Lasting : Routes {
  // As it stands in a handler.
  Call call_of(Router& r, const std::string& path, net::Headers headers) {
    std::optional<Call> seen;
    r.add({"GET", path + "/now", Who::viewer, Kind::plain, "", [&](Call c) -> Task<net::Response> {
             seen = std::move(c);
             co_return net::Response{};
           }});
    EXPECT_EQ(send(r, "GET", path + "/now", std::move(headers)).status, 200);
    return *seen;
  }
  void reconfigure(std::function<void(config::Config&)> change) {
    auto changed = std::make_shared<config::Config>(*config);
    change(*changed);
    config = changed;
  }
  static std::string code(const auto& r) { return r ? "ok" : std::string(name(r.error().code)); }
};

TEST_F(Lasting, a_call_may_ask_for_other_pages_by_the_same_table) {
  auto r = make();
  r.add({"GET", "/projects/{project}/environments/{environment}/dry-runs", Who::deployer, Kind::page, "",
         [](Call) -> Task<net::Response> { co_return net::Response{}; }});
  const Call vera = call_of(r, "/a", {{"Cookie", cookie("vera")}});
  const Call ci = call_of(r, "/b", {{"Authorization", "Bearer lmy_ci"}});
  auto asked = r.ask(vera, "/projects/hello?after=a%20b");
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->route->pattern, "/projects/{project}");
  EXPECT_EQ(asked->call.param("project"), "hello");
  EXPECT_EQ(asked->call.request.query_value("after"), "a b");
  EXPECT_EQ(asked->call.who.name, "vera");
  EXPECT_EQ(r.ask(vera, "/projects/new")->route->pattern, "/projects/new");
  EXPECT_EQ(code(r.ask(vera, "/projects/hello/environments/production/dry-runs")), "forbidden");
  EXPECT_EQ(code(r.ask(ci, "/projects/hello/environments/staging/dry-runs")), "ok");
  EXPECT_EQ(code(r.ask(ci, "/projects/hello/environments/production/dry-runs")), "forbidden");
  EXPECT_EQ(code(r.ask(ci, "/projects/other")), "forbidden");
  EXPECT_EQ(code(r.ask(vera, "/nowhere")), "not_found");
  EXPECT_EQ(code(r.ask(vera, "/projects/hello/environments/staging/deploys")), "not_found") << "only by POST";
  for (const char* bad : {"", "projects", "//%zz", "/%ff", "/?a=%ff"})
    EXPECT_EQ(code(r.ask(vera, bad)), "invalid") << bad;
}

TEST_F(Lasting, a_call_that_goes_on_is_looked_at_again_as_if_it_came_now) {
  auto r = make();
  const Call vera = call_of(r, "/a", {{"Cookie", cookie("vera")}});
  const Call ci = call_of(r, "/b", {{"Authorization", "Bearer lmy_ci"}});
  EXPECT_EQ(code(r.again(vera)), "ok");
  reconfigure([](config::Config& c) { c.access.users[1].role = access::Role::admin; });
  ASSERT_TRUE(r.again(vera)) << "it is somebody else's";
  EXPECT_EQ(r.again(vera)->config, config);
  reconfigure([](config::Config& c) { c.access.users[0].role = access::Role::deployer; });
  EXPECT_EQ(code(r.again(vera)), "unauthorized") << "the role";
  reconfigure([](config::Config& c) { c.access.tokens[0].projects = {}; });
  EXPECT_EQ(code(r.again(ci)), "unauthorized") << "its projects";
  reconfigure([](config::Config& c) { c.access.tokens.clear(); });
  EXPECT_EQ(code(r.again(ci)), "unauthorized");
}

TEST_F(Lasting, a_call_ends_with_its_session_and_with_the_token_s_time) {
  auto r = make();
  config->access.tokens[0].expires = now() + milliseconds{50};
  const Call ci = call_of(r, "/b", {{"Authorization", "Bearer lmy_ci"}});
  EXPECT_EQ(code(r.again(ci)), "ok");
  std::this_thread::sleep_for(milliseconds{60});
  EXPECT_EQ(code(r.again(ci)), "unauthorized");
  const Call dora = call_of(r, "/a", {{"Cookie", cookie("dora")}});
  EXPECT_EQ(code(r.again(dora)), "ok");
  reconfigure([](config::Config& c) { c.access.users[1].password_hash = "$argon2id$new"; });
  EXPECT_EQ(code(r.again(dora)), "unauthorized");
}

TEST_F(Lasting, nobody_in_particular_goes_on_while_nobody_may) {
  auto r = make();
  config->access.anonymous = access::Role::viewer;
  const Call nobody = call_of(r, "/a", {});
  EXPECT_EQ(code(r.again(nobody)), "ok");
  reconfigure([](config::Config& c) { c.access.anonymous.reset(); });
  EXPECT_EQ(code(r.again(nobody)), "unauthorized");
}

}  // namespace
}  // namespace lemmy::route
