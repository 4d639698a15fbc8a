#pragma once
// The live picture of one cluster: one watch each for pods, replication controllers, autoscalers, endpoints
// and events, and for the other kinds of controllers that are in use, of what Lemmy manages. Loop thread
// only.
#include <array>
#include <deque>
#include <map>
#include <set>

#include "kube/client.h"
#include "kube/identity.h"
#include "kube/kept.h"
#include "kube/watch.h"

namespace lemmy::kube {

struct WatchTimes {
  // An API server sends a bookmark about each minute: a watch that is silent for longer is a dead connection.
  milliseconds silence{75'000};
  // The same question as a watch's is asked on another connection: what that tells, and the watch does not,
  // shows a watch that is dead though its connection stands.
  milliseconds probe_every{10'000}, probe_limit{6'000}, probe_grace{2'000};
};

// An object with Lemmy's stamp, whether a deploy knows of it or not.
struct Owned {
  std::string_view kind;  // "ReplicationController", "Deployment", "HorizontalPodAutoscaler", "Pod"
  std::string ns, name, uid;
  Owner owner;  // as its labels say
  Time created{};
  bool deleting = false;
  int wanted = 0, ready = 0;  // of a controller: spec.replicas and what is ready; a pod counts 1
};

class Cluster {
 public:
  // changed(target): something of the target is different; also called for every target when reachability
  // changes, and then with an empty one. namespaces: those that are watched, each by watches of its own, so
  // that a role in each is enough; empty: all, together. Objects always count only in the namespace that
  // their label `environment` names.
  Cluster(std::string name, asio::any_io_executor loop, std::shared_ptr<Client> client,
          std::function<void(const Target&)> changed, WatchTimes times = {},
          std::set<std::string> namespaces = {});
  ~Cluster();
  // Before start(): it is live only while it is the cluster that is known by this name, and calls of client()
  // fail meanwhile (unavailable). Asked at the start, each 10 s, and when a connection ended.
  void recognise_by(Recognise recognise);
  // The uid of another cluster that answers in its place; empty: none does.
  const std::string& stranger_uid() const { return stranger_uid_; }
  void look_at_identity();  // now, while it is not known or another one
  void start();
  Task<> stop();  // the watches end, and no connection is kept; calls still work
  void forget();  // after stop(): the picture, and with it the memory, is given up; calls still work
  // From now on with this access: a kubeconfig was written anew. Watches begin again; the picture stays, and
  // is read anew if it may be another cluster. What is the same already changes nothing. Errors: invalid.
  Result<> use(ClusterAccess access);

  // Namespaces that are deployed to: what our account may do there is looked at.
  void deployed_to(std::set<std::string> namespaces);
  // What it lacks, a line each for people (kube/rights.h); empty also while that is not known.
  const std::vector<std::string>& missing_rights() const { return missing_rights_; }

  // Also this kind from now on, which is watched only where it is in use: accounts of before need no more
  // rights. Replication controllers always are.
  void follow(Workload workload);

  const std::string& name() const { return name_; }
  Client& client() { return *client_; }
  // Of one namespace, or (empty) of all that are watched; and of deploys of that kind.
  // All lists were seen: absence now means absence.
  bool synced(std::string_view ns = {}, Workload of = Workload::replication_controller) const;
  // Why the picture may be old; nullopt: it is live. not_found: nobody watches that namespace.
  std::optional<Error> trouble(std::string_view ns = {},
                               Workload of = Workload::replication_controller) const;
  // Of the namespaces that are watched by themselves, those that cannot be seen; of one watch for all "" or
  // none.
  std::vector<std::string> unseen() const;
  bool any_seen() const { return unseen().size() < scopes_.size(); }
  // Absence in the picture is absence in the cluster.
  bool is_live(std::string_view ns = {}, Workload of = Workload::replication_controller) const {
    return synced(ns, of) && !trouble(ns, of);
  }

  // Pointers are good until the next co_await. By name.
  // What the labels say, whoever made them: for what is shown of a deploy that has no controller.
  std::vector<const Pod*> pods(const Owner& owner) const;
  // Of these, those that this controller (by uid), or a ReplicaSet of its, made: what counts for a deploy. Of
  // none (empty): those that are nobody's, or a ReplicaSet's that is.
  std::vector<const Pod*> pods(const Owner& owner, std::string_view controller_uid) const;
  int ready_pods(const Owner& owner) const;  // that are not being deleted
  // The same pods asked for now and not taken from the picture: before a verdict that cannot be taken back.
  // Errors: those of Client; timeout after 15 s in all.
  Task<Result<std::vector<Pod>>> list_pods(Owner owner, std::string controller_uid);
  // The ReplicaSets that this Deployment made, or (empty) that are nobody's, asked for now; without
  // Deployments here: none.
  Task<Result<std::vector<Meta>>> list_sets(Owner owner, std::string controller_uid);
  // All with Lemmy's stamp of the target that a label selector chooses besides ("!lemmy/answers").
  Task<Result<std::vector<Pod>>> list_pods(Target target, std::string selector);
  std::vector<EventGroup> events_about(const std::string& object_name, const std::string& ns) const;
  const Controller* controller(const Owner& owner) const;
  const Autoscaler* autoscaler(const Owner& owner) const;
  const Controller* controller(Workload workload, std::string_view ns, std::string_view name) const;
  const Autoscaler* autoscaler(std::string_view ns, std::string_view name) const;
  std::set<Target> targets() const;
  // Of the target's Services: the pods that get requests now, by name, each once. nullopt: that is not known;
  // the rest of the picture may be live all the same.
  std::optional<std::vector<const Pod*>> answering(const Target& target) const;
  std::vector<const Controller*> controllers(const Target& target) const;  // by deploy
  // The highest number of a deploy whose label any object has; 0: none. Whoever made it: a number in use is
  // not given again.
  int64_t highest_number(const Target& target) const;
  // Controllers and autoscalers with Lemmy's stamp, and pods with it that no controller of the picture made.
  std::vector<Owned> owned() const;
  size_t pod_count() const { return pods_.size(); }
  uint64_t relists() const;

 private:
  struct Page {
    PageHead head;
    std::function<void()> put;  // on the loop
  };
  enum class Of { pods, controllers, sets, autoscalers, endpoints, events };
  // One list and watch.
  struct Feed {
    Of of{};
    std::string ns;                // empty: all
    std::string label;             // the resource
    std::optional<Workload> only;  // needed by deploys of this kind alone
    std::unique_ptr<WatchProtocol> protocol;
    std::function<Result<Page>(const std::string& body)> read;  // on a pool thread; looks at nothing of ours
    std::optional<Error> trouble;
    net::ClientStream* open = nullptr;
    uint64_t streams = 0;  // opened so far
    uint64_t asked = 0;    // answers to questions of before are not taken
  };
  Feed& add(Of of, const std::string& ns, std::string label);
  void begin(Workload workload, const std::string& ns);
  Kept<Controller>& kept(Workload w) { return controllers_[static_cast<size_t>(w)]; }
  const Kept<Controller>& kept(Workload w) const { return controllers_[static_cast<size_t>(w)]; }
  // The uids that are the controller of pods which this controller makes.
  std::set<Text> makers(const Owner& owner, std::string_view controller_uid) const;
  Task<Result<std::vector<Meta>>> list_chosen_sets(Owner owner, std::string controller_uid);
  template <class T>
  void watch(Feed& feed, Kept<T>& kept, const std::string& api, const char* query,
             T (*parse)(const json::object&));
  void watch_events(Feed& feed);
  void begin(Feed& feed, const std::string& path, const std::string& query, WatchProtocol::Sink sink);
  Task<> follow(Feed* feed);
  Task<> list_once(Feed* feed, std::string target);
  Task<> watch_once(Feed* feed, std::string target);
  Task<> follow_identity();
  Task<> identify(uint64_t asked);
  void identified();
  void unidentified(Error why);
  void hold(Error why);  // nothing is asked, and the picture is read anew after it
  // It may be another cluster from now on; with an error: nothing is asked until that is known.
  void doubt(std::optional<Error> hold);
  Task<> follow_rights();
  Task<Result<std::vector<std::string>>> find_missing_rights();
  Task<> probe();
  Task<> probe(Feed* feed);
  Task<Result<std::vector<Pod>>> list_chosen_pods(Target target, std::string selector);
  void set_trouble(Feed* feed, std::optional<Error> error);
  void tell_if_live(const std::string& ns);  // of what feeds of that namespace, or (empty) any, see
  void again(Feed& feed, bool from_the_list);
  // Without events, which only explain, and endpoints, which only tell, the picture is live.
  static bool is_needed(const Feed& feed, Workload by = Workload::replication_controller) {
    return feed.of != Of::events && feed.of != Of::endpoints && (!feed.only || feed.only == by);
  }
  static bool is_of(const Feed& feed, std::string_view ns) {
    return ns.empty() || feed.ns.empty() || feed.ns == ns;
  }
  bool watches(std::string_view ns) const {
    return namespaces_.empty() || namespaces_.contains(std::string(ns));
  }

  template <class T>
  void put(Kept<T>& kept, T object);
  template <class T>
  void drop(Kept<T>& kept, const Key& key);
  void put_event(const Event& event);
  bool keep_event(const Event& event, bool remove);
  void adopt_events(const Key& key);
  void trim_events();

  std::string name_;
  std::shared_ptr<Client> client_;
  std::function<void(const Target&)> changed_;
  WatchTimes times_;
  Group group_;
  Signal wake_;                  // waits of back-offs are over
  std::optional<Error> silent_;  // it does not answer, whatever the watches say
  Recognise recognise_;
  std::string uid_;  // that was recognised; empty: none was, or it cannot be told
  std::string stranger_uid_;
  std::optional<Error> stranger_;            // it is another cluster, or which it is is not known yet
  bool identified_ = true, hidden_ = false;  // hidden: we may not look
  uint64_t identity_asked_ = 0;
  Signal look_at_identity_, known_;
  bool troubled_ = true;
  std::map<std::pair<std::string, Workload>, bool> told_live_;  // by namespace
  Signal look_at_rights_;
  uint64_t rights_asked_ = 0;  // what changes while they are looked at is looked at again
  std::set<std::string> deployed_to_;
  std::vector<std::string> missing_rights_;
  const std::set<std::string> namespaces_;
  const std::set<std::string> scopes_;  // of watches: the namespaces, or (empty) all together
  Kept<Pod> pods_;
  std::array<Kept<Controller>, kWorkloads> controllers_;
  Kept<Controller> sets_;  // ReplicaSets of Deployments
  std::set<Workload> followed_{Workload::replication_controller};
  bool started_ = false;
  Kept<Autoscaler> autoscalers_;
  Kept<EndpointSlice> endpoints_;
  std::vector<std::unique_ptr<Feed>> feeds_;
  size_t events_ = 0;           // at most so many
  std::deque<Event> homeless_;  // came before the object that they are about
};

}  // namespace lemmy::kube
