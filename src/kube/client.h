#pragma once
// A small Kubernetes API client for one cluster. Loop thread only; files are read on the pool.
#include <memory>
#include <optional>

#include "async/task.h"
#include "base/json.h"
#include "kube/credentials.h"
#include "kube/kubeconfig.h"
#include "net/client.h"

namespace lemmy::kube {

// One object as Lemmy addresses it.
struct Ref {
  std::string api;       // "/api/v1" or "/apis/autoscaling/v2"
  std::string resource;  // "replicationcontrollers"
  std::string ns, name;

  std::string path() const;
  std::string str() const;  // for people: "replicationcontrollers hello-1 in staging"
};
Ref ref_to(const json::object&
               manifest);  // by kind: ReplicationController, HorizontalPodAutoscaler, Service, ConfigMap

class Client {
 public:
  // resolver: null for one of its own.
  static Result<std::shared_ptr<Client>> create(asio::any_io_executor loop, Pool& pool, ClusterAccess access,
                                                std::shared_ptr<net::Resolver> resolver = nullptr);
  ~Client();
  // Requests from now on go there, with credentials of their own. Errors: invalid; then nothing has changed.
  Result<> use(ClusterAccess access);
  // Keeps no connection, and runs no credential plugin, from now on. Calls still work with what is there.
  void close();

  // Server-side apply, fieldManager lemmy, force: Lemmy owns what it names. dry_run: the server checks
  // everything and keeps nothing. https://kubernetes.io/docs/reference/using-api/server-side-apply/
  Task<Result<json::object>> apply(json::object manifest, bool dry_run);
  // A dry run's answer, and what the server warns of beside it (kube/warnings.h), also when it refuses.
  struct Tried {
    Result<json::object> answer;
    std::vector<std::string> warnings;
  };
  Task<Tried> try_apply(json::object manifest);
  // What admission, quota and defaults would make of a new object. collection: without a name. forbidden:
  // also when Lemmy may not create such objects (may_not).
  Task<Tried> try_create(Ref collection, json::object object);
  Task<Result<std::optional<json::object>>> get(Ref ref);  // nullopt: there is none
  // Background propagation: the garbage collector removes what it owns. Gone already is success.
  Task<Result<>> remove(Ref ref);
  // The same, while it is the very object in the very state. conflict: it is another one, or was changed.
  Task<Result<>> remove_as_seen(Ref ref, std::string uid, std::string version);
  // JSON merge patch (RFC 7386), fieldManager lemmy. not_found: there is no such object.
  Task<Result<json::object>> patch(Ref ref, json::object changes);
  // Sets the count by the scale subresource.
  Task<Result<>> scale(Ref ref, int replicas);
  // The last `lines` of a container's log, and of these the last 64 KiB, whole lines; 0: its beginning, at
  // most 16 KiB. Which container: the caller says; Pod::default_container is what kubectl takes.
  Task<Result<std::string>> log(std::string ns, std::string pod, std::string container, bool previous,
                                int lines);
  // metadata.resourceVersion of a Secret; empty: there is none. Its data is not sent (PartialObjectMetadata).
  Task<Result<std::string>> secret_version(std::string ns, std::string name);
  // Asks the cluster about ourselves: kind "SelfSubjectAccessReview" or "SelfSubjectRulesReview"; its status.
  // https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
  Task<Result<json::object>> review(std::string kind, json::object spec);
  Task<Result<std::string>> version();  // "v1.34.4": is it there, and are we let in?
  // Which cluster it is (kube/identity.h), also while it is held; nullopt: we may not look, or it has none.
  Task<Result<std::optional<std::string>>> cluster_uid(milliseconds limit);
  // From now on every other call fails with this, and nothing is sent; nullopt: all are let through again.
  // What was sent before goes on.
  void hold(std::optional<Error> why) { held_ = std::move(why); }

  // For watches: raw answers. A 401 is tried once more with fresh credentials, when there are any. `limit` is
  // for all, credentials included.
  Task<Result<net::ClientResponse>> send(net::ClientRequest request, milliseconds limit,
                                         size_t most_bytes = 64u << 20);
  Task<Result<std::unique_ptr<net::ClientStream>>> open(net::ClientRequest request, milliseconds limit);
  const std::string& server() const { return access_.server; }
  const ClusterAccess& access() const { return access_; }
  Pool& pool() { return pool_; }  // for what takes long

 private:
  // A request that may go out now, and with whose credentials.
  struct Ready {
    std::shared_ptr<net::Client> http;
    std::shared_ptr<Credentials> credentials;
    uint64_t grant = 0;
    net::ClientRequest request;
  };
  Client(asio::any_io_executor loop, Pool& pool, std::shared_ptr<net::Resolver> resolver)
      : loop_(loop), pool_(pool), resolver_(std::move(resolver)) {}
  Task<Result<net::ClientResponse>> send_all_the_same(net::ClientRequest request, milliseconds limit,
                                                      size_t most_bytes);
  Task<Result<Ready>> authorise(net::ClientRequest request, milliseconds limit);
  Result<std::shared_ptr<net::Client>> http_for(const Grant& grant);
  Task<Tried> answer(net::ClientRequest request, std::string about, std::string accept);
  Task<Result<json::object>> call(net::ClientRequest request, std::string about,
                                  std::string accept = "application/json");

  asio::any_io_executor loop_;
  Pool& pool_;
  std::shared_ptr<net::Resolver> resolver_;
  ClusterAccess access_;
  std::shared_ptr<Credentials> credentials_;
  std::shared_ptr<net::Client> http_;
  std::string certificate_;  // of a plugin, that http_ shows
  bool closed_ = false;
  std::optional<Error> held_;
};

// The end of it, at most `most` bytes, from the beginning of a line.
std::string_view last_lines(std::string_view text, size_t most);

// Whether it is Lemmy's account that lacks the right, and not the object that admission refuses.
bool may_not(const Error& error);

// What an API server's Status object means: code, message, and what to do. A field that the schema refuses is
// the place (".spec.replicas"), and the object stands in the message.
Error api_error(int http_status, std::string_view body, const std::string& where);

}  // namespace lemmy::kube
