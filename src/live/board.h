#pragma once
// What runs where, as JSON: one shape for pages, the REST API and the CLI. Loop thread only.
//
// deploy (everywhere a deploy stands): domain/deploy.h to_json(Deploy), plus
//   "title" of the phase, "short_sha", "age" ("3 min 5 s", since created_at), "url" (of its status page),
//   "finished" bool, "serving" bool (requests are meant for it), of "places" the "cause" as one sentence,
//   "recovered" bool (it failed, and all its pods are ready by now),
//   "ready"/"wanted_pods" as the cluster shows them now, "actions": ["zero", ...] that make sense now
// build: domain/build.h to_json(Build), plus "short_sha", "age" (since pushed_at)
// Times are RFC 3339 texts; absent ones are null.
#include "deploy/dry_runs.h"
#include "hosts/instances.h"
#include "kube/cluster.h"
#include "live/drifts.h"
#include "live/feed.h"
#include "release/releases.h"
#include "retention/retention.h"

namespace lemmy::live {

struct ClusterState {
  std::string name;
  const kube::Cluster* cluster = nullptr;
  std::string error;  // why there is none: its kubeconfig cannot be read
};

// Why the store takes no writes, and since when it is known.
struct StoreTrouble {
  Error error;
  Time since{};
};

struct Sources {
  store::Store* store = nullptr;
  deploy::Conductor* conductor = nullptr;
  std::function<std::shared_ptr<const config::Config>()> config;
  std::function<config::Problems()> problems;  // of files newer than the configuration in use
  std::function<kube::Cluster*(const std::string& name)> cluster;  // nullptr: there is none; "": the only one
  std::function<std::vector<ClusterState>()> clusters;
  bool simulated = false;  // the playground: every page says so
  hosts::Instances* instances = nullptr;
  retention::Retention* retention = nullptr;
  std::function<std::optional<StoreTrouble>()> store_trouble = {};
  Pool* pool = nullptr;            // for what takes some milliseconds
  const Drifts* drifts = nullptr;  // none: nothing is looked for (tests)
};

class Board {
 public:
  explicit Board(Sources sources) : from_(std::move(sources)) {}

  // How much is kept, and what of it goes: {"store": {"kinds": [{"kind", "count", "bytes"|null}], "at" (null:
  //   not measured yet), "age"}, "policy": {"every", "deploys", "deploys_for", "builds", "builds_for",
  //   "deliveries_for", "feed_for", "feed_most"} (texts for people; "all"), "archive": {"dir", "bytes"}|null,
  //   "forgotten": {"deploys", "builds", "deliveries", "feed"} (since this server started), "leads",
  //   "looked_at"|null, "trouble": {where, what, hint}|null}
  // unavailable: nothing is measured here (tests).
  Result<json::object> store() const;

  // What every page's frame shows: {"version", "simulated", "revision", "problems": [{where, what, hint}],
  // "clusters": [{"name", "ok": bool (all of it is seen), "any_seen": bool, "unseen": [namespace], "trouble",
  // "missing_rights": [text], "relists", "pods"}], "left": [{"project", "environment", "deploys", "number"
  // (the newest), "url", "where", "what", "hint"}] (at most 20): what is there of environments that are not
  // in the configuration any more, "strays": strays(), "store": {"ok": bool, "trouble", "since", "as_of": ""
  // (of what is shown, when it is old)}}
  json::object frame() const;
  bool store_ok() const;  // its "store"."ok" alone
  // {"total", "items": [{"cluster", "kind", "namespace", "name", "project", "number", "known": bool (there is
  //   such a deploy), "url" (of its page, or ""), "wanted", "ready", "text"}] (at most 20)}: objects with
  //   Lemmy's stamp that no deploy knows of, and pods whose controller is gone. Looked for at most every
  //   10 s.
  json::object strays() const;

  // {"environments": [{"name", "cluster", "protected", "configured": bool (false: it is not in the
  // configuration any more, and
  //    something is there)}],
  //  "projects": [{"name", "description", "deployer", "owners", "known": bool (configured),
  //    "targets": [{"environment", "configured": bool,
  //       "health": "none | ok | busy | bad | zeroed | unknown" , "health_text",
  //       "drift": how many things are not as they were applied | null (not known), "answers": as of
  //       status(), "deployer": "kubernetes | ansible", "current": deploy|null, "active":
  //       deploy|null, "latest": deploy|null, "queued": [deploy]}]}]}
  //  "total": of all pages, "next": the name to go on after; "": that was all}
  // Targets stand in the order of environments, one for each, so that a table can be drawn.
  struct Wanted {
    std::function<bool(std::string_view project)> may = {};  // empty: all
    std::string search;                                      // what names contain
    std::string after;                                       // a name
    size_t limit = SIZE_MAX;
    // Of each deploy only deploy_line(), and no "latest" where that is "current": a page of many costs a
    // third.
    bool lines = false;
  };
  json::object overview(const Wanted& wanted) const;

  // One project: its item of overview() as "project" (with "links": [{title, url}] too), "environments", and
  // "builds": [build + "targets": {environment: {"number", "phase", "serving", "url"}} (where this build is
  // or was last deployed)], "next": cursor. not_found when it is neither configured nor has builds.
  Task<Result<json::object>> project(std::string name, store::Page page) const;

  // One deploy: {"deploy": deploy, "project": {name, description, links}, "environment": {name, cluster,
  //   protected}, "build": build|null, "cause": Cause|null (domain/deploy.h), "queue": {"position",
  //   "blocker", "text"}|null, "cluster": {"name", "ok", "trouble"}, "pods": [{"name", "status", "ready":
  //   "1/2", "is_ready": bool, "restarts", "node", "age", "created_at", "note"
  //      (why it is not ready, may be empty), "fatal": bool, "containers": [{"name", "image", "state",
  //      "reason", "exit_code"|null, "restarts", "ready"}]}],
  //   "autoscaler": {"min","max","current","desired","cpu"|null,"cpu_target"|null,"trouble"}|null,
  //   "health", "health_text": of the deploy that serves, as of its target's item of overview(); else null,
  //   "drift": Drifts::shown()|null: of the deploy that serves, on its own page alone,
  //   "answers": {"deploys": [{"number", "pods", "serving"}], "text"}|null: who gets requests in the target
  //   now,
  //      by the cluster's endpoints; null: that is not known, or it is on hosts
  //   "hosts": ansible/progress.h to_json(Progress) | null (live, or as stored at its end),
  //   "events": [{"type","reason","message","count","age","about"}] (newest first, grouped),
  //   "history": [DeployEvent + "age"] (oldest first), "secret_changed": bool,
  //   "previous": [deploy] (others of the target, newest first, at most `history` of project.yaml)}
  Task<Result<json::object>> status(Target target, int64_t number) const;

  // Why a deploy failed, or what troubles one that rolls out (its logs then come when it fails), beside what
  // differs from the last good deploy: since_last_good() and pods_now() of deploy/failure.h, and "deploy",
  // "cause", "drift" (Drifts::shown()|null: of what serves now), "events" (with "last" instead of "age" when
  // kept), "at" (when that was kept | null: it is of
  // now). not_found: it has neither failed nor is it in trouble.
  Task<Result<json::object>> failure(Target target, int64_t number) const;

  // Who gets requests in the target now: as "answers" of status().
  json::value answers(const Target& target) const;
  // What moves or waits there, for people who are about to do something: no, one or two sentences.
  // another_one: they ask for one more deploy.
  std::vector<std::string> under_way(const Target& target, bool another_one) const;
  // For people who are about to accept or restore it: who gets no more requests then, and who goes on.
  std::vector<std::string> if_it_serves(const Target& target, int64_t number) const;
  // For people who are about to zero or delete it: who serves and who answers now, and then. One sentence
  // each.
  std::vector<std::string> if_taken_away(const Target& target, int64_t number, bool deleted) const;

  // What a roll back to it would change now: {"to": deploy, "serving": deploy|null, "possible": bool, "why",
  //  "difference": difference() of deploy/difference.h from what serves | null (nothing does); its "secret"
  //  is the Secret of now against that of when it was deployed, and so is "secret": "none | same | changed |
  //  added | removed | unknown" | null (hosts), "capacity": {"starts_with", "own", "ready_now", "autoscaler":
  //  {"min", "max"}|null, "autoscaler_now": the same} | null (hosts), "takes_out": [numbers that get no more
  //  requests once it is ready, or from now on (at_once)], "stays": [numbers that go on getting them],
  //  "waits_for": number|null (a deploy is under way), "supersedes": [numbers that wait], "lines": [sentences
  //  for people]}
  Task<Result<json::object>> rollback_preview(Target target, int64_t number, bool at_once = false) const;

  // {"deploys": [deploy], "next"}
  Task<Result<json::object>> deploys(Target target, store::Page page) const;
  json::object deploy_json(const Deploy& deploy) const;
  // Of it only "number", "build", "branch", "phase", "created_at", "title", "short_sha", "age", "url",
  // "ready", "wanted_pods".
  json::object deploy_line(const Deploy& deploy) const;
  json::object build_json(const Build& build) const;

  // {"instances": [domain/instance.h to_json(Instance) + "age" (since asked_at), "short_sha", "pending" bool,
  //    "state_text" for people, and its parts "state_words" and "next_in" ("in 20 s", of "next_try"; may be
  //    empty), "task" (now, while it runs; may be empty), "log" (path of the run's log in the API, or null)],
  //  "next", "counts": {"converged": 3, ...}}
  // Newest call first; of one project and environment, unless they are empty.
  // "shown_state": with those that are not waited for any more as "gone"; "counts": of all, by it.
  struct InstancesWanted {
    std::string project, environment;  // empty: all
    std::string state;                 // empty: all but "gone"; invalid: it is none
    store::Page page;                  // of a state it may have fewer and go on all the same
    std::function<bool(std::string_view project)> may = {};  // empty: all
  };
  Task<Result<json::object>> instances(InstancesWanted wanted) const;
  Task<Result<std::string>> instance_log(Target target, std::string run) const;
  // {"release": {"id", "project", "build", "short_sha", "branch", "who", "reason", "created_at", "age",
  // "url",
  //    "rollback": bool, "state": "in_progress | live | failed | mixed", "title" (of the state, with names),
  //    "finished", "can_go_back": bool, "all_can_go_back": bool},
  //  "deploys": [deploy + "way_back": {"kind": "goes | not_needed | cannot", "to", "why"}]}
  Task<Result<json::object>> release(std::string project, std::string id) const;

  // What the playbook run of a deploy to hosts printed, so far or in all. invalid: the deploy went to pods.
  Task<Result<std::string>> run_log(Target target, int64_t number) const;

  // The log of one container of the deploy's pods. Errors of the cluster as they are.
  Task<Result<std::string>> pod_log(Target target, int64_t number, std::string pod, std::string container,
                                    bool previous, int lines) const;

 private:
  // By shown_state. Of more than a thousand as they were up to 5 s ago.
  Task<Result<json::object>> count_instances(InstancesWanted wanted) const;
  // Where the deploy is, whatever its environment names now; nullptr also for one on hosts.
  kube::Cluster* cluster_of(const Deploy& deploy) const;
  kube::Cluster* cluster_of(const Target& target) const;  // where the next one goes
  struct Health {
    std::string name, text;  // as in overview()
  };
  // Those of the configuration, and those that are not in it any more and have deploys, with their count.
  struct Shown {
    std::string name, cluster;
    bool is_protected = false;
    int left = 0;  // deploys, of one that is not configured
  };
  std::vector<Shown> environments() const;
  // What is there of targets that are not in the configuration any more: at most as old as kInUseAge.
  const std::map<Target, deploy::Conductor::InUse>& left_behind() const;
  json::array left() const;
  json::array environments_json() const;
  Health health_of_serving(const Deploy& serving, const json::value& answers) const;
  void add_shown(json::object& o, const Deploy& deploy) const;
  json::object target_json(const std::string& project, const std::string& environment, bool configured,
                           bool lines) const;
  json::object project_json(const std::string& name, const config::Config& config, bool lines) const;
  Task<std::optional<std::string>> secret_version(Target target) const;
  Task<json::value> hosts_json(Deploy deploy) const;
  Task<Result<json::object>> preview_once(Target target, int64_t number, bool at_once) const;
  struct SecretVersion {
    std::optional<std::string> version;  // nullopt: it could not be read
    Clock::time_point at;
  };
  Sources from_;
  mutable std::map<Target, deploy::Conductor::InUse> left_;
  mutable Clock::time_point left_until_{};
  mutable json::object strays_;
  mutable Clock::time_point strays_until_{};
  mutable std::set<std::string> unowned_;  // pods that no controller had when that was looked for
  mutable std::map<Target, SecretVersion> secrets_;
  struct KeptCounts {
    std::map<std::string, std::map<std::string, int64_t>> counts;  // by project and shown_state
    Clock::time_point until;
  };
  mutable std::map<std::string, KeptCounts> counts_;  // by what they are of
  // since_last_good() of deploys in trouble: it stays the same.
  mutable std::map<std::pair<Target, int64_t>, json::object> since_;
};

// What a caller waits for, at most 10 s. It may have been kept when that is over: the same request id finds
// out.
template <class T>
Task<Result<T>> in_time(Task<Result<T>> work) {
  auto done = co_await with_deadline(std::move(work), milliseconds{10'000}, "the store");
  if (done || done.error().code != ErrorCode::timeout) co_return done;
  co_return fail(ErrorCode::unavailable, "the store", "it does not answer in time",
                 "ask again with the same Idempotency-Key; nothing is done twice");
}

// What the handlers of pages, API and hooks work with. All outlive the router.
struct Services {
  asio::any_io_executor loop;
  Pool* pool = nullptr;
  store::Store* store = nullptr;
  deploy::Conductor* conductor = nullptr;
  Board* board = nullptr;
  Feed* feed = nullptr;
  std::function<std::shared_ptr<const config::Config>()> config;
  bool simulated = false;
  hosts::Instances* instances = nullptr;
  retention::Retention* retention = nullptr;
  Pool* passwords = nullptr;        // for log-ins alone
  Pool* known_passwords = nullptr;  // and for those of browsers in which the user is known
  Drifts* drifts = nullptr;         // none in tests
  // A cluster that was replaced on purpose is `uid` from now on. Errors: not_found, conflict (another one
  // answers, or the one that is known), those of the store.
  std::function<Task<Result<>>(std::string cluster, std::string uid, std::string who)> accept_cluster = {};
};

}  // namespace lemmy::live
