#pragma once
// For tests of who gets requests.
#include "domain/names.h"
#include "pods/conducting_test.h"

namespace lemmy::pods {

struct Admitting : Conducting {
  static bool is_live(const Deploy& d) { return d.phase == Phase::live; }
  static bool is_failed(const Deploy& d) { return d.phase == Phase::failed; }

  // Numbers of the deploys whose pods get requests.
  std::set<int64_t> answering() const {
    std::set<int64_t> out;
    if (auto pods = cluster->answering(kTarget))
      for (const kube::Pod* p : *pods) out.insert(p->meta.deploy);
    return out;
  }
  // How many pods got requests at the fewest, while `body` went on.
  Task<size_t> fewest_while(std::function<Task<>()> body) {
    size_t fewest = SIZE_MAX;
    bool over = false;
    auto watch = [&]() -> Task<> {
      while (!over) {
        if (auto pods = cluster->answering(kTarget)) fewest = std::min(fewest, pods->size());
        co_await sleep_for(1ms);
      }
    };
    Group watching(loop.get_executor());
    watching.spawn("watching", watch());
    co_await body();
    over = true;
    co_await watching.join(5s);
    co_return fewest;
  }
  Task<bool> answer(std::set<int64_t> who) {
    co_return co_await playground::Bench::until([this, who] { return answering() == who; }, 10s);
  }
  // Its pods become ready, and then not any more: it fails when no more come for so long.
  void impatient() {
    auto changed = std::make_shared<config::Config>(*config);
    for (auto& [name, project] : changed->projects) project.deadline = 300ms;
    config = changed;
  }
  void policy(config::Failed failed) {
    auto changed = std::make_shared<config::Config>(*config);
    for (config::Environment& e : changed->environments) e.failed = failed;
    config = changed;
  }
  // One whose pods are all ready but one, which no node takes.
  Task<int64_t> ask_for_one_that_fails_half_ready() {
    impatient();
    // What was zeroed must be gone: it would leave room.
    const bool gone = co_await playground::Bench::until([this] {
      size_t wanted = 0;
      for (int64_t n = 1; const Deploy* d = conductor->find(kTarget, n); ++n)
        if (d->presence == Presence::running) wanted += static_cast<size_t>(d->replicas);
      return sim->count("pods") <= wanted;
    });
    EXPECT_TRUE(gone);
    sim->set_quota(kTarget.environment, {{"pods", static_cast<int>(sim->count("pods")) + 1}});
    const int64_t number = co_await ask();
    const bool failed = co_await becomes(number, is_failed);
    EXPECT_TRUE(failed);
    co_return number;
  }
  kube::Ref service() const { return {"/api/v1", "services", kTarget.environment, kTarget.project}; }
  // As a Lemmy of before left it: nothing has the label, and the Service does not select by it.
  Task<> take_label_away() {
    json::object none{{"metadata", {{"labels", {{kAnswersLabel, nullptr}}}}}};
    const Deploy* d = conductor->current(kTarget);
    kube::Ref controller{"/api/v1", "replicationcontrollers", kTarget.environment, d->object_name};
    auto done = co_await cluster->client().patch(controller, {{"spec", {{"template", none}}}});
    EXPECT_TRUE(done);
    auto pods = co_await cluster->list_pods(kTarget, fmt::format("deploy={}", d->number));
    EXPECT_TRUE(pods);
    json::object selector{{"spec", {{"selector", {{kAnswersLabel, nullptr}}}}}};
    done = co_await cluster->client().patch(service(), std::move(selector));
    EXPECT_TRUE(done);
    for (const kube::Pod& p : *pods) {
      done =
          co_await cluster->client().patch({"/api/v1", "pods", kTarget.environment, p.meta.name.str()}, none);
      EXPECT_TRUE(done);
    }
  }
};

}  // namespace lemmy::pods
