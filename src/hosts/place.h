#pragma once
// A place on hosts: a playbook brings the build, which replaces the one before. Loop thread only.
#include <set>

#include "ansible/progress.h"
#include "hosts/plan.h"

namespace lemmy::hosts {

// Of a run that was ended by one of its two limits.
std::string why_ended(const ansible::Plan& plan, const ansible::Outcome& outcome,
                      const ansible::Progress& progress);
Error no_ansible();  // what hosts need, and this server does not have

class Place : public deploy::Place {
 public:
  explicit Place(Surroundings around) : around_(std::move(around)) {}

  deploy::Sight look(const Deploy& deploy) const override;
  Task<Result<deploy::Prepared>> prepare(Deploy deploy, std::optional<Deploy> serving) override;
  Task<Result<deploy::Applied>> apply(Deploy deploy) override;
  Task<> after_apply(Deploy) override { co_return; }
  // Hosts have no controller to scale: what is there stays until another deploy replaces it.
  Task<Result<deploy::Left>> scale(Deploy deploy, int to) override;
  Task<Result<>> remove(Deploy deploy) override;
  // A playbook brings the build; who balances load over hosts is not Lemmy's.
  bool is_admitted(const Deploy&, bool) const override { return true; }
  Task<Result<>> admit(Deploy, bool) override { co_return Result<>{}; }
  Task<Result<deploy::Left>> ask(Deploy) override { co_return deploy::Left::there; }
  Task<Result<deploy::Sight>> look_again(Deploy deploy) override { co_return look(deploy); }
  int64_t highest_number(const Target&) const override { return 0; }
  int restored_to(const Deploy& deploy, const std::optional<Deploy>&) const override {
    return deploy.replicas;
  }
  Task<Result<int>> still_has(Deploy serving, std::vector<Deploy> later) override;
  void cancel(const Deploy& deploy) override;
  void cut(const std::string& run) override;
  std::string waits_for(const Deploy& deploy) const override;

  std::shared_ptr<const deploy::Report> report(const Deploy& deploy) const override;
  Task<Result<std::string>> log(Deploy deploy) const override;

  json::object roles(const Deploy& deploy, const std::string& first_pod) const override;
  Task<Cause> explain(Deploy, Cause cause) override { co_return cause; }
  Task<deploy::Made> made(deploy::Made made) override { co_return made; }
  Task<json::object> failure(Deploy, json::object roles) override { co_return roles; }

  Task<Result<>> try_out(std::shared_ptr<deploy::TryOut> run) override;
  void cancel_try_out(const Target& target) override;
  Task<Result<std::string>> try_out_log(Target target) const override;
  Task<> forget_try_out(Target target) override;

 private:
  // An inventory's program or plug-in that is asked for a deploy: it may hang.
  struct Asking {
    explicit Asking(asio::any_io_executor loop) : news(loop) {}
    Signal news;
    bool cancelled = false, waits = false;
  };
  Task<Result<std::vector<std::string>>> hosts_of(ansible::Plan plan, std::shared_ptr<Asking> asking);
  Task<Result<deploy::Prepared>> write_down(Deploy deploy, std::shared_ptr<Asking> asking);
  Task<Result<>> keep_run(Deploy d, std::string run, std::string hosts, std::optional<std::string> log);

  const Surroundings around_;
  std::map<std::pair<Target, int64_t>, std::shared_ptr<ansible::Progress>> progress_;
  std::map<std::pair<Target, int64_t>, std::shared_ptr<Asking>> asking_;
  std::set<std::string> cancelled_;  // runs that may not have begun yet
};

}  // namespace lemmy::hosts
