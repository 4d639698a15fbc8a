// What a deploy that went live, or did not, means for instances that asked.
#include "hosts/instances.h"

namespace lemmy::hosts {

constexpr int kTogether = 1000;  // instances in one write

Task<Result<>> Instances::note_each(Target target, std::function<std::optional<Instance>(Instance)> rule) {
  store::Page page{kTogether, ""};
  do {
    auto list = co_await around_.store->instances(target.project, target.environment, page);
    if (!list) co_return fail(list.error());
    std::vector<Instance> news;
    for (Instance& i : list->items)
      if (auto n = rule(std::move(i))) news.push_back(std::move(*n));
    auto noted = co_await record(std::move(news));
    if (!noted) co_return noted;
    page.after = list->next;
  } while (!page.after.empty());
  co_return Result<>{};
}

Task<Result<>> Instances::look_after_broken(Target target, Deploy broken) {
  auto text = co_await around_.store->document(target, broken.number, "hosts");
  if (!text && text.error().code != ErrorCode::not_found) co_return fail(text.error());
  if (!text) co_return Result<>{};
  const RunOnHosts run = read_run_document(*text);
  if (run.touched.empty()) co_return Result<>{};
  auto noted =
      co_await note_each(target, [=](Instance i) { return after_broken(std::move(i), broken, run); });
  around_.changed(target);
  co_return noted;
}

Task<Result<>> Instances::look_after_deploy(Target target, Desired desired) {
  Reached reached;
  auto text = co_await around_.store->document(target, desired.deploy, "hosts");
  if (!text && text.error().code != ErrorCode::not_found) co_return fail(text.error());
  if (text) {
    const RunOnHosts run = read_run_document(*text);
    for (const auto& [host, complete] : run.touched)
      if (complete) reached.hosts.insert(host);
    reached.began_at = run.began_at.value_or(Time{});
  }
  const Deploy* current = conductor_.current(target);
  // What a run of another build than the wanted one brought is no answer.
  if (!current || current->number != desired.deploy || current->sha != desired.sha) reached = {};
  std::optional<Deploy> of = current ? std::optional(*current) : std::nullopt;
  auto noted = co_await note_each(target, [=](Instance i) {
    const std::string host = i.result.host;
    return after_deploy(std::move(i), host, desired, reached, now());
  });
  if (!noted) co_return noted;
  if (!of || reached.hosts.empty()) co_return Result<>{};

  // Who still waits may not be known by a host's name yet: the inventory, which takes seconds, tells.
  auto waiting = co_await unsettled(target);
  if (!waiting) co_return fail(waiting.error());
  if (std::ranges::none_of(*waiting, awaits_run)) co_return Result<>{};
  auto plan = co_await plan_for(around_, std::move(*of));
  auto directory = co_await this->directory(std::move(plan));
  if (!directory) co_return Result<>{};  // the runs that follow say why
  std::vector<Instance> news;
  for (Instance& i : *waiting) {
    auto host = awaits_run(i) ? directory->find(i) : Result<std::string>("");
    if (!host) continue;
    if (auto n = after_deploy(std::move(i), *host, desired, reached, now())) news.push_back(std::move(*n));
    if (news.size() < kTogether) continue;
    auto noted = co_await record(std::exchange(news, {}));
    if (!noted) co_return noted;
  }
  co_return co_await record(std::move(news));
}

}  // namespace lemmy::hosts
