#pragma once
// For tests of room retention: a keeper with a real store and a conductor.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>

#include "base/fd.h"
#include "retention/retention.h"
#include "retention/sample_test.h"
#include "store/forwarding.h"
#include "store/sample_test.h"

namespace lemmy::retention {

struct Doubtful : store::Forwarding {
  using Forwarding::Forwarding;
  bool refuse = false;
  int refuse_raises = 0;
  Task<Result<int64_t>> raise_number(Target t, int64_t number) override {
    if (refuse_raises-- > 0) co_return fail(ErrorCode::unavailable, "store", "it is away");
    co_return co_await Forwarding::raise_number(std::move(t), number);
  }
  Task<Result<>> forget_deploy(Target t, int64_t number, int64_t revision, store::Fence fence) override {
    if (refuse) co_return fail(ErrorCode::unavailable, "store", "the disk is full");
    co_return co_await Forwarding::forget_deploy(std::move(t), number, revision, std::move(fence));
  }
};

// Who opens the file waits until this goes away, as on a disk that hangs: it has a lease of it.
struct Hanging {
  explicit Hanging(const std::filesystem::path& file) {
    std::filesystem::create_directories(file.parent_path());
    std::signal(SIGIO, SIG_IGN);
    file_ = Fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (::write(file_.get(), "x", 1) != 1 || ::fcntl(file_.get(), F_SETLEASE, F_WRLCK) != 0)
      throw std::runtime_error("no lease");
  }
  Fd file_;
};

struct Keeping : InFolder, store::Samples {
  Keeping() {
    auto c = std::make_shared<config::Config>();
    c->retention = {.every = 20ms,
                    .deploys = 3,
                    .deploys_for = 1ms,
                    .builds = 2,
                    .builds_for = 1ms,
                    .deliveries_for = 1h};
    config = c;
    auto opened = store::open_sqlite(loop.get_executor(), (dir / "lemmy.db").string());
    if (!opened) throw std::runtime_error(opened.error().str());
    store = std::make_unique<Doubtful>(std::move(*opened));
    around = {loop.get_executor(),
              &pool,
              store.get(),
              [this] { return config; },
              [](const Deploy&) -> Result<deploy::Place*> {
                return fail(ErrorCode::unavailable, "", "there is none");
              },
              [](const Target&) {}};
    conductor = std::make_unique<Conductor>(around);
    keeper = make(folder);
  }
  ~Keeping() override { run(stop()); }
  Task<Result<>> stop() {
    co_await keeper->stop();
    co_await conductor->stop();
    co_return Result<>{};
  }
  static constexpr Retention::Times kTimes{.first = 10ms, .pause = 0ms, .sizes = 50ms};
  std::unique_ptr<Retention> make(const std::string& archive, Retention::Times times = kTimes) {
    return std::make_unique<Retention>(around, conductor.get(), archive, &disk, times);
  }
  // Deploys 1 to n that are over, each with two events and two documents.
  void over(int n, Target target = kTarget) {
    for (int i = 0; i < n; ++i) {
      auto d = deploy(target.environment);
      d.created_at = now() - 24h;
      d.sha = "abcdef" + std::to_string(i);
      d = *run(store->create_deploy(d, event("asked for")));
      ASSERT_TRUE(run(store->put_document(target, d.number, "final", "{\"n\": " + std::to_string(i) + "}")));
      ASSERT_TRUE(run(store->put_document(target, d.number, "log", random_hex(100'000))));
      d.phase = Phase::cancelled;
      ASSERT_TRUE(run(store->update_deploy(d, {event("cancelled")})));
    }
  }
  bool comes(std::function<bool()> what) {
    auto wait = [](std::function<bool()> w) -> Task<Result<bool>> {
      const auto deadline = Clock::now() + 30s;
      while (!w() && Clock::now() < deadline) co_await sleep_for(5ms);
      co_return w();
    };
    return *run(wait(std::move(what)));
  }
  std::vector<int64_t> numbers(Target target = kTarget) {
    std::vector<int64_t> out;
    auto all = run(store->deploys(target, {1000, ""}));
    for (const Deploy& d : all->items) out.push_back(d.number);
    return out;
  }
  // The numbers whose last line says that all of them is there, in order.
  std::vector<int64_t> archived() const {
    std::vector<int64_t> out;
    for (const json::object& o : lines("deploys"))
      if (text_or(o, "kind") == "deploy") out.push_back(int_or(o, "number"));
    return out;
  }
  using Numbers = std::vector<int64_t>;

  Pool pool{1}, disk{3};
  std::shared_ptr<const config::Config> config;
  std::unique_ptr<Doubtful> store;
  Surroundings around;
  std::unique_ptr<Conductor> conductor;
  std::unique_ptr<Retention> keeper;
};

}  // namespace lemmy::retention
