#pragma once
// For tests of the conductor with a real store on a simulated cluster.
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "base/crypto.h"
#include "base/source_dir_test.h"
#include "deploy/conductor.h"
#include "playground/test_bench.h"
#include "pods/place.h"
#include "store/forwarding.h"

namespace lemmy::pods {

using namespace deploy;  // the conductor, of which this place is a part

using namespace std::chrono_literals;

inline constexpr const char* kSha = "0123abc4567890123abc4567890123abc4567890";
inline const Target kTarget{"hello-world", "staging"};

// Writes it, and may say that it could not: what a store may do by its contract.
struct Doubtful : store::Forwarding {
  using Forwarding::Forwarding;
  bool doubt_next = false;
  bool doubt_all = false;  // each write that is told of is kept, and said not to be
  std::string refused;     // no deploy to this environment can be written
  milliseconds hang{0};    // of the next write of a deploy; whoever cancels it waits all the same
  int throw_on_put = 0, throw_on_read = 0;  // of documents: so many calls end by an exception
  std::function<Task<>()> after_history;    // before the next answer about events of a deploy is given
  Pool hanging{1};

  Task<Result<std::vector<DeployEvent>>> deploy_events(Target target, int64_t number, int64_t after,
                                                       int limit) override {
    auto read = co_await Forwarding::deploy_events(std::move(target), number, after, limit);
    if (auto then = std::exchange(after_history, {})) co_await then();
    co_return read;
  }
  Task<Result<>> put_document(Target target, int64_t number, std::string name, std::string text) override {
    if (throw_on_put > 0 && throw_on_put--) throw std::runtime_error("boom");
    co_return co_await Forwarding::put_document(std::move(target), number, std::move(name), std::move(text));
  }
  Task<Result<std::string>> document(Target target, int64_t number, std::string name) override {
    if (name == "manifests" && throw_on_read > 0 && throw_on_read--) throw std::runtime_error("boom");
    co_return co_await Forwarding::document(std::move(target), number, std::move(name));
  }
  Task<Result<Deploy>> update_deploy(Deploy d, std::vector<DeployEvent> events, store::Fence fence) override {
    const bool doubt = std::exchange(doubt_next, false);
    co_await hang_once();
    auto done = co_await Forwarding::update_deploy(std::move(d), std::move(events), std::move(fence));
    if (doubt) co_return fail(ErrorCode::unavailable, "store", "the answer was lost");
    co_return done;
  }
  Task<Result<store::Written>> write_all(store::Writes w, store::Fence fence) override {
    if (w.make && w.make->deploy.target.environment == refused)
      co_return fail(ErrorCode::unavailable, "store", "the disk is full");
    const bool change = !w.change.empty(), all = doubt_all;
    const bool doubt = change && std::exchange(doubt_next, false);
    if (change) co_await hang_once();
    auto done = co_await Forwarding::write_all(std::move(w), std::move(fence));
    if (doubt || (all && done)) co_return fail(ErrorCode::unavailable, "store", "the answer was lost");
    co_return done;
  }
  Task<> hang_once() {
    if (const auto time = std::exchange(hang, 0ms); time > 0ms)
      co_await hanging.run([time] { std::this_thread::sleep_for(time); });
  }
};

struct Conducting : testing::Test {
  Conducting() {
    std::filesystem::create_directories(dir);
    auto loaded = config::load(kSourceDir + std::string("/share/playground/config"));
    if (!loaded) throw std::runtime_error(loaded.error().front().str());
    auto changed = std::make_shared<config::Config>(**loaded);
    for (auto& [name, project] : changed->projects) project.settle = 50ms;
    for (config::Environment& e : changed->environments) e.retire = {};
    config = changed;
    auto opened = store::open_sqlite(loop.get_executor(), (dir / "lemmy.db").string());
    if (!opened) throw std::runtime_error(opened.error().str());
    store = std::make_unique<Doubtful>(std::move(*opened));
    sim = playground::SimulatedCluster::create(loop.get_executor(), playground::fast());
    kube::ClusterAccess access;
    access.server = sim->start().value();
    cluster = std::make_unique<kube::Cluster>("sim", loop.get_executor(),
                                              *kube::Client::create(loop.get_executor(), pool, access),
                                              [this](const Target& t) {
                                                if (conductor) conductor->cluster_changed(t);
                                              });
    auto current = [this] { return config; };
    place = std::make_unique<pods::Place>(cluster.get(), pods::Surroundings{&pool, store.get(), current});
    conductor = std::make_unique<Conductor>(
        deploy::Surroundings{loop.get_executor(),
                             &pool,
                             store.get(),
                             current,
                             [this](const Deploy&) -> Result<deploy::Place*> { return place.get(); },
                             [](const Target&) {},
                             {},
                             {},
                             [this](Target) -> Task<Result<int64_t>> { co_return archived; }});
  }
  ~Conducting() override { std::filesystem::remove_all(dir); }

  void run(std::function<Task<>()> body) {
    playground::run_to_end(loop, [&]() -> Task<> {
      cluster->start();
      Build b{"hello-world", kSha, "main", "", "", "ada", "Say hello", now(), now()};
      Delivery d{0, "build", "1", now(), "10.0.0.1", "ci", "hello-world", "{}", "accepted", ""};
      auto kept = co_await store->accept(d, b);
      EXPECT_TRUE(kept);
      auto leads = co_await conductor->lead({});
      EXPECT_TRUE(leads);
      co_await body();
      co_await conductor->stop();
      co_await cluster->stop();
      co_await sim->stop();
    });
  }
  Task<int64_t> ask() {
    auto made = co_await conductor->request({kTarget, kSha, "ada", "", ""});
    EXPECT_TRUE(made) << made.error().str();
    co_return made ? made->number : 0;
  }
  // The same, and it went live.
  Task<int64_t> ask_live() {
    const int64_t number = co_await ask();
    const bool live = co_await becomes(number, [](const Deploy& d) { return d.phase == Phase::live; });
    EXPECT_TRUE(live);
    co_return number;
  }
  Task<bool> becomes(int64_t number, std::function<bool(const Deploy&)> what, milliseconds limit = 15s) {
    const auto deadline = Clock::now() + limit;
    for (;;) {
      const Deploy* d = conductor->find(kTarget, number);
      if (d && what(*d)) co_return true;
      if (Clock::now() > deadline) co_return false;
      co_await sleep_for(10ms);
    }
  }
  // Whether its history has an event with these words.
  Task<bool> said(int64_t number, std::string words) {
    auto history = co_await store->deploy_events(kTarget, number, 0, 100);
    if (history)
      for (const DeployEvent& e : *history)
        if (e.text.find(words) != std::string::npos) co_return true;
    co_return false;
  }
  static bool is_over(const Deploy& d) { return is_finished(d.phase); }

  Result<int64_t> archived = 0;  // the highest number of an archive
  std::filesystem::path dir = std::filesystem::temp_directory_path() / ("lemmy-deploy-" + random_hex(6));
  asio::io_context loop;
  Pool pool{1};
  std::shared_ptr<const config::Config> config;
  std::unique_ptr<Doubtful> store;
  std::shared_ptr<playground::SimulatedCluster> sim;
  std::unique_ptr<kube::Cluster> cluster;
  std::unique_ptr<pods::Place> place;
  std::unique_ptr<Conductor> conductor;
};

}  // namespace lemmy::pods
