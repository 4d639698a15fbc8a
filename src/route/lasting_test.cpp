// Calls that go on: streams and what is asked for again in their name.
#include "route/routes_test.h"

namespace lemmy::route {
namespace {

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
