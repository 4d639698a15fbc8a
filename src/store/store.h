#pragma once
// Where accepted work is kept: builds, deploys with their history and documents, instances that asked for
// their build, and the ledger of hook calls. Domain-level: no SQL, no keys, no driver here. A write that
// returned is on disk; a write that failed with unavailable or timeout may or may not have happened, and
// every write may be repeated without doing anything twice. Loop thread only; implementations do their I/O
// elsewhere and come back. calls.inc has the calls, and conformance.h holds for every backend.
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
#include "store/call_list.h"
#include "store/entries.h"

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
  bool duplicate = false;           // a delivery with this hook and id was there before: nothing was written
  Delivery delivery;                // with its seq; of a duplicate: the one recorded first
  std::optional<Build> build = {};  // as it is kept now; none: none was given, or it is there no more
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
  std::string
      kind;  // "builds", "deliveries", "deploys", "events", "documents", "instances", "entries", "feed"
  int64_t count = 0, bytes = -1;
  bool operator==(const Size&) const = default;
};

// One thing that is kept, as every backend tells it, so that copies can be compared: for `lemmy store` and
// for archives. `key` is unique within its kind; `body` is JSON.
enum class RecordKind { build, delivery, target, deploy, event, document, instance, entry, feed };
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

#define CALL(gives, name, ...) virtual Task<Result<gives>> name(LEMMY_EACH(LEMMY_DECLARED, __VA_ARGS__)) = 0;
#include "store/calls.inc"
#undef CALL
  Task<Result<Deploy>> update_deploy(Deploy deploy, std::vector<DeployEvent> events) {
    return update_deploy(std::move(deploy), std::move(events), {});
  }

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
