#pragma once
// The pages through the route table, with a store and a conductor, and a cluster that never answers.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/source_dir_test.h"
#include "pods/place.h"
#include "web/pages.h"
#include "web/web.h"

namespace lemmy::web {

inline const std::string kKey(32, 'k');
inline constexpr const char* kSha = "0123abc4567890123abc4567890123abc4567890";

struct Handlers : testing::Test {
  Handlers() {
    std::filesystem::remove_all(dir);
    std::filesystem::create_directories(dir);
    for (auto& entry : std::filesystem::directory_iterator(kSourceDir + std::string("/docs/examples/config")))
      if (entry.path().filename() != "access.yaml")
        std::filesystem::copy(entry.path(), dir / entry.path().filename(),
                              std::filesystem::copy_options::recursive);
    auto loaded = config::load(dir);
    if (!loaded) throw std::runtime_error(loaded.error().front().str());
    config = std::make_shared<config::Config>(**loaded);
    store = std::move(*store::open_sqlite(loop.get_executor(), (dir / "test.db").string()));
    auto now_config = [this] { return std::shared_ptr<const config::Config>(config); };
    auto client = kube::Client::create(loop.get_executor(), pool, {.server = "http://127.0.0.1:1"});
    cluster =
        std::make_unique<kube::Cluster>("main", loop.get_executor(), client.value(), [](const Target&) {});
    auto one_cluster = [this](const std::string&) { return cluster.get(); };
    auto changed = [this](const Target& t) { feed.changed(t); };
    place = std::make_unique<pods::Place>(cluster.get(), pods::Surroundings{&pool, store.get(), now_config});
    deploy::Surroundings around{loop.get_executor(),
                                &pool,
                                store.get(),
                                now_config,
                                [this](const Deploy&) -> Result<deploy::Place*> { return place.get(); },
                                changed};
    conductor = std::make_unique<deploy::Conductor>(around);
    instances = std::make_unique<hosts::Instances>(
        loop.get_executor(), hosts::Surroundings{store.get(), now_config, changed, nullptr, {}, &pool},
        conductor.get());
    board = std::make_unique<live::Board>(live::Sources{store.get(),
                                                        conductor.get(),
                                                        now_config,
                                                        [this] { return problems; },
                                                        one_cluster,
                                                        [] { return std::vector<live::ClusterState>{}; },
                                                        true,
                                                        nullptr,
                                                        nullptr,
                                                        {},
                                                        &pool});
    make_router(true);
    Build b{"hello-world", kSha, "main", "", "", "ada", "Say <hello>", now(), now()};
    Delivery d{0, "build", "1", now(), "10.0.0.1", "ci", "hello-world", "{}", "accepted", ""};
    run(store->accept(d, b)).value();
  }
  ~Handlers() override {
    run_void(conductor->stop());
    std::filesystem::remove_all(dir);
  }
  void make_router(bool open) {
    config->has_access = !open;
    router = std::make_unique<route::Router>(
        route::Settings{kKey, open, [this] { return std::shared_ptr<const config::Config>(config); }, {}});
    add_pages(*router,
              {loop.get_executor(), &pool, store.get(), conductor.get(), board.get(), &feed,
               [this] { return std::shared_ptr<const config::Config>(config); }, true, instances.get()});
  }
  template <class T>
  T run(Task<T> task) {
    auto future = asio::co_spawn(loop, std::move(task), asio::use_future);
    loop.restart();
    while (future.wait_for(seconds{0}) != std::future_status::ready) loop.run_one_for(milliseconds{100});
    return future.get();
  }
  void run_void(Task<> task) {
    auto future = asio::co_spawn(loop, std::move(task), asio::use_future);
    loop.restart();
    while (future.wait_for(seconds{0}) != std::future_status::ready) loop.run_one_for(milliseconds{100});
  }
  net::Response send(std::string method, std::string path, std::string body = "", net::Headers headers = {}) {
    net::Request r;
    r.method = std::move(method);
    r.target = path;
    size_t query = path.find('?');
    r.path = path.substr(0, query);
    if (query != path.npos) r.query = *net::parse_form(path.substr(query + 1));
    r.headers = std::move(headers);
    r.headers.emplace("Host", "localhost:8484");
    if (method != "GET") r.headers.emplace("Content-Type", "application/x-www-form-urlencoded");
    r.body = std::move(body);
    return run(router->handle(std::move(r)));
  }
  std::string location(const net::Response& r) { return std::string(net::header(r.headers, "Location")); }
  std::string csrf() {
    std::string html = send("GET", "/projects/hello-world").body;
    size_t at = html.find("name=\"csrf\" value=\"") + 19;
    return html.substr(at, html.find('"', at) - at);
  }

  std::filesystem::path dir =
      std::filesystem::temp_directory_path() / ("lemmy-web-test-" + std::to_string(::getpid()));
  asio::io_context loop;
  Pool pool{1};
  live::Feed feed;
  std::shared_ptr<config::Config> config;
  config::Problems problems;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<hosts::Instances> instances;
  std::unique_ptr<kube::Cluster> cluster;
  std::unique_ptr<pods::Place> place;
  std::unique_ptr<deploy::Conductor> conductor;
  std::unique_ptr<live::Board> board;
  std::unique_ptr<route::Router> router;
};

}  // namespace lemmy::web
