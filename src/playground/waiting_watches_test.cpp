// Watches that wait before their next try, while what they would ask changes.
#include "playground/test_bench.h"

namespace lemmy::playground {
namespace {

TEST(WaitingWatches, list_again_when_the_access_was_written_anew_meanwhile) {
  Bench b;
  b.run([&]() -> Task<> {
    b.cluster->start();
    bool live = co_await Bench::until([&] { return b.cluster->is_live(); });
    EXPECT_TRUE(live);
    // Lists go on, watches do not: all of them wait.
    b.sim->faults().answer(503, {"GET", "", true, -1});
    b.sim->faults().cut_streams();
    const bool waits = co_await Bench::until([&] { return b.cluster->trouble().has_value(); });
    EXPECT_TRUE(waits);
    co_await sleep_for(300ms);
    b.sim->faults().clear();
    kube::ClusterAccess other = b.client->access();
    other.tls.server_name = "another-name";
    EXPECT_TRUE(b.cluster->use(other));
    live = co_await Bench::until([&] { return b.cluster->is_live(); }, 10s);
    EXPECT_TRUE(live) << "it watches on from where it was, and never lists";
  });
}

}  // namespace
}  // namespace lemmy::playground
