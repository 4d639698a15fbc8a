#include "lead/leader.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "base/crypto.h"
#include "store/forwarding.h"

namespace lemmy::lead {
namespace {

using namespace std::chrono_literals;

// Two servers on one store, whose clocks need not agree.
struct Leaders : testing::Test {
  // A fifth of a server's patience and of what it needs to give up. With sanitizers, beside other tests, a
  // loop's turn takes as long as all of that on a free machine.
#if __has_feature(address_sanitizer)
  static constexpr milliseconds kUnit{200};
#else
  static constexpr milliseconds kUnit{40};
#endif
  static constexpr Leader::Times kQuick{kUnit / 2, 5 * kUnit, 3 * kUnit, 25 * kUnit, 20 * kUnit};

  // The store cannot be reached by server a while `cut`.
  struct Cut : store::Forwarding {
    using Forwarding::Forwarding;
    Task<Result<store::Lease>> swap_lease(store::Lease lease) override {
      if (cut && lease.holder.starts_with("a"))
        co_return fail(ErrorCode::unavailable, "store", "the network is cut");
      co_return co_await Forwarding::swap_lease(std::move(lease));
    }
    bool cut = false;
  };
  Cut* cut_wire() {
    auto cut = std::make_unique<Cut>(std::move(store));
    Cut* wire = cut.get();
    store = std::move(cut);
    return wire;
  }

  struct Server {
    bool busy = false;
    std::optional<store::Fence> fence;  // while it leads
    int began = 0;
    std::unique_ptr<Leader> leader;
    std::unique_ptr<Group> group;
  };

  Leaders() {
    std::filesystem::create_directories(dir);
    auto opened = store::open_sqlite(loop.get_executor(), (dir / "lemmy.db").string());
    if (!opened) throw std::runtime_error(opened.error().str());
    store = std::move(*opened);
  }
  ~Leaders() override {
    a.group.reset();
    b.group.reset();
    loop.restart();
    loop.run_for(100ms);
    store.reset();
    std::filesystem::remove_all(dir);
  }
  void start(Server& s, const std::string& name) {
    s.leader = std::make_unique<Leader>(store.get(), name,
                                        Leader::Duties{[&s](store::Fence f) -> Task<Result<>> {
                                                         s.fence = f;
                                                         ++s.began;
                                                         co_return Result<>{};
                                                       },
                                                       [&s]() -> Task<> {
                                                         s.fence.reset();
                                                         co_return;
                                                       },
                                                       [&s] { return s.busy; }},
                                        kQuick);
    s.group = std::make_unique<Group>(loop.get_executor());
    s.group->spawn(name, s.leader->run());
  }
  template <class F>
  bool becomes(F what, milliseconds limit = 20s) {
    const auto end = Clock::now() + limit;
    loop.restart();
    while (!what() && Clock::now() < end) loop.run_one_for(10ms);
    return what();
  }
  template <class T>
  T run(Task<T> task) {
    auto future = asio::co_spawn(loop, std::move(task), asio::use_future);
    loop.restart();
    while (future.wait_for(0s) != std::future_status::ready) loop.run_one_for(10ms);
    return future.get();
  }

  std::filesystem::path dir = std::filesystem::temp_directory_path() / ("lemmy-leader-" + random_hex(6));
  asio::io_context loop;
  std::unique_ptr<store::Store> store;
  Server a, b;
};

TEST_F(Leaders, one_of_two_leads_and_goes_on_leading) {
  start(a, "a");
  start(b, "b");
  ASSERT_TRUE(becomes([&] { return a.fence || b.fence; }));
  EXPECT_FALSE(becomes([&] { return a.fence && b.fence; }, 15 * kUnit));
  EXPECT_EQ(a.began + b.began, 1);
}

TEST_F(Leaders, another_takes_over_from_one_that_died_and_the_dead_one_cannot_write) {
  start(a, "a");
  ASSERT_TRUE(becomes([&] { return a.fence.has_value(); }));
  const store::Fence old = *a.fence;
  start(b, "b");
  EXPECT_FALSE(becomes([&] { return b.fence.has_value(); }, 8 * kUnit)) << "a is alive";
  a.group->cancel();  // as by kill -9: nothing is given back
  ASSERT_TRUE(becomes([&] { return b.fence.has_value(); }));
  EXPECT_EQ(b.fence->token, old.token + 1);
  EXPECT_EQ(run(store->record_instances({}, old)).error().code, ErrorCode::forbidden);
  EXPECT_TRUE(run(store->record_instances({}, *b.fence)));
}

TEST_F(Leaders, one_that_resigns_lets_another_begin_at_once) {
  start(a, "a");
  ASSERT_TRUE(becomes([&] { return a.fence.has_value(); }));
  a.group->cancel();
  EXPECT_TRUE(run(a.leader->resign()));
  EXPECT_FALSE(a.fence);
  start(b, "b");
  EXPECT_TRUE(becomes([&] { return b.fence.has_value(); }, 4 * kUnit)) << "without waiting out its patience";
}

TEST_F(Leaders, one_that_cannot_reach_the_store_stops_before_another_begins) {
  Cut* wire = cut_wire();
  start(a, "a");
  ASSERT_TRUE(becomes([&] { return a.fence.has_value(); }));
  start(b, "b");
  wire->cut = true;
  ASSERT_TRUE(becomes([&] { return !a.fence; }));
  EXPECT_FALSE(b.fence);
  EXPECT_TRUE(becomes([&] { return b.fence.has_value(); }));
  wire->cut = false;
  EXPECT_FALSE(becomes([&] { return a.fence.has_value(); }, 10 * kUnit)) << "b leads now";
}

TEST_F(Leaders, one_that_is_busy_holds_out_longer_and_others_wait_for_it) {
  Cut* wire = cut_wire();
  a.busy = true;
  start(a, "a");
  ASSERT_TRUE(becomes([&] { return a.fence.has_value(); }));
  ASSERT_TRUE(becomes([&] { return a.leader->lease().holder == "a (busy)"; }));
  start(b, "b");
  wire->cut = true;
  ASSERT_TRUE(becomes([&] { return !a.leader->sure(); }));
  EXPECT_FALSE(becomes([&] { return !a.fence || b.fence; }, 8 * kUnit)) << "nothing is cut";
  wire->cut = false;
  ASSERT_TRUE(becomes([&] { return a.leader->sure(); }));
  EXPECT_EQ(a.began, 1);
  // Not for ever, and what is not busy any more is taken over as before.
  wire->cut = true;
  ASSERT_TRUE(becomes([&] { return !a.fence; }));
  EXPECT_FALSE(b.fence);
  EXPECT_TRUE(becomes([&] { return b.fence.has_value(); }));
}

TEST_F(Leaders, one_that_is_not_busy_any_more_says_so) {
  a.busy = true;
  start(a, "a");
  ASSERT_TRUE(becomes([&] { return a.leader->lease().holder == "a (busy)"; }));
  a.busy = false;
  ASSERT_TRUE(becomes([&] { return a.leader->lease().holder == "a"; }));
  EXPECT_EQ(a.began, 1);
}

TEST_F(Leaders, one_that_was_paused_finds_that_it_leads_no_more) {
  start(a, "a");
  ASSERT_TRUE(becomes([&] { return a.fence.has_value(); }));
  // While it slept another server counted its patience and took over.
  store::Lease taken = run(store->lease(Leader::kLease)).value();
  taken.holder = "b";
  ++taken.token;
  ASSERT_TRUE(run(store->swap_lease(taken)));
  ASSERT_TRUE(becomes([&] { return !a.fence; }));
  EXPECT_EQ(a.began, 1);
}

// With a large picture nobody ever led: it was read without renewing.
TEST_F(Leaders, one_whose_picture_takes_longer_than_others_wait_keeps_its_lease) {
  bool began = false, followed = false;
  a.leader = std::make_unique<Leader>(store.get(), "a",
                                      Leader::Duties{[&](store::Fence) -> Task<Result<>> {
                                                       co_await sleep_for(15 * kUnit);
                                                       began = true;
                                                       co_return Result<>{};
                                                     },
                                                     [&]() -> Task<> {
                                                       followed = true;
                                                       co_return;
                                                     }},
                                      kQuick);
  a.group = std::make_unique<Group>(loop.get_executor());
  a.group->spawn("a", a.leader->run());
  ASSERT_TRUE(becomes([&] { return a.leader->leading(); }));
  start(b, "b");
  EXPECT_TRUE(becomes([&] { return began; }));
  EXPECT_FALSE(followed);
  EXPECT_FALSE(b.fence);
}

TEST_F(Leaders, one_that_could_not_renew_in_time_is_not_sure_any_more) {
  start(a, "a");
  ASSERT_TRUE(becomes([&] { return a.fence.has_value(); }));
  EXPECT_TRUE(a.leader->sure());
  // As a process that was stopped and goes on: nothing of the loop has run since.
  std::this_thread::sleep_for(4 * kUnit);
  EXPECT_FALSE(a.leader->sure()) << "before it has looked at the lease again";
  EXPECT_TRUE(becomes([&] { return a.leader->sure(); })) << "nobody took it";
}

TEST_F(Leaders, one_that_cannot_begin_gives_the_lease_back) {
  a.leader = std::make_unique<Leader>(
      store.get(), "a",
      Leader::Duties{
          [](store::Fence) -> Task<Result<>> { co_return fail(ErrorCode::unavailable, "store", "slow"); },
          []() -> Task<> { co_return; }},
      kQuick);
  a.group = std::make_unique<Group>(loop.get_executor());
  a.group->spawn("a", a.leader->run());
  ASSERT_TRUE(becomes([&] { return a.leader->leading(); }));
  a.leader->stop();
  EXPECT_TRUE(becomes([&] { return !a.leader->leading(); }));
  EXPECT_TRUE(becomes([&] { return run(store->lease(Leader::kLease))->holder.empty(); }));
}

}  // namespace
}  // namespace lemmy::lead
