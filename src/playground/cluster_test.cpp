#include "playground/test_bench.h"

namespace lemmy::playground {
namespace {

bool said(const std::vector<EventGroup>& events, std::string_view reason) {
  return std::ranges::any_of(events, [&](const EventGroup& e) { return e.reason == reason; });
}

TEST(SimulatedCluster, runs_what_is_applied_and_the_live_picture_sees_it_become_ready) {
  Bench b;
  b.run([&]() -> Task<> {
    auto version = co_await b.client->version();
    EXPECT_TRUE(version && version->starts_with("v1.34")) << (version ? *version : version.error().str());
    b.cluster->start();
    auto applied = co_await b.client->apply(rc(1, 3), false);
    EXPECT_TRUE(applied) << applied.error().str();
    auto scaler = co_await b.client->apply(hpa(1, 2, 5), false);
    EXPECT_TRUE(scaler) << scaler.error().str();
    bool ready = co_await Bench::until([&] { return ready_pods(*b.cluster, 1) == 3; });
    EXPECT_TRUE(ready);
    bool counted = co_await Bench::until([&] {
      auto* r = b.cluster->controller(owner(1));
      auto* a = b.cluster->autoscaler(owner(1));
      return r && r->ready == 3 && r->replicas == 3 && r->observed && a && a->cpu && a->current == 3;
    });
    EXPECT_TRUE(counted);
    EXPECT_FALSE(b.cluster->trouble()) << b.cluster->trouble()->str();
    const kube::Pod& pod = *b.cluster->pods(owner(1))[0];
    EXPECT_TRUE(pod.meta.name.starts_with("hello-1-"));
    EXPECT_EQ(kube::pod_status(pod), "Running");
    EXPECT_FALSE(pod.node.empty());
    auto* a = b.cluster->autoscaler(owner(1));
    EXPECT_EQ(a->min, 2);
    EXPECT_EQ(a->max, 5);
    EXPECT_EQ(a->cpu_target, 70);
    auto about = b.cluster->events_about(pod.meta.name, "staging");
    for (const char* reason : {"Scheduled", "Pulled", "Created", "Started"})
      EXPECT_TRUE(said(about, reason)) << reason;
    EXPECT_TRUE(said(b.cluster->events_about("hello-1", "staging"), "SuccessfulCreate"));
  });
}

TEST(SimulatedCluster, shows_a_crash_loop_with_restarts_exit_code_and_both_logs) {
  Bench b;
  b.run([&]() -> Task<> {
    b.cluster->start();
    auto ok = co_await b.client->apply(
        rc(1, 1, {{"lemmy.test/behaviour", "crash-loop"}, {"lemmy.test/exit-code", "3"}}), false);
    EXPECT_TRUE(ok);
    bool loops = co_await Bench::until([&] {
      auto pods = b.cluster->pods(owner(1));
      return pods.size() == 1 && kube::pod_restarts(*pods[0]) >= 3 &&
             kube::pod_status(*pods[0]) == "CrashLoopBackOff" && pods[0]->containers[0].last;
    });
    EXPECT_TRUE(loops);
    if (!loops) co_return;
    const kube::Pod pod = *b.cluster->pods(owner(1))[0];
    EXPECT_EQ(pod.containers[0].last->exit_code, 3);
    EXPECT_EQ(pod.containers[0].last->reason, "Error");
    EXPECT_FALSE(pod.ready);
    auto log = co_await b.client->log("staging", pod.meta.name, "app", true, 1);
    EXPECT_TRUE(log && log->find("missing DATABASE_URL") != std::string::npos)
        << (log ? *log : log.error().str());
    EXPECT_EQ(std::ranges::count(*log, '\n'), 1);
    auto none = co_await b.client->log("staging", pod.meta.name, "other", false, 5);
    EXPECT_EQ(none.error().what, "container other is not valid for pod " + pod.meta.name);
    EXPECT_TRUE(said(b.cluster->events_about(pod.meta.name, "staging"), "BackOff"));
  });
}

TEST(SimulatedCluster, pods_misbehave_as_their_annotations_say) {
  for (auto [behaviour, status] : {std::pair{"oom", "CrashLoopBackOff"},
                                   {"image-not-found", "ImagePullBackOff"},
                                   {"config-error", "CreateContainerConfigError"},
                                   {"unschedulable", "Unschedulable"},
                                   {"invalid-image-name", "InvalidImageName"},
                                   {"start-error", "CrashLoopBackOff"},
                                   {"evicted", "Evicted"}}) {
    Bench b;
    b.run([&]() -> Task<> {
      b.cluster->start();
      auto ok = co_await b.client->apply(rc(1, 1, {{"lemmy.test/behaviour", behaviour}}), false);
      EXPECT_TRUE(ok);
      std::string seen;
      bool there = co_await Bench::until([&] {
        auto pods = b.cluster->pods(owner(1));
        for (const kube::Pod* pod : pods) {  // an evicted one stays beside the one that replaces it
          seen = kube::pod_status(*pod);
          if (seen == status) return true;
        }
        return false;
      });
      EXPECT_TRUE(there) << behaviour << ": " << seen;
      if (there && behaviour == std::string("oom")) {
        EXPECT_EQ(b.cluster->pods(owner(1))[0]->containers[0].last->reason, "OOMKilled");
        EXPECT_EQ(b.cluster->pods(owner(1))[0]->containers[0].last->exit_code, 137);
      }
    });
  }
}

TEST(SimulatedCluster, transient_image_failures_pass_and_never_ready_stays_running) {
  Bench b;
  b.run([&]() -> Task<> {
    b.cluster->start();
    auto a = co_await b.client->apply(rc(1, 1, {{"lemmy.test/behaviour", "image-transient"}}), false);
    auto n = co_await b.client->apply(rc(2, 1, {{"lemmy.test/behaviour", "never-ready"}}), false);
    EXPECT_TRUE(a && n);
    bool ready = co_await Bench::until([&] { return ready_pods(*b.cluster, 1) == 1; });
    EXPECT_TRUE(ready);
    auto pods = b.cluster->pods(owner(2));
    EXPECT_EQ(pods.size(), 1u);
    if (pods.size() != 1) co_return;
    EXPECT_EQ(kube::pod_status(*pods[0]), "Running");
    EXPECT_FALSE(pods[0]->ready);
    bool told = co_await Bench::until(
        [&] { return said(b.cluster->events_about(pods[0]->meta.name, "staging"), "Unhealthy"); });
    EXPECT_TRUE(told);
  });
}

TEST(SimulatedCluster, zero_takes_the_pods_and_switches_the_autoscaler_off) {
  Bench b;
  b.run([&]() -> Task<> {
    b.cluster->start();
    auto r = co_await b.client->apply(rc(1, 2), false);
    auto h = co_await b.client->apply(hpa(1, 2, 4), false);
    EXPECT_TRUE(r && h);
    (void)co_await Bench::until([&] { return ready_pods(*b.cluster, 1) == 2; });
    auto zero = co_await b.client->scale(rc_ref(1), 0);
    EXPECT_TRUE(zero) << zero.error().str();
    bool gone = co_await Bench::until([&] {
      auto* c = b.cluster->controller(owner(1));
      return b.cluster->pods(owner(1)).empty() && c && c->wanted == 0 && c->replicas == 0 && c->observed;
    });
    EXPECT_TRUE(gone);
    co_await sleep_for(900ms);
    EXPECT_TRUE(b.cluster->pods(owner(1)).empty());
    EXPECT_EQ(b.cluster->autoscaler(owner(1))->trouble, "");
    auto got =
        co_await b.client->get({"/apis/autoscaling/v2", "horizontalpodautoscalers", "staging", "hello-1"});
    EXPECT_NE(json::serialize(**got).find("ScalingDisabled"), std::string::npos);
    auto negative = co_await b.client->scale(rc_ref(1), -1);
    EXPECT_EQ(negative.error().code, ErrorCode::rejected);
  });
}

TEST(SimulatedCluster, deleting_the_last_owner_takes_pods_and_config_maps_along) {
  Bench b;
  b.run([&]() -> Task<> {
    b.cluster->start();
    auto one = co_await b.client->apply(rc(1, 2), false);
    auto two = co_await b.client->apply(rc(2, 1), false);
    json::array owners{owner_of(*one), owner_of(*two)};
    auto copy = co_await b.client->apply(config_map("hello-abc", std::move(owners)), false);
    EXPECT_TRUE(copy) << copy.error().str();
    (void)co_await Bench::until([&] { return ready_pods(*b.cluster, 1) == 2; });
    auto gone = co_await b.client->remove(rc_ref(1));
    EXPECT_TRUE(gone);
    bool pods = co_await Bench::until(
        [&] { return b.cluster->pods(owner(1)).empty() && !b.cluster->controller(owner(1)); });
    EXPECT_TRUE(pods);
    EXPECT_EQ(b.sim->count("configmaps"), 1u);
    auto again = co_await b.client->remove(rc_ref(1));
    EXPECT_TRUE(again);
    auto second = co_await b.client->remove(rc_ref(2));
    EXPECT_TRUE(second);
    bool all =
        co_await Bench::until([&] { return b.sim->count("configmaps") == 0 && b.sim->count("pods") == 0; });
    EXPECT_TRUE(all);
  });
}

TEST(SimulatedCluster, autoscalers_keep_the_bounds_and_wander_within_them) {
  ClusterOptions o = fast();
  o.wander = true;
  o.autoscale_every = 400ms;
  Bench b(o);
  b.run([&]() -> Task<> {
    b.cluster->start();
    auto r = co_await b.client->apply(rc(1, 1, {{"lemmy.test/ready-after", "100ms"}}), false);
    auto h = co_await b.client->apply(hpa(1, 3, 6), false);
    EXPECT_TRUE(r && h);
    bool up = co_await Bench::until([&] {
      auto* c = b.cluster->controller(owner(1));
      return c && c->wanted >= 3;
    });
    EXPECT_TRUE(up);
    std::set<int> seen;
    bool moved = co_await Bench::until([&] {
      int n = b.cluster->controller(owner(1))->wanted;
      EXPECT_GE(n, 3);
      EXPECT_LE(n, 6);
      seen.insert(n);
      return seen.size() >= 2;
    });
    EXPECT_TRUE(moved);
    bool told = co_await Bench::until([&] { return b.sim->count("events") > 0; });
    EXPECT_TRUE(told);
  });
}

TEST(SimulatedCluster, pods_wait_for_a_config_map_that_they_mount) {
  Bench b;
  b.run([&]() -> Task<> {
    b.cluster->start();
    json::object manifest = rc(1, 1);
    manifest["spec"].at("template").at("spec").as_object()["volumes"] =
        json::array{json::object{{"name", "config"}, {"configMap", {{"name", "late"}}}}};
    auto ok = co_await b.client->apply(std::move(manifest), false);
    EXPECT_TRUE(ok);
    bool told = co_await Bench::until([&] {
      auto pods = b.cluster->pods(owner(1));
      return pods.size() == 1 && said(b.cluster->events_about(pods[0]->meta.name, "staging"), "FailedMount");
    });
    EXPECT_TRUE(told);
    EXPECT_EQ(ready_pods(*b.cluster, 1), 0);
    auto late = co_await b.client->apply(config_map("late", {}), false);
    EXPECT_TRUE(late);
    bool ready = co_await Bench::until([&] { return ready_pods(*b.cluster, 1) == 1; });
    EXPECT_TRUE(ready);
  });
}

TEST(SimulatedCluster, holds_a_thousand_pods_of_one_controller) {
  Bench b;
  b.run([&]() -> Task<> {
    b.cluster->start();
    auto ok = co_await b.client->apply(rc(1, 1000), false);
    EXPECT_TRUE(ok);
    bool ready = co_await Bench::until([&] { return ready_pods(*b.cluster, 1) == 1000; }, 80s);
    EXPECT_TRUE(ready) << ready_pods(*b.cluster, 1) << " of " << b.cluster->pod_count() << " seen, "
                       << b.sim->count("pods") << " there";
    if (!ready) {
      auto asked = co_await b.cluster->list_pods(owner(1).target, "deploy=1");
      EXPECT_TRUE(asked);
      if (asked) ADD_FAILURE() << std::ranges::count_if(*asked, &kube::Pod::ready) << " are ready when asked";
    }
    auto gone = co_await b.client->remove(rc_ref(1));
    EXPECT_TRUE(gone);
    bool none =
        co_await Bench::until([&] { return b.cluster->pod_count() == 0 && b.sim->count("pods") == 0; }, 80s);
    EXPECT_TRUE(none);
  });
}

}  // namespace
}  // namespace lemmy::playground
