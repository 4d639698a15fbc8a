// The conductor with a real store on a simulated cluster.
#include "deploy/conductor.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/crypto.h"
#include "playground/test_bench.h"

namespace lemmy::deploy {
namespace {

using namespace std::chrono_literals;

constexpr const char* kSha = "0123abc4567890123abc4567890123abc4567890";
const Target kTarget{"hello-world", "staging"};

// Writes it, and may say that it could not: what a store may do by its contract.
struct Doubtful : store::Store {
  explicit Doubtful(std::unique_ptr<store::Store> real) : real_(std::move(real)) {}
  bool doubt_next = false;

  Task<Result<store::Accepted>> accept(Delivery d, std::optional<Build> b) override {
    return real_->accept(std::move(d), std::move(b));
  }
  Task<Result<store::Listing<Build>>> builds(std::string project, store::Page page) override {
    return real_->builds(std::move(project), std::move(page));
  }
  Task<Result<Build>> build(std::string project, std::string sha) override {
    return real_->build(std::move(project), std::move(sha));
  }
  Task<Result<std::vector<std::string>>> projects_with_builds() override {
    return real_->projects_with_builds();
  }
  Task<Result<store::Listing<Delivery>>> deliveries(store::Page page) override {
    return real_->deliveries(std::move(page));
  }
  Task<Result<Deploy>> create_deploy(Deploy d, DeployEvent first) override {
    return real_->create_deploy(std::move(d), std::move(first));
  }
  Task<Result<Deploy>> update_deploy(Deploy d, std::vector<DeployEvent> events) override {
    const bool doubt = std::exchange(doubt_next, false);
    auto done = co_await real_->update_deploy(std::move(d), std::move(events));
    if (doubt) co_return fail(ErrorCode::unavailable, "store", "the answer was lost");
    co_return done;
  }
  Task<Result<Deploy>> deploy(Target target, int64_t number) override {
    return real_->deploy(std::move(target), number);
  }
  Task<Result<store::Listing<Deploy>>> deploys(Target target, store::Page page) override {
    return real_->deploys(std::move(target), std::move(page));
  }
  Task<Result<std::vector<Deploy>>> unsettled_deploys() override { return real_->unsettled_deploys(); }
  Task<Result<std::vector<Deploy>>> latest_deploys() override { return real_->latest_deploys(); }
  Task<Result<std::vector<DeployEvent>>> deploy_events(Target target, int64_t number, int64_t after,
                                                       int limit) override {
    return real_->deploy_events(std::move(target), number, after, limit);
  }
  Task<Result<>> put_document(Target target, int64_t number, std::string name, std::string text) override {
    return real_->put_document(std::move(target), number, std::move(name), std::move(text));
  }
  Task<Result<std::string>> document(Target target, int64_t number, std::string name) override {
    return real_->document(std::move(target), number, std::move(name));
  }
  Task<Result<>> check() override { return real_->check(); }

 private:
  std::unique_ptr<store::Store> real_;
};

struct Conducting : testing::Test {
  Conducting() {
    std::filesystem::create_directories(dir);
    auto loaded = config::load(LEMMY_SOURCE_DIR "/share/playground/config");
    if (!loaded) throw std::runtime_error(loaded.error().front().str());
    auto changed = std::make_shared<config::Config>(**loaded);
    for (auto& [name, project] : changed->projects) project.settle = 50ms;
    for (config::Environment& e : changed->environments) e.retire = {};
    config = changed;
    auto opened = store::open_store(loop.get_executor(), "sqlite:" + (dir / "lemmy.db").string());
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
    conductor = std::make_unique<Conductor>(
        Surroundings{loop.get_executor(), &pool, store.get(), [this] { return config; },
                     [this](const std::string&) { return cluster.get(); }, [](const Target&) {}});
  }
  ~Conducting() override { std::filesystem::remove_all(dir); }

  void run(std::function<Task<>()> body) {
    playground::run_to_end(loop, [&]() -> Task<> {
      cluster->start();
      Build b{"hello-world", kSha, "main", "", "", "ada", "Say hello", now(), now()};
      Delivery d{0, "build", "1", now(), "10.0.0.1", "ci", "hello-world", "{}", "accepted", ""};
      auto kept = co_await store->accept(d, b);
      EXPECT_TRUE(kept);
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
  Task<bool> becomes(int64_t number, std::function<bool(const Deploy&)> what, milliseconds limit = 15s) {
    const auto deadline = Clock::now() + limit;
    for (;;) {
      const Deploy* d = conductor->find(kTarget, number);
      if (d && what(*d)) co_return true;
      if (Clock::now() > deadline) co_return false;
      co_await sleep_for(10ms);
    }
  }
  static bool is_over(const Deploy& d) { return is_finished(d.phase); }

  std::filesystem::path dir = std::filesystem::temp_directory_path() / ("lemmy-deploy-" + random_hex(6));
  asio::io_context loop;
  Pool pool{1};
  std::shared_ptr<const config::Config> config;
  std::unique_ptr<Doubtful> store;
  std::shared_ptr<playground::SimulatedCluster> sim;
  std::unique_ptr<kube::Cluster> cluster;
  std::unique_ptr<Conductor> conductor;
};

TEST_F(Conducting, a_watch_that_hangs_does_not_make_a_controller_look_deleted) {
  sim->faults().slow(8s, {"GET", "/replicationcontrollers", true, 1});
  run([this]() -> Task<> {
    const int64_t number = co_await ask();
    bool over = co_await becomes(number, is_over, 20s);
    EXPECT_TRUE(over);
    const Deploy* d = conductor->find(kTarget, number);
    EXPECT_EQ(name(d->phase), "live") << (d->cause ? d->cause->summary : "");
    EXPECT_EQ(name(d->presence), "running");
  });
}

TEST_F(Conducting, what_was_written_though_the_store_said_no_is_done_all_the_same) {
  run([this]() -> Task<> {
    const int64_t number = co_await ask();
    bool over = co_await becomes(number, is_over);
    EXPECT_TRUE(over);
    co_await sleep_for(500ms);  // its worker has nothing left to do
    Act act{kTarget, number, Action::zero, "ada", "", "", true};
    store->doubt_next = true;
    auto said = co_await conductor->act(act);
    EXPECT_EQ(said.error().code, ErrorCode::unavailable);
    auto again = co_await conductor->act(act);
    EXPECT_EQ(again.error().code, ErrorCode::conflict) << "it is asked for already";
    bool zeroed =
        co_await becomes(number, [](const Deploy& d) { return d.presence == Presence::zeroed; }, 5s);
    EXPECT_TRUE(zeroed);
  });
}

TEST_F(Conducting, what_is_cancelled_half_applied_leaves_no_copy_of_its_files_behind) {
  sim->faults().slow(300ms, {"PATCH", "/services/", false, -1});
  run([this]() -> Task<> {
    const int64_t number = co_await ask();
    bool applying = co_await becomes(number, [](const Deploy& d) { return d.phase == Phase::applying; });
    EXPECT_TRUE(applying);
    sim->faults().answer(503, {"PATCH", "/replicationcontrollers/", false, -1});
    bool stuck = co_await becomes(number, [](const Deploy& d) { return d.note.starts_with("trying again"); });
    EXPECT_TRUE(stuck);
    EXPECT_EQ(sim->count("configmaps"), 2u);
    Act act{kTarget, number, Action::cancel, "ada", "", "", false};
    auto asked = co_await conductor->act(act);
    EXPECT_TRUE(asked);
    sim->faults().clear();
    auto gone = [](const Deploy& d) {
      return d.phase == Phase::cancelled && d.presence == Presence::deleted;
    };
    bool deleted = co_await becomes(number, gone, 20s);
    EXPECT_TRUE(deleted);
    EXPECT_EQ(sim->count("configmaps"), 1u);
  });
}

}  // namespace
}  // namespace lemmy::deploy
