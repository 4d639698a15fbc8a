// Which hosts a deploy is for: the inventory says so, and that may take long.
#include <fmt/format.h>

#include "async/race.h"
#include "base/strings.h"
#include "hosts/place.h"
#include "hosts/run_document.h"

namespace lemmy::hosts {

using deploy::of_place;
using deploy::of_store;

// At whether it was cancelled, which is told at once.
constexpr milliseconds kLookAtCancel{60'000};

static std::string passed_over(const std::vector<std::string>& files) {
  if (files.empty()) return {};
  return fmt::format(
      "Ansible passes over {} in inventory/: call it .yml or give it no ending, or set "
      "ignore_extensions in section [inventory] of ansible.cfg",
      join(files, ", "));
}

std::string Place::waits_for(const Deploy& d) const {
  auto it = asking_.find({d.target, d.number});
  if (it == asking_.end() || !it->second->waits) return {};
  return "waiting for the inventory: its programs or plug-ins have not said which hosts there are";
}

Task<Result<std::vector<std::string>>> Place::hosts_of(ansible::Plan plan, std::shared_ptr<Asking> asking) {
  using Hosts = Result<std::vector<std::string>>;
  auto hosts =
      std::make_shared<Hosts>(fail(ErrorCode::cancelled, "inventory", "cancelled while it was asked"));
  auto ask = [](Pool* pool, ansible::Tools tools, ansible::Plan p, std::shared_ptr<Hosts> out) -> Task<> {
    *out = co_await ansible::matching_hosts(pool, std::move(tools), std::move(p));
  };
  auto cancel = [](std::shared_ptr<Asking> a) -> Task<> {
    while (!a->cancelled) co_await a->news.wait(kLookAtCancel);
  };
  if (asking->cancelled) co_return *hosts;
  asking->waits = true;
  co_await race(ask(around_.programs, around_.ansible, std::move(plan), hosts), cancel(asking));
  asking->waits = false;
  co_return std::move(*hosts);
}

Task<Result<deploy::Prepared>> Place::prepare(Deploy d, std::optional<Deploy>) {
  const std::pair key{d.target, d.number};
  auto asking = std::make_shared<Asking>(co_await asio::this_coro::executor);
  asking_[key] = asking;
  struct Ended {  // also when the server has to stop in the middle
    std::function<void()> forget;
    ~Ended() { forget(); }
  };
  const Ended ended{[this, key] { asking_.erase(key); }};
  co_return co_await write_down(std::move(d), std::move(asking));
}

Task<Result<deploy::Prepared>> Place::write_down(Deploy d, std::shared_ptr<Asking> asking) {
  if (!around_.runs) co_return fail(no_ansible());
  auto made = co_await plan_for(around_, d);
  if (!made) co_return fail(made.error());
  auto hosts = co_await hosts_of(*made, std::move(asking));
  if (!hosts) co_return of_place(hosts.error());
  const std::string left_out = passed_over(
      co_await around_.programs->run([dir = made->ansible_dir] { return ansible::skipped_files(dir); }));
  if (hosts->empty())
    co_return fail(ErrorCode::not_found, made->hosts, "no host of the inventory matches",
                   "tag hosts with these groups, or say hosts: in projects/" + d.target.project +
                       "/project.yaml" + (left_out.empty() ? "" : "; " + left_out));
  const json::value& environment = made->variables["lemmy"].get_object()["config"];
  auto put =
      co_await around_.store->put_document(d.target, d.number, "environment", pretty_json(environment));
  if (put)
    put = co_await around_.store->put_document(d.target, d.number, "final", pretty_json(made->variables));
  ansible::Progress all;
  all.expect(*hosts);
  if (put) put = co_await around_.store->put_document(d.target, d.number, "hosts", run_document(all, {}, {}));
  if (!put) co_return of_store(put.error());
  d.replicas = static_cast<int>(hosts->size());
  in_places(d, [&](DeployPlace& p) { p.object = made->hosts; });
  std::string text = fmt::format("running {} on {} hosts", made->playbook, hosts->size());
  std::vector<std::string> warnings;
  if (!left_out.empty()) warnings.push_back(left_out);
  co_return deploy::Prepared{std::move(d), std::move(text), std::move(warnings)};
}

}  // namespace lemmy::hosts
