#include "pods/verdict.h"

#include <gtest/gtest.h>

namespace lemmy::pods {
namespace {

using Kind = kube::ContainerState::Kind;

kube::Pod pod(kube::ContainerState state, std::optional<kube::ContainerState> last = {}) {
  kube::Pod p;
  p.meta.name = "hello-1";
  p.phase = "Running";
  kube::Container c;
  c.name = "app";
  c.image = "registry/hello:1";
  c.state = std::move(state);
  c.last = std::move(last);
  p.containers.push_back(std::move(c));
  return p;
}
kube::Pod waiting(const std::string& reason, const std::string& message = "") {
  return pod({Kind::waiting, reason, message, 0, {}});
}
kube::Pod ready() {
  kube::Pod p = pod({Kind::running, "", "", 0, {}});
  p.ready = p.containers[0].ready = true;
  return p;
}

TEST(Verdict, a_crash_loop_is_fatal_and_names_its_exit_code) {
  auto c = fatal_cause(pod({Kind::waiting, "CrashLoopBackOff", "back-off", 0, {}},
                           kube::ContainerState{Kind::terminated, "Error", "", 3, {}}));
  ASSERT_TRUE(c);
  EXPECT_EQ(c->summary, "container app: CrashLoopBackOff, exit code 3");
  EXPECT_EQ(c->exit_code, 3);
}

TEST(Verdict, running_out_of_memory_is_named) {
  auto c = fatal_cause(pod({Kind::waiting, "CrashLoopBackOff", "", 0, {}},
                           kube::ContainerState{Kind::terminated, "OOMKilled", "", 137, {}}));
  EXPECT_EQ(c->summary, "container app: CrashLoopBackOff, exit code 137, OOMKilled");
  EXPECT_NE(c->hint.find("limits.memory"), std::string::npos);
}

TEST(Verdict, an_image_that_the_registry_refuses_is_fatal_and_one_it_does_not_answer_for_is_not) {
  for (auto m : {"failed to resolve reference: not found", "pull access denied", "401 Unauthorized"}) {
    EXPECT_TRUE(fatal_cause(waiting("ErrImagePull", m))) << m;
    EXPECT_TRUE(fatal_cause(waiting("ImagePullBackOff", m))) << m;
  }
  EXPECT_FALSE(fatal_cause(waiting("ErrImagePull", "dial tcp: i/o timeout")));
  EXPECT_EQ(waiting_cause(waiting("ErrImagePull", "dial tcp: i/o timeout"))->reason, "ErrImagePull");
  EXPECT_TRUE(fatal_cause(waiting("InvalidImageName")));
}

TEST(Verdict, a_crash_loop_may_end_until_it_was_started_again_so_often) {
  kube::Pod p = pod({Kind::waiting, "CrashLoopBackOff", "back-off", 0, {}},
                    kube::ContainerState{Kind::terminated, "Error", "", 3, {}});
  for (int restarts : {0, 1, 2, 3, 4}) {
    p.containers[0].restarts = restarts;
    const Verdict v = judge({&p}, nullptr, 3);
    EXPECT_EQ(v.failed, restarts >= 3) << restarts;
    EXPECT_EQ(v.fatal, 1) << "a newer deploy need not wait for it";
    EXPECT_EQ(v.cause->reason, "CrashLoopBackOff");
  }
  // Another pod that can never start does not make it final.
  kube::Pod other = waiting("InvalidImageName");
  p.containers[0].restarts = 1;
  EXPECT_FALSE(judge({&p, &other}, nullptr, 3).failed);
  p.containers[0].restarts = 3;
  EXPECT_TRUE(judge({&p, &other}, nullptr, 3).failed);
}

TEST(Verdict, one_container_that_may_start_yet_hides_none_that_never_can) {
  kube::Pod p = pod({Kind::waiting, "CrashLoopBackOff", "back-off", 0, {}},
                    kube::ContainerState{Kind::terminated, "Error", "", 3, {}});
  p.containers[0].restarts = 1;
  kube::Container proxy = p.containers[0];
  proxy.name = "proxy";
  proxy.state = {Kind::waiting, "ErrImagePull", "manifest unknown", 0, {}};
  for (bool first : {false, true}) {
    kube::Pod both = p;
    both.containers.insert(first ? both.containers.begin() : both.containers.end(), proxy);
    const Verdict v = judge({&both}, nullptr, 3);
    EXPECT_TRUE(v.failed) << first;
    EXPECT_EQ(v.cause->container, "proxy") << first;
  }
  kube::Pod late = waiting("CreateContainerConfigError", "secret \"x\" not found");
  late.containers.push_back(proxy);
  EXPECT_TRUE(judge({&late}, nullptr, 3).failed);
  EXPECT_FALSE(judge({&late}, nullptr, 3).may_be_made);
}

TEST(Verdict, configuration_that_is_missing_may_be_made_and_that_which_is_wrong_is_not) {
  kube::Pod p = waiting("CreateContainerConfigError", "secret \"x\" not found");
  EXPECT_TRUE(judge({&p}, nullptr).failed);
  EXPECT_TRUE(judge({&p}, nullptr).may_be_made);
  p = waiting("CreateContainerConfigError", "container has runAsNonRoot and image will run as root");
  EXPECT_TRUE(judge({&p}, nullptr).failed);
  EXPECT_FALSE(judge({&p}, nullptr).may_be_made);
}

TEST(Verdict, a_command_that_cannot_be_executed_is_fatal_whatever_the_exit_code) {
  const char* said =
      "runc create failed: unable to start container process: exec: \"x\": executable file not found in "
      "$PATH";
  EXPECT_TRUE(fatal_cause(pod({Kind::terminated, "StartError", said, 128, {}})));
  EXPECT_TRUE(fatal_cause(waiting("RunContainerError", said)));
  EXPECT_FALSE(fatal_cause(waiting("RunContainerError", "context deadline exceeded")));
  EXPECT_TRUE(fatal_cause(
      waiting("ErrImageNeverPull", "Container image \"x\" is not present with pull policy of Never")));
}

TEST(Verdict, a_missing_secret_is_fatal_but_a_cache_that_is_late_is_not) {
  EXPECT_TRUE(fatal_cause(waiting("CreateContainerConfigError", "secret \"x\" not found")));
  EXPECT_FALSE(fatal_cause(waiting("CreateContainerConfigError", "failed to sync secret cache: timed out")));
}

TEST(Verdict, a_container_that_cannot_run_is_fatal_unless_it_is_exit_128) {
  EXPECT_TRUE(fatal_cause(pod({Kind::terminated, "ContainerCannotRun", "no such file", 127, {}})));
  EXPECT_TRUE(fatal_cause(pod({Kind::terminated, "StartError", "", 126, {}})));
  EXPECT_FALSE(fatal_cause(pod({Kind::terminated, "StartError", "", 128, {}})));
}

// What kubelets and the scheduler write into status.reason of a pod that they refuse or take away.
TEST(Verdict, a_pod_that_was_refused_or_taken_away_is_not_the_builds_fault) {
  kube::Pod p = ready();
  p.ready = false;
  p.phase = "Failed";
  for (auto reason : {"Evicted", "Preempting", "OutOfcpu", "OutOfmemory", "OutOfpods", "NodeAffinity",
                      "UnexpectedAdmissionError", "NodeShutdown", "Terminated", "Shutdown", ""}) {
    p.reason = reason;
    EXPECT_FALSE(fatal_cause(p)) << reason;
    auto alone = judge({&p}, nullptr);
    EXPECT_FALSE(alone.failed) << reason;
    EXPECT_EQ(alone.pods, 0) << "its controller makes another";
    EXPECT_TRUE(alone.cause) << "until that is there, this is why none is ready";
  }
}

TEST(Verdict, what_was_taken_away_does_not_hide_that_all_others_crash) {
  kube::Pod evicted = ready(), bad = waiting("InvalidImageName");
  evicted.ready = false;
  evicted.phase = "Failed";
  evicted.reason = "Evicted";
  auto v = judge({&evicted, &bad}, nullptr);
  EXPECT_TRUE(v.failed);
  EXPECT_EQ(v.cause->reason, "InvalidImageName");
}

TEST(Verdict, a_pod_no_node_takes_waits_and_says_what_to_do) {
  kube::Pod p;
  p.phase = "Pending";
  p.unschedulable = "0/2 nodes are available: 2 Insufficient cpu";
  EXPECT_FALSE(fatal_cause(p));
  EXPECT_EQ(waiting_cause(p)->reason, "Unschedulable");
}

TEST(Verdict, a_deploy_fails_only_when_every_pod_is_fatal) {
  kube::Pod bad = waiting("InvalidImageName"), good = ready(), leaving = ready();
  leaving.meta.deleting = true;
  EXPECT_TRUE(judge({&bad, &bad}, nullptr).failed);
  auto mixed = judge({&good, &bad}, nullptr);
  EXPECT_FALSE(mixed.failed);
  EXPECT_EQ(mixed.cause->reason, "InvalidImageName");
  EXPECT_TRUE(judge({&leaving, &bad}, nullptr).failed);
  EXPECT_FALSE(judge({}, nullptr).failed);
}

TEST(Verdict, without_pods_the_controller_s_trouble_is_the_cause) {
  kube::Controller controller;
  controller.failure = "pods \"x\" is forbidden: exceeded quota: small";
  auto v = judge({}, &controller);
  EXPECT_FALSE(v.failed);
  EXPECT_NE(v.cause->hint.find("ResourceQuota"), std::string::npos);
}

}  // namespace
}  // namespace lemmy::pods
