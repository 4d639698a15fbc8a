#pragma once
// Where accepted work is kept: builds, deploys with their history and documents, instances that asked for
// their build, and the ledger of hook calls. Domain-level: no SQL, no keys, no driver here. A write that
// returned is on disk; a write that failed with unavailable or timeout may or may not have happened, and
// every write may be repeated without doing anything twice. Loop thread only; implementations do their I/O
// elsewhere and come back. conformance.h holds for every backend.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/task.h"
#include "domain/build.h"
#include "domain/delivery.h"
#include "domain/deploy.h"
#include "domain/instance.h"

namespace lemmy::store {

struct Page {
  int limit = 50;     // 1 to 1000
  std::string after;  // cursor of the last item of the page before; empty: from the newest
};

template <class T>
struct Listing {
  std::vector<T> items;  // newest first unless said otherwise
  std::string next;      // cursor for the next page; empty: that was all
};

struct Accepted {
  bool duplicate = false;  // a delivery with this hook and id was there before: nothing was written
  Delivery delivery;       // with its seq; of a duplicate: the one recorded first
};

// Who may act, of several servers on one store. A lease does not run out by a clock of the store: a server
// that has watched it unchanged for its time takes it over, with token + 1.
struct Lease {
  std::string name;
  std::string holder;    // empty: nobody has it
  int64_t token = 0;     // grows with each new holder
  int64_t revision = 0;  // grows with each write
  bool operator==(const Lease&) const = default;
};
// A write with a fence happens only while the lease has this token: one who lost it cannot write any more.
// An empty name: no fence. Errors: forbidden.
struct Fence {
  std::string lease;
  int64_t token = 0;
};

// What another server wrote: a build of the project, or something of one target when there is an environment.
// Both empty: much may have changed (nobody listened for a while): look at everything.
struct Change {
  std::string project, environment;
  bool operator==(const Change&) const = default;
};

// What the store holds of one kind, as it is kept (compressed). bytes: -1 when the backend cannot tell.
struct Size {
  std::string kind;  // "builds", "deliveries", "deploys", "events", "documents", "instances"
  int64_t count = 0, bytes = -1;
  bool operator==(const Size&) const = default;
};

// One thing that is kept, as every backend tells it, so that copies can be compared: for `lemmy store` and
// for archives. `key` is unique within its kind; `body` is JSON.
enum class RecordKind { build, delivery, target, deploy, event, document, instance };
struct Record {
  RecordKind kind = RecordKind::build;
  std::string key, body;
  bool operator==(const Record&) const = default;
};

// Whether other servers may use the store too, and whether on_change tells of what they write.
enum class Sharing { single, told, polled };

class Store {
 public:
  virtual ~Store() = default;
  virtual Sharing sharing() const { return Sharing::single; }

  // --- builds and the ledger
  // One transaction: the ledger entry and, when given, the build (upsert by project and sha: later fields
  // that are empty keep what was known; first_pushed_at stays).
  virtual Task<Result<Accepted>> accept(Delivery delivery, std::optional<Build> build) = 0;
  virtual Task<Result<Listing<Build>>> builds(std::string project, Page page) = 0;  // by pushed_at
  // By the full sha or a prefix of at least 7; conflict when a prefix fits several, not_found when none.
  virtual Task<Result<Build>> build(std::string project, std::string sha) = 0;
  virtual Task<Result<std::vector<std::string>>> projects_with_builds() = 0;  // sorted
  virtual Task<Result<Listing<Delivery>>> deliveries(Page page) = 0;
  // The other end of the ledger, oldest first; at most `limit` (1 to 1000).
  virtual Task<Result<std::vector<Delivery>>> oldest_deliveries(int limit) = 0;

  // --- deploys
  // Gives the number (1 + the highest ever of the target) and revision 1, and writes `first` as its first
  // event. A request_id that the target already has gives that deploy back and writes nothing.
  virtual Task<Result<Deploy>> create_deploy(Deploy deploy, DeployEvent first) = 0;
  // Writes it when the stored revision equals deploy.revision, then revision + 1; else conflict. The events,
  // at most 20, get their seq in the same transaction. Returns what is stored now.
  virtual Task<Result<Deploy>> update_deploy(Deploy deploy, std::vector<DeployEvent> events, Fence fence) = 0;
  Task<Result<Deploy>> update_deploy(Deploy deploy, std::vector<DeployEvent> events) {
    return update_deploy(std::move(deploy), std::move(events), {});
  }
  virtual Task<Result<Deploy>> deploy(Target target, int64_t number) = 0;
  virtual Task<Result<Listing<Deploy>>> deploys(Target target, Page page) = 0;  // by number, highest first
  // Every deploy that is not finished, or wanted other than it is, or of presence running or zeroed: what a
  // starting server must look after. By target, then number.
  virtual Task<Result<std::vector<Deploy>>> unsettled_deploys() = 0;
  // The highest-numbered deploy of each target: the first page.
  virtual Task<Result<std::vector<Deploy>>> latest_deploys() = 0;
  virtual Task<Result<std::vector<DeployEvent>>> deploy_events(Target target, int64_t number,
                                                               int64_t after_seq,
                                                               int limit) = 0;  // oldest first

  // --- documents: big texts of a deploy, written once, compressed by the backend: "manifests", "final",
  // "environment", "origins", "hosts", "log", "failure". Writing the same name again replaces it. At most
  // 16 MiB.
  virtual Task<Result<>> put_document(Target target, int64_t number, std::string name, std::string text) = 0;
  virtual Task<Result<std::string>> document(Target target, int64_t number, std::string name) = 0;
  virtual Task<Result<std::vector<std::string>>> document_names(Target target, int64_t number) = 0;  // sorted

  // --- instances
  // One transaction: the ledger entry and, when the delivery is no duplicate, the call (with_call of
  // domain/instance.h). A delivery that is refused has no call.
  virtual Task<Result<Accepted>> accept_instance(Delivery delivery, std::optional<InstanceCall> call) = 0;
  // Writes the result half of instances that exist; those that do not are left out. One transaction.
  // At most 1000 at once.
  virtual Task<Result<>> record_instances(std::vector<Instance> instances, Fence fence) = 0;
  // By asked_at, newest first; of one project and of one environment, unless they are empty.
  virtual Task<Result<Listing<Instance>>> instances(std::string project, std::string environment,
                                                    Page page) = 0;
  virtual Task<Result<Instance>> instance(Target target, std::string id) = 0;
  // Those that pending(), run, or have a next_try: what a starting server must look after. By target, then
  // id.
  virtual Task<Result<std::vector<Instance>>> unsettled_instances() = 0;

  // --- leases
  virtual Task<Result<Lease>> lease(std::string name) = 0;  // never taken: holder "", token 0, revision 0
  // Writes it when the stored revision equals lease.revision, then revision + 1; else conflict. What is
  // stored now is returned.
  virtual Task<Result<Lease>> swap_lease(Lease lease) = 0;

  // --- retention: what a policy lets go (docs/stores.md); the caller archived it before
  // The deploy with its events and documents, when its stored revision equals this; else conflict. One that
  // is unsettled is refused with conflict; one that is not there is no error. Its number is never given
  // again. latest_deploys() does not fall back to the one before: the newest is best kept.
  virtual Task<Result<>> forget_deploy(Target target, int64_t number, int64_t revision, Fence fence) = 0;
  // At most 1000, by full sha; those that are not there are left out. How many went.
  virtual Task<Result<int>> forget_builds(std::string project, std::vector<std::string> shas,
                                          Fence fence) = 0;
  // Entries of the ledger that came before then, oldest first up to the first that came later, at most
  // `limit` (1 to 1000). How many went.
  virtual Task<Result<int>> forget_deliveries(Time before, int limit, Fence fence) = 0;
  // May take seconds on a big store; other calls go on meanwhile.
  virtual Task<Result<std::vector<Size>>> sizes() = 0;

  // --- records
  // Of one kind, in the order of the backend's keys; page.limit 1 to 1000. A page of 16 MiB ends early.
  virtual Task<Result<Listing<Record>>> dump(RecordKind kind, Page page) = 0;
  // Writes them as they are, over what is there with the same key, and numbers go on behind theirs. At most
  // 1000 and one page at once, and no other caller meanwhile. For an empty store and for what was archived:
  // nobody is told of it. An event's deploy comes before it. Errors: invalid, naming a record that is none.
  virtual Task<Result<>> load(std::vector<Record> records) = 0;

  // Cheap: can a write be taken now? For /readyz.
  virtual Task<Result<>> check() = 0;

  // Calls `told` on the loop after another server on this store wrote; own writes need not be told. Once,
  // after the store was opened. A backend that only one server can use tells nothing.
  virtual void on_change(std::function<void(Change)> told) { (void)told; }
};

// sqlite:PATH creates the file (mode 0600); postgres://USER@HOST:PORT/DATABASE makes its tables. Both migrate
// forward. datastore://PROJECT[/DATABASE][?namespace=NS] is Google Datastore. All refuse a newer schema, a
// place that cannot be written or reached, each with what to do. docs/stores.md, docs/stores-datastore.md.
Task<Result<std::unique_ptr<Store>>> open_store(asio::any_io_executor loop, std::string url);
Result<std::unique_ptr<Store>> open_sqlite(asio::any_io_executor loop, const std::string& path);

// The URL for logs and people: without its password.
std::string shown(const std::string& url);

}  // namespace lemmy::store
