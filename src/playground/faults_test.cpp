#include "playground/builds.h"
#include "playground/test_bench.h"

namespace lemmy::playground {
namespace {

TEST(Faults, of_410_make_the_live_picture_list_again_and_lose_nothing) {
  Bench b;
  b.run([&]() -> Task<> {
    b.cluster->start();
    auto ok = co_await b.client->apply(rc(1, 2), false);
    EXPECT_TRUE(ok);
    (void)co_await Bench::until([&] { return ready_pods(*b.cluster, 1) == 2; });
    EXPECT_EQ(b.cluster->relists(), 0u);
    b.sim->faults().expire_watches();
    auto more = co_await b.client->scale(rc_ref(1), 4);
    EXPECT_TRUE(more);
    bool ready = co_await Bench::until([&] { return ready_pods(*b.cluster, 1) == 4; });
    EXPECT_TRUE(ready);
    EXPECT_GE(b.cluster->relists(), 3u);
    EXPECT_TRUE(b.cluster->synced());
  });
}

TEST(Faults, of_500_and_429_are_backed_off_from_and_shown_as_trouble) {
  Bench b;
  b.run([&]() -> Task<> {
    b.sim->faults().answer(500, {"GET", "/pods", false, 1});
    b.sim->faults().answer(429, {"GET", "/replicationcontrollers", false, 1}, 1s);
    auto begun = Clock::now();
    b.cluster->start();
    bool troubled = co_await Bench::until([&] {
      auto t = b.cluster->trouble();
      return t && t->what.find("HTTP 500") != std::string::npos;
    });
    EXPECT_TRUE(troubled);
    bool well = co_await Bench::until([&] { return !b.cluster->trouble() && b.cluster->synced(); });
    EXPECT_TRUE(well);
    EXPECT_GE(Clock::now() - begun, 1s);  // Retry-After
    b.sim->faults().answer(403, {"PATCH", "", false, 1}, 0s, "configmaps \"c\" is forbidden: no");
    auto no = co_await b.client->apply(config_map("c", {}), false);
    EXPECT_EQ(no.error().code, ErrorCode::forbidden);
    auto yes = co_await b.client->apply(config_map("c", {}), false);
    EXPECT_TRUE(yes);
  });
}

TEST(Faults, of_cut_streams_and_an_unreachable_server_pass) {
  Bench b;
  b.run([&]() -> Task<> {
    b.cluster->start();
    auto ok = co_await b.client->apply(rc(1, 1), false);
    EXPECT_TRUE(ok);
    (void)co_await Bench::until([&] { return ready_pods(*b.cluster, 1) == 1; });
    b.sim->faults().cut_streams();
    co_await sleep_for(50ms);
    auto more = co_await b.client->scale(rc_ref(1), 2);
    EXPECT_TRUE(more);
    bool two = co_await Bench::until([&] { return ready_pods(*b.cluster, 1) == 2; });
    EXPECT_TRUE(two);
    EXPECT_EQ(b.cluster->relists(), 0u);  // it went on from the version it had
    b.sim->faults().unreachable(true);
    bool troubled = co_await Bench::until([&] { return b.cluster->trouble().has_value(); });
    EXPECT_TRUE(troubled);
    auto refused = co_await b.client->version();
    EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
    b.sim->faults().unreachable(false);
    bool well = co_await Bench::until([&] { return !b.cluster->trouble().has_value(); });
    EXPECT_TRUE(well);
  });
}

TEST(Faults, cut_and_slow_requests_as_many_times_as_told) {
  Bench b;
  b.run([&]() -> Task<> {
    b.sim->faults().cut({"POST", "", false, 1});
    net::ClientRequest post{"POST", "/api/v1/namespaces/staging/configmaps", {}, "{}"};
    auto cut = co_await b.client->send(std::move(post), 2s);
    EXPECT_EQ(cut.error().code, ErrorCode::unavailable);
    b.sim->faults().slow(2s, {"", "/version", false, -1});
    auto begun = Clock::now();
    auto slow = co_await b.client->version();
    EXPECT_TRUE(slow);
    EXPECT_GE(Clock::now() - begun, 2s);
    b.sim->faults().clear();
    begun = Clock::now();
    auto quick = co_await b.client->version();
    EXPECT_TRUE(quick);
    EXPECT_LT(Clock::now() - begun, 2s);
  });
}

TEST(Builds, begin_with_older_ones_and_go_on_one_by_one_the_same_for_one_seed) {
  auto first_shas = [](uint64_t seed) {
    asio::io_context loop;
    std::vector<std::string> out;
    BuildsOptions o{{"hello", "users"}, 2, std::chrono::milliseconds{20}, seed};
    Builds builds(loop.get_executor(), o, [&](json::object build) -> Task<> {
      EXPECT_EQ(build.at("sha").as_string().size(), 40u);
      EXPECT_TRUE(std::string_view(build.at("url").as_string()).starts_with("https://example.com/"));
      auto at = parse_time(text_or(build, "timestamp"));
      EXPECT_TRUE(at);
      EXPECT_EQ(out.size() < 4, now() - *at > std::chrono::minutes{30}) << out.size();
      out.push_back(json::serialize(build.at("sha")) + json::serialize(build.at("message")));
      co_return;
    });
    builds.start();
    asio::co_spawn(
        loop,
        [&]() -> Task<> {
          while (out.size() < 6) co_await sleep_for(std::chrono::milliseconds{5});
          co_await builds.stop();
        },
        asio::detached);
    loop.run_for(std::chrono::seconds{10});
    out.resize(6);
    return out;
  };
  auto a = first_shas(7);
  EXPECT_EQ(a, first_shas(7));
  EXPECT_NE(a, first_shas(8));
  EXPECT_EQ(std::set<std::string>(a.begin(), a.end()).size(), 6u);
}

}  // namespace
}  // namespace lemmy::playground
