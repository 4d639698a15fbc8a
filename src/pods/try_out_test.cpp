// Dry runs on a simulated cluster: one pod is tried too.
#include "deploy/dry_runs.h"
#include "pods/conducting_test.h"

namespace lemmy::pods {
namespace {

struct Trying : Conducting {
  Task<std::shared_ptr<const DryRun>> try_it() {
    auto run = co_await conductor->dry_runs().start(kTarget, kSha, "ada");
    EXPECT_TRUE(run);
    if (!run) co_return nullptr;
    while ((*run)->state == DryRun::State::running) co_await sleep_for(10ms);
    EXPECT_EQ(sim->count("pods"), 0u);
    co_return *run;
  }
};

TEST_F(Trying, a_pod_that_a_quota_has_no_room_for_fails_the_dry_run_with_the_cluster_s_words) {
  sim->set_quota(kTarget.environment, {{"pods", 0}});
  run([this]() -> Task<> {
    auto run = co_await try_it();
    EXPECT_EQ(name(run->state), "failed");
    EXPECT_NE(run->cause->summary.find("would refuse its pods: pods \"hello-world-"), std::string::npos)
        << run->cause->summary;
    EXPECT_NE(run->cause->summary.find("exceeded quota"), std::string::npos) << run->cause->summary;
    EXPECT_FALSE(run->cause->hint.empty());
    const json::object& pod = run->objects.back().as_object();
    EXPECT_EQ(text_or(pod, "kind"), "Pod");
    EXPECT_FALSE(bool_or(pod, "ok"));
  });
}

TEST_F(Trying, without_the_right_to_create_pods_it_says_so_and_goes_on) {
  sim->faults().answer(403, {"POST", "/pods", false, -1});
  run([this]() -> Task<> {
    auto run = co_await try_it();
    EXPECT_EQ(name(run->state), "passed");
    const json::object& pod = run->objects.back().as_object();
    EXPECT_EQ(text_or(pod, "kind"), "Pod");
    EXPECT_FALSE(bool_or(pod, "tried", true));
    EXPECT_NE(text_or(pod, "what").find("cannot"), std::string_view::npos);
  });
}

TEST_F(Trying, what_a_webhook_or_a_policy_refuses_is_no_want_of_rights) {
  sim->faults().answer(403, {"POST", "/pods", false, -1}, 0s, "pods \"x\" is forbidden: policy says no");
  run([this]() -> Task<> {
    auto run = co_await try_it();
    EXPECT_EQ(name(run->state), "failed");
    EXPECT_NE(run->cause->summary.find("policy says no"), std::string::npos) << run->cause->summary;
  });
}

TEST_F(Trying, a_cluster_that_goes_away_in_the_middle_has_refused_nothing) {
  sim->faults().answer(503, {"POST", "/pods", false, -1});
  run([this]() -> Task<> {
    auto run = co_await try_it();
    EXPECT_EQ(name(run->state), "failed");
    EXPECT_EQ(run->cause->summary.find("would refuse"), std::string::npos) << run->cause->summary;
  });
}

}  // namespace
}  // namespace lemmy::pods
