// What a deploy that went live means for instances that asked.
#include "hosts/instances.h"

namespace lemmy::hosts {

constexpr int kTogether = 1000;  // instances in one write

Task<Result<>> Instances::look_after_deploy(Target target, Desired desired) {
  Reached reached;
  auto text = co_await around_.store->document(target, desired.deploy, "hosts");
  if (!text && text.error().code != ErrorCode::not_found) co_return fail(text.error());
  if (text) {
    auto parsed = parse_json(*text, "stored hosts");
    const json::value* hosts = parsed ? lemmy::find(*parsed, {"hosts"}) : nullptr;
    if (hosts && hosts->is_array())
      for (const json::value& h : hosts->get_array()) {
        const std::string_view state = h.is_object() ? text_or(h.get_object(), "state") : "";
        // Hosts that an earlier release wrote down do not say whether they are complete.
        const json::value* complete = h.is_object() ? lemmy::find(h.get_object(), "complete") : nullptr;
        if (complete ? *complete == true
                     : state == "ok" || state == "changed" || state == "rescued" || state == "skipped")
          reached.hosts.emplace(text_or(h.get_object(), "name"));
      }
    if (parsed && parsed->is_object())
      reached.began_at = parse_time(text_or(parsed->get_object(), "began_at")).value_or(Time{});
  }
  const Deploy* current = conductor_.current(target);
  // What a run of another build than the wanted one brought is no answer.
  if (!current || current->number != desired.deploy || current->sha != desired.sha) reached = {};
  std::optional<Deploy> of = current ? std::optional(*current) : std::nullopt;
  store::Page page{kTogether, ""};
  do {
    auto list = co_await around_.store->instances(target.project, target.environment, page);
    if (!list) co_return fail(list.error());
    std::vector<Instance> news;
    for (Instance& i : list->items) {
      const std::string host = i.result.host;
      if (auto n = after_deploy(std::move(i), host, desired, reached, now())) news.push_back(std::move(*n));
    }
    auto noted = co_await record(std::move(news));
    if (!noted) co_return noted;
    page.after = list->next;
  } while (!page.after.empty());
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
