#include "api/api.h"

#include <gmock/gmock.h>

#include <fstream>

#include "api/common.h"
#include "base/source_dir_test.h"

namespace lemmy::api {
namespace {

using testing::HasSubstr;

struct Api : testing::Test {
  Api() {
    auto config = std::make_shared<config::Config>();
    live::Services services;
    services.loop = loop.get_executor();
    services.config = [config] { return config; };
    router =
        std::make_unique<route::Router>(route::Settings{std::string(32, 'k'), true, services.config, {}});
    add_routes(*router, services);
  }
  net::Response get(std::string path) {
    net::Request r;
    r.method = "GET";
    r.target = r.path = std::move(path);
    r.headers.emplace("Host", "localhost");
    auto future = asio::co_spawn(loop, router->handle(std::move(r)), asio::use_future);
    loop.restart();
    loop.run();
    return future.get();
  }
  asio::io_context loop;
  std::unique_ptr<route::Router> router;
};

TEST_F(Api, every_route_has_a_summary_and_a_documented_answer) {
  for (const route::Route& r : router->routes()) {
    EXPECT_NE(r.summary, "") << r.pattern;
    if (r.kind == route::Kind::api) {
      EXPECT_TRUE(r.openapi.contains("responses")) << r.pattern;
    }
  }
}

TEST_F(Api, what_changes_something_needs_a_deployer_and_of_a_whole_cluster_an_admin) {
  for (const route::Route& r : router->routes()) {
    if (r.method != "GET") {
      const bool whole = r.pattern.starts_with("/api/v1/clusters/");
      EXPECT_EQ(r.who, whole ? route::Who::admin : route::Who::deployer) << r.pattern;
    }
    if (r.pattern.starts_with("/api/")) {
      EXPECT_GE(r.who, route::Who::viewer) << r.pattern;
    }
  }
}

TEST_F(Api, openapi_lists_every_route_and_every_schema_it_refers_to) {
  auto answer = get("/openapi.json");
  ASSERT_EQ(answer.status, 200);
  auto doc = parse_json(net::body_of(answer), "openapi");
  ASSERT_TRUE(doc);
  const json::object& paths = find(*doc, {"paths"})->as_object();
  for (const route::Route& r : router->routes()) {
    const json::value* path = find(paths, r.pattern);
    ASSERT_TRUE(path) << r.pattern;
    EXPECT_TRUE(path->as_object().contains(r.method == "GET" ? "get" : "post")) << r.pattern;
  }
  const json::object& schemas = find(*doc, {"components", "schemas"})->as_object();
  for (const char* name : {"Deploy", "Build", "Problem", "Status"})
    EXPECT_TRUE(schemas.contains(name)) << name;
  const std::string prefix = "#/components/schemas/";
  for (size_t at = answer.body.find(prefix); at != std::string::npos; at = answer.body.find(prefix, at + 1)) {
    const size_t from = at + prefix.size();
    const std::string name = answer.body.substr(from, answer.body.find('"', from) - from);
    EXPECT_TRUE(schemas.contains(name)) << name;
  }
}

TEST_F(Api, the_docs_name_every_route) {
  std::ifstream file(kSourceDir + std::string("/docs/api.md"));
  const std::string docs{std::istreambuf_iterator<char>(file), {}};
  for (const route::Route& r : router->routes())
    EXPECT_THAT(docs, HasSubstr("`" + r.method + " " + r.pattern + "`"));
}

TEST_F(Api, a_page_out_of_range_is_refused_with_its_parameter) {
  for (const char* text : {"0", "1001", "-1", "x", "5x", "99999999999999999999"}) {
    net::Request r;
    r.query = {{"limit", text}};
    auto page = page_of(r);
    ASSERT_FALSE(page) << text;
    EXPECT_EQ(page.error().where, "limit");
  }
  EXPECT_EQ(page_of({})->limit, 50);
}

TEST_F(Api, health_needs_nobody) { EXPECT_EQ(get("/healthz").body, "ok\n"); }

}  // namespace
}  // namespace lemmy::api
