// Deploys as Deployments, one for each number: what differs from replication controllers.
#include "pods/admitting_test.h"

namespace lemmy::pods {
namespace {

struct Deployments : Admitting {
  Deployments() { choose(Workload::deployment); }

  void choose(Workload workload) {
    auto changed = std::make_shared<config::Config>(*config);
    for (auto& [name, project] : changed->projects)
      for (config::ProjectEnvironment& e : project.environments) e.workload = workload;
    changed->revision += "+";
    config = changed;
  }
  const Target production{"hello-world", "production"};

  Task<int64_t> live_in_production() {
    auto made = co_await conductor->request({production, kSha, "ada", "", ""});
    EXPECT_TRUE(made);
    const int64_t number = made ? made->number : 0;
    const auto is_there = [this, number] {
      const Deploy* d = conductor->find(production, number);
      return d && d->phase == Phase::live;
    };
    const bool live = co_await playground::Bench::until(is_there, 20s);
    EXPECT_TRUE(live);
    co_return number;
  }
  std::set<std::string> makers(int64_t number) const {
    std::set<std::string> out;
    for (const kube::Pod* p : cluster->pods({kTarget, number})) out.insert(p->meta.controller.str());
    return out;
  }
};

TEST_F(Deployments, go_live_are_zeroed_restored_rolled_back_and_deleted) {
  run([this]() -> Task<> {
    const int64_t first = co_await ask_live();
    const Deploy* d = conductor->find(kTarget, first);
    EXPECT_EQ(d->places.front().kind, "deployment");
    const kube::Controller* controller = cluster->controller({kTarget, first});
    EXPECT_TRUE(controller && controller->workload == Workload::deployment);
    EXPECT_EQ(sim->count("deployments"), 1u);
    EXPECT_EQ(sim->count("replicasets"), 1u);
    EXPECT_EQ(sim->count("replicationcontrollers"), 0u);
    const auto pods = pods_of(*cluster, {kTarget, first});
    EXPECT_EQ(static_cast<int>(pods.size()), d->replicas) << "by the ReplicaSet that its Deployment made";
    auto listed = co_await cluster->list_pods({kTarget, first}, controller->meta.uid.str());
    EXPECT_TRUE(listed && listed->size() == pods.size());
    EXPECT_EQ(cluster->highest_number(kTarget), first);

    const int64_t second = co_await ask_live();
    bool alone = co_await answer({first, second});
    EXPECT_TRUE(alone) << "side by side, as with replication controllers";
    auto zeroed = co_await conductor->act({kTarget, second, Action::zero, "ada", "", "", true});
    EXPECT_TRUE(zeroed);
    bool gone = co_await becomes(second, [](const Deploy& d) { return d.presence == Presence::zeroed; });
    EXPECT_TRUE(gone);
    alone = co_await answer({first});
    EXPECT_TRUE(alone);
    auto restored = co_await conductor->act({kTarget, second, Action::restore, "ada", "", "", true});
    EXPECT_TRUE(restored);
    alone = co_await answer({first, second});
    EXPECT_TRUE(alone);
    auto back = co_await conductor->act({kTarget, first, Action::rollback, "ada", "", "", true});
    EXPECT_TRUE(back);
    const int64_t third = second + 1;
    const bool live = co_await becomes(third, is_live);
    EXPECT_TRUE(live);
    EXPECT_EQ(conductor->find(kTarget, third)->places.front().kind, "deployment");
    for (const int64_t n : {first, second, third}) {
      auto removed = co_await conductor->act({kTarget, n, Action::remove, "ada", "", "", true});
      EXPECT_TRUE(removed);
      gone = co_await becomes(n, [](const Deploy& d) { return d.presence == Presence::deleted; });
      EXPECT_TRUE(gone);
    }
    gone = co_await playground::Bench::until(
        [this] { return sim->count("deployments") + sim->count("replicasets") + sim->count("pods") == 0; });
    EXPECT_TRUE(gone);
    EXPECT_TRUE(cluster->owned().empty());
  });
}

TEST_F(Deployments, one_that_failed_is_kept_from_requests_pod_by_pod_and_is_never_rolled_for_it) {
  run([this]() -> Task<> {
    const int64_t first = co_await ask_live();
    const int64_t bad = co_await ask_for_one_that_fails_half_ready();
    bool out = co_await answer({first});
    EXPECT_TRUE(out);
    const auto before = makers(bad);
    EXPECT_EQ(before.size(), 1u) << "one ReplicaSet: its template was not touched";
    // Whoever takes the place of one of its pods is kept from requests as well.
    sim->set_quota(kTarget.environment, {});
    auto ready = [this, bad] {
      const auto pods = pods_of(*cluster, {kTarget, bad});
      const Deploy* d = conductor->find(kTarget, bad);
      return !pods.empty() && static_cast<int>(pods.size()) == d->replicas &&
             std::ranges::all_of(
                 pods, [](const kube::Pod* p) { return p->ready && p->answers == kube::Answers::no; });
    };
    const bool kept = co_await playground::Bench::until(ready, 20s);
    EXPECT_TRUE(kept);
    out = co_await answer({first});
    EXPECT_TRUE(out);
    EXPECT_EQ(makers(bad), before);
    // It recovered, and somebody lets it in.
    auto accepted = co_await conductor->act({kTarget, bad, Action::accept, "ada", "", "", true});
    EXPECT_TRUE(accepted) << accepted.error().str();
    const bool in = co_await playground::Bench::until([this, bad] { return answering().contains(bad); }, 10s);
    EXPECT_TRUE(in);
    EXPECT_EQ(makers(bad), before);
  });
}

TEST_F(Deployments, what_hinders_their_pods_is_told_though_their_replica_set_says_it) {
  run([this]() -> Task<> {
    impatient();
    sim->set_quota(kTarget.environment, {{"pods", 1}});
    const int64_t number = co_await ask();
    const bool failed = co_await becomes(number, is_failed);
    EXPECT_TRUE(failed);
    const Deploy* d = conductor->find(kTarget, number);
    EXPECT_TRUE(d->cause && d->cause->summary.find("quota") != std::string::npos)
        << (d->cause ? d->cause->summary : "no cause");
    bool seen = false;
    for (const EventGroup& e : cluster->events_about(d->object_name, kTarget.environment))
      seen = seen || e.reason == "FailedCreate";
    EXPECT_TRUE(seen);
  });
}

TEST_F(Deployments, and_replication_controllers_follow_one_another) {
  run([this]() -> Task<> {
    choose(Workload::replication_controller);
    const int64_t first = co_await ask_live();
    choose(Workload::deployment);
    const int64_t second = co_await ask_live();
    choose(Workload::replication_controller);
    const int64_t third = co_await ask_live();
    bool all = co_await answer({first, second, third});
    EXPECT_TRUE(all);
    EXPECT_EQ(sim->count("deployments"), 1u);
    EXPECT_EQ(sim->count("replicationcontrollers"), 2u);
    EXPECT_EQ(cluster->controllers(kTarget).size(), 3u);
    EXPECT_EQ(cluster->controllers(kTarget)[1]->meta.deploy, second);
    auto back = co_await conductor->act({kTarget, second, Action::rollback, "ada", "", "", true});
    EXPECT_TRUE(back);
    const bool live = co_await becomes(third + 1, is_live);
    EXPECT_TRUE(live);
    EXPECT_EQ(conductor->find(kTarget, third + 1)->places.front().kind, "deployment")
        << "as the one that it goes back to";
  });
}

TEST_F(Deployments, that_may_not_be_watched_cost_only_themselves) {
  run([this]() -> Task<> {
    auto changed = std::make_shared<config::Config>(*config);
    for (auto& [name, project] : changed->projects)
      for (config::ProjectEnvironment& e : project.environments)
        if (e.name == "production") e.workload = Workload::replication_controller;
    changed->revision += "+";
    config = changed;
    for (const char* path : {"/deployments", "/replicasets"})
      sim->faults().answer(403, {"GET", path, false, -1});
    const int64_t waits = co_await ask();
    const bool began = co_await becomes(waits, [](const Deploy& d) { return d.phase == Phase::preparing; });
    EXPECT_TRUE(began);
    const int64_t other = co_await live_in_production();
    auto removed = co_await conductor->act({production, other, Action::remove, "ada", "", "", true});
    EXPECT_TRUE(removed);
    const bool gone = co_await playground::Bench::until(
        [this, other] { return conductor->find(production, other)->presence == Presence::deleted; });
    EXPECT_TRUE(gone);
    EXPECT_FALSE(is_finished(conductor->find(kTarget, waits)->phase));
    EXPECT_TRUE(cluster->is_live());
    sim->faults().clear();
    const bool live = co_await becomes(waits, is_live, 40s);
    EXPECT_TRUE(live) << "once the right is there";
  });
}

TEST_F(Deployments, scale_by_themselves) {
  run([this]() -> Task<> {
    const int64_t number = co_await live_in_production();
    const bool scales = co_await playground::Bench::until([this, number] {
      const kube::Autoscaler* hpa = cluster->autoscaler({production, number});
      return hpa && hpa->trouble.empty() && hpa->current > 0;
    });
    EXPECT_TRUE(scales);
  });
}

}  // namespace
}  // namespace lemmy::pods
