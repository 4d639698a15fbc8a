#pragma once
// A place on a cluster: pods of a controller for each deploy, beside those of the deploys before.
// Loop thread only; the cluster outlives it.
#include "config/config.h"
#include "deploy/place.h"
#include "kube/cluster.h"
#include "manifest/manifest.h"

namespace lemmy::pods {

struct Surroundings {
  Pool* pool = nullptr;  // for rendering
  store::Store* store = nullptr;
  std::function<std::shared_ptr<const config::Config>()> config;
  std::function<bool()> may_act = {};  // as deploy::Surroundings
};

// The deploy's pods: those that its controller made, whatever labels others give to theirs; while there is no
// controller, those with its labels.
std::vector<const kube::Pod*> pods_of(const kube::Cluster& cluster, const kube::Owner& owner);
Result<json::array> parse_manifests(const std::string& text);  // document "manifests"
Workload workload_of(const Deploy& deploy);                    // by its place
kube::Ref controller_ref(const Deploy& deploy);
kube::Ref autoscaler_ref(const Deploy& deploy);
// How many pods the one that serves is wanted to have now, whatever happens to be ready; 0: nothing serves.
int serving_wants(const kube::Cluster& cluster, const Deploy* serving);

// How an object was when it was compared with what was applied, and what drift was found then.
struct Compared {
  std::string version;
  json::array items;
};

class Place : public deploy::Place {
 public:
  Place(kube::Cluster* cluster, Surroundings around) : cluster_(*cluster), around_(std::move(around)) {}
  kube::Cluster& cluster() const { return cluster_; }

  deploy::Sight look(const Deploy& deploy) const override;
  Task<Result<deploy::Prepared>> prepare(Deploy deploy, std::optional<Deploy> serving) override;
  Task<Result<deploy::Applied>> apply(Deploy deploy) override;
  Task<> after_apply(Deploy deploy) override;
  Task<Result<deploy::Left>> scale(Deploy deploy, int to) override;
  Task<Result<>> remove(Deploy deploy) override;
  bool is_admitted(const Deploy& deploy, bool answers) const override;  // admit.cpp
  Task<Result<>> admit(Deploy deploy, bool answers) override;
  Task<Result<deploy::Left>> ask(Deploy deploy) override;
  Task<Result<deploy::Sight>> look_again(Deploy deploy) override;
  int64_t highest_number(const Target& target) const override { return cluster_.highest_number(target); }
  int restored_to(const Deploy& deploy, const std::optional<Deploy>& serving) const override;
  void cancel(const Deploy&) override {}  // a step of it is short
  void cut(const std::string&) override {}

  std::shared_ptr<const deploy::Report> report(const Deploy&) const override { return nullptr; }
  Task<Result<std::string>> log(Deploy deploy) const override;

  json::object roles(const Deploy& deploy, const std::string& first_pod) const override;
  Task<Cause> explain(Deploy deploy, Cause cause) override;
  Task<deploy::Made> made(deploy::Made made) override;
  Task<json::object> failure(Deploy deploy, json::object roles) override;

  Task<Result<json::object>> drift(Deploy deploy, bool afresh) override;  // drift.cpp

  Task<Result<>> try_out(std::shared_ptr<deploy::TryOut> run) override;  // try_out.cpp
  void cancel_try_out(const Target&) override {}
  Task<Result<std::string>> try_out_log(Target target) const override;
  Task<> forget_try_out(Target) override { co_return; }

 private:
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
  // What is sent, and the texts that are kept of it.
  struct Sent {
    json::array manifests;
    json::object origins;  // of a roll back: those of the earlier deploy
    std::string final, environment;
  };
  using Texts = std::vector<std::pair<std::string, std::string>>;  // by name; empty ones are left out
  Task<Result<Rendered>> render(Deploy d);
  Task<Result<Sent>> sent_now(Deploy d);
  Task<Result<Sent>> sent_before(Deploy d);  // of a roll back
  // Document "origins": who wrote each field of what was sent. Empty: that could not be told.
  Task<std::string> origins_of(Rendering from, Deploy d, json::array manifests);
  // Keeps document "origins". Slow, so after all else: a server that is killed in between leaves a deploy
  // without.
  Task<std::string> keep_origins(Deploy d, json::array manifests);
  Task<Result<std::string>> put_documents(Deploy d, Texts texts);  // gives ""
  // Before the target's Service selects by label kAnswersLabel: what it selects now gets the label, pods and
  // templates, whoever made them.
  Task<Result<>> take_over(Target target);
  Task<Result<>> label_all(Target target);
  Task<Result<>> label_pods(const std::vector<kube::Pod>& pods, std::string_view answers);
  Task<Result<>> apply_autoscaler(Deploy d);
  Task<Result<>> own_config_map(Deploy d, json::object copy, std::string controller_uid);
  Task<Result<>> remove_config_map(Deploy d, std::string controller_uid);
  Task<Result<>> let_pods_go(Deploy d, kube::Controller controller);
  Task<Result<>> remove_uncontrolled(Deploy d);
  Task<std::optional<json::object>> service_of(Deploy d);    // as it was applied
  Result<> is_free(const Deploy& deploy) const;              // its number, as far as is seen
  Task<Result<>> is_seen(Workload workload, Target target);  // once its watches have begun
  // Before it is applied for the first time; gives "". rejected: there is one that is not Lemmy's, or that
  // cannot become this one.
  Task<Result<std::string>> nobody_elses(json::object manifest);
  Result<> may_act() const;
  bool still_answers(const Deploy& d, std::string_view controller) const;  // by the cluster's endpoints
  int crash_loops(const Deploy& d) const;                                  // of its project
  kube::Client* client() const { return &cluster_.client(); }

  kube::Cluster& cluster_;
  const Surroundings around_;
  // Templates parsed once for each project and configuration.
  std::map<std::string, std::pair<std::string, std::shared_ptr<const manifest::Renderer>>> renderers_;
  std::map<Target, std::pair<int64_t, Rendering>> unexplained_;  // of the deploy that is being applied
  std::map<std::string, Compared> compared_;
};

}  // namespace lemmy::pods
