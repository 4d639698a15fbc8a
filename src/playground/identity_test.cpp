// A name of a cluster means one cluster: another one that answers in its place is asked nothing.
#include <gmock/gmock.h>

#include "playground/test_bench.h"

namespace lemmy::playground {
namespace {

using testing::HasSubstr;

struct TwoClusters : testing::Test {
  Bench b;
  std::shared_ptr<SimulatedCluster> other = SimulatedCluster::create(b.loop.get_executor(), fast());
  kube::ClusterAccess right, wrong;
  std::string known;                // what the store has
  std::optional<Error> store_away;  // and whether it can be asked

  TwoClusters() {
    right = b.client->access();
    wrong.server = *other->start();
    b.cluster->recognise_by([this](std::string uid) -> Task<Result<std::string>> {
      if (store_away) co_return fail(*store_away);
      if (known.empty()) known = uid;
      co_return known;
    });
  }
  void run(std::function<Task<>()> body) {
    b.run([&]() -> Task<> {
      b.cluster->start();
      co_await body();
      co_await other->stop();
    });
  }
  // It has one deploy with a pod, and is seen.
  Task<> settled() {
    EXPECT_TRUE(co_await Bench::until([&] { return b.cluster->is_live(); }));
    EXPECT_NE(known, "");
    EXPECT_TRUE(co_await b.client->apply(rc(1, 1), false));
    EXPECT_TRUE(co_await Bench::until([&] { return b.cluster->ready_pods(owner(1)) == 1; }));
  }
};

TEST_F(TwoClusters, another_cluster_behind_a_kubeconfig_is_no_picture_and_nothing_is_asked_of_it) {
  run([&]() -> Task<> {
    co_await settled();
    EXPECT_TRUE(b.cluster->use(wrong));
    EXPECT_FALSE(b.cluster->is_live()) << "nobody knows yet which one it is";
    EXPECT_TRUE(co_await Bench::until([&] { return b.cluster->stranger_uid() != ""; }));
    EXPECT_FALSE(b.cluster->is_live());
    EXPECT_THAT(b.cluster->trouble()->str(), HasSubstr("another cluster answers"));
    EXPECT_THAT(b.cluster->trouble()->str(),
                HasSubstr("lemmy accept-cluster sim " + b.cluster->stranger_uid()));
    EXPECT_TRUE(b.cluster->controller(owner(1))) << "what was seen last";
    auto made = co_await b.client->apply(rc(2, 1), false);
    EXPECT_FALSE(made);
    if (!made) EXPECT_EQ(made.error().code, ErrorCode::unavailable);
    EXPECT_FALSE(co_await b.client->get(rc_ref(1))) << "not there would be a lie";
    EXPECT_FALSE(co_await b.cluster->list_pods(owner(1), "")) << "none would be a lie";

    EXPECT_TRUE(b.cluster->use(right));
    EXPECT_TRUE(co_await Bench::until([&] { return b.cluster->is_live(); }));
    EXPECT_TRUE(b.cluster->controller(owner(1)));
    EXPECT_FALSE(b.cluster->controller(owner(2)));
    EXPECT_TRUE(co_await b.client->apply(rc(2, 1), false));
    EXPECT_TRUE(co_await Bench::until([&] { return b.cluster->controller(owner(2)) != nullptr; }));
  });
}

TEST_F(TwoClusters, one_that_is_accepted_is_seen_and_what_was_on_the_other_has_gone) {
  run([&]() -> Task<> {
    co_await settled();
    EXPECT_TRUE(b.cluster->use(wrong));
    EXPECT_TRUE(co_await Bench::until([&] { return b.cluster->stranger_uid() != ""; }));
    known = b.cluster->stranger_uid();
    b.cluster->look_at_identity();
    EXPECT_TRUE(co_await Bench::until([&] { return b.cluster->is_live(); }));
    EXPECT_FALSE(b.cluster->controller(owner(1)));
    EXPECT_EQ(b.cluster->stranger_uid(), "");
  });
}

TEST_F(TwoClusters, a_store_that_is_away_matters_only_where_it_is_not_known_which_one_it_is) {
  run([&]() -> Task<> {
    co_await settled();
    store_away = Error{ErrorCode::unavailable, "the store", "the disk is full"};
    b.sim->faults().cut_streams();
    co_await sleep_for(300ms);
    EXPECT_TRUE(co_await Bench::until([&] { return b.cluster->is_live(); })) << "it is the one that it was";
    EXPECT_TRUE(b.cluster->use(wrong));
    EXPECT_TRUE(co_await Bench::until(
        [&] { return b.cluster->trouble() && b.cluster->trouble()->what.contains("the disk is full"); }));
    store_away.reset();
    EXPECT_TRUE(co_await Bench::until([&] { return b.cluster->stranger_uid() != ""; }));
  });
}

TEST_F(TwoClusters, one_that_does_not_answer_is_told_as_before_and_comes_back_by_itself) {
  run([&]() -> Task<> {
    co_await settled();
    b.sim->faults().unreachable(true);
    EXPECT_TRUE(co_await Bench::until([&] { return b.cluster->trouble().has_value(); }));
    EXPECT_THAT(b.cluster->trouble()->str(), testing::Not(HasSubstr("another cluster")));
    b.sim->faults().unreachable(false);
    EXPECT_TRUE(co_await Bench::until([&] { return b.cluster->is_live(); }));
    EXPECT_EQ(b.cluster->ready_pods(owner(1)), 1);
  });
}

}  // namespace
}  // namespace lemmy::playground
