#pragma once
// Inside room deploy: does what one target needs, a step at a time. Every step may be repeated.
#include <algorithm>

#include "deploy/difference.h"
#include "deploy/state.h"

namespace lemmy::deploy {

class Worker {
 public:
  Worker(Conductor* conductor, Target target) : c_(*conductor), target_(std::move(target)) {}
  Task<> run();
  // Of each object whether the cluster would take it, as in DryRun::objects; nothing is applied.
  Task<Result<json::array>> try_out(Deploy d);

 private:
  // What a step did: `again` looks at once for the next thing, else at most `wait` passes.
  static constexpr milliseconds kNoWait{3'600'000};  // nothing to wait for but news
  struct Step {
    bool again = false;
    milliseconds wait = kNoWait;
    void sooner(milliseconds w) { wait = std::min({wait, w, kNoWait - milliseconds{1}}); }
  };
  struct Retry {
    int tries = 0;
    Time next{};
  };

  Task<Step> step();
  Task<bool> cancel_requested();  // true: something was done; so for all below
  Task<bool> supersede();
  Task<bool> retire(Step* step);  // wanted and presence brought together
  Task<bool> notice(Step* step);  // what somebody did in the cluster behind our back
  Task<bool> apply_policy(Step* step);
  bool serving_ready() const;

  // Asks the cluster itself: a watch that hangs looks live for minutes.
  Task<Result<bool>> is_there(kube::Cluster* cluster, Deploy d);

  Task<bool> begin();
  // To hosts: hosts.cpp.
  Task<bool> prepare_hosts(Deploy d, Step* step);
  Task<bool> run_playbook(Deploy d, Step* step);
  Task<bool> replaced_on_hosts();
  Task<bool> prepare(Deploy d, Step* step);
  Task<bool> apply(Deploy d, Step* step);
  Task<bool> watch(Deploy d, Step* step);
  Task<Result<>> zero(Deploy d);
  Task<Result<>> remove(Deploy d);
  Task<Result<>> restore(Deploy d);
  Task<Result<>> keep(Deploy d, DeployEvent e);  // what was done; an error: it must be done again

  // What a render was made from: who wrote each field is told from it, when there is time for that.
  struct Rendering {
    std::shared_ptr<const manifest::Renderer> renderer;
    Build build;
    std::string revision;  // of the configuration
  };
  struct Rendered {
    manifest::Manifests manifests;
    Rendering from;
  };
  Task<Result<Rendered>> render(Deploy d);
  // Document "origins": who wrote each field of what was sent. Empty: that could not be told.
  Task<std::string> origins_of(Rendering from, int64_t number, json::array manifests);
  // Keeps document "origins" of what was just applied. Slow, so after it: a server that is killed in between
  // leaves a deploy without.
  Task<std::string> keep_origins(Deploy d, json::array manifests);
  using Texts = std::vector<std::pair<std::string, std::string>>;  // by name; empty ones are left out
  Task<Result<std::string>> put_documents(Deploy d, Texts texts);  // gives ""
  Task<Result<json::array>> manifests_of_earlier(Deploy d);
  Task<Result<>> own_config_map(kube::Client* client, json::object copy, std::string rc_uid);
  Task<Result<>> remove_config_map(kube::Client* client, Deploy d, std::string rc_uid);
  Task<Cause> explain(kube::Cluster* cluster, Deploy d, Cause cause);
  // failure.cpp; `pods`: pods_now() of when it was judged.
  Task<> keep_failure(kube::Cluster* cluster, Deploy d, json::object pods);
  Task<> make_up(kube::Cluster* cluster, Made* made);

  // An earlier try failed, and its wait is not over.
  bool waits(int64_t number, Step* step) const;
  void retry_later(int64_t number, Step* step);
  Result<const config::Project*> project(const config::Config& config) const;

  // An error from outside: tried again later with a note when that may help, else the deploy fails.
  Task<bool> trouble(Deploy d, Error error, Step* step);
  Task<bool> store(Move move);  // false: it could not be written
  Task<bool> fail_deploy(Deploy d, Error error);

  kube::Cluster* cluster() const { return c_.around_.cluster(target_.environment); }
  Rules rules() const;
  // The environment still names the cluster that the deploy went to; what is elsewhere is left alone.
  Result<> same_cluster(const Deploy& d) const;

  Conductor& c_;
  const Target target_;
  std::map<int64_t, Retry> retries_;
  std::optional<std::pair<int64_t, Rendering>> unexplained_;  // the deploy that is being applied
  int store_failures_ = 0;
};

}  // namespace lemmy::deploy
