#pragma once
// A table of a few routes, with users of each role.
#include <gmock/gmock.h>

#include "base/crypto.h"
#include "route/guard.h"
#include "route/router.h"

namespace lemmy::route {

inline const std::string kKey(32, 'k');

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

inline constexpr const char* kDeploy = "/api/v1/projects/hello/environments/staging/deploys";
inline constexpr const char* kPageDeploy = "/projects/hello/environments/staging/deploys";

}  // namespace lemmy::route
