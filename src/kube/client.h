#pragma once
// A small Kubernetes API client for one cluster. Loop thread only; files and plug-ins are read on the pool.
#include <memory>
#include <optional>

#include "async/task.h"
#include "base/json.h"
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
  static Result<std::shared_ptr<Client>> create(asio::any_io_executor loop, Pool& pool, ClusterAccess access);

  // Server-side apply, fieldManager lemmy, force: Lemmy owns what it names. dry_run: the server checks
  // everything and keeps nothing. https://kubernetes.io/docs/reference/using-api/server-side-apply/
  Task<Result<json::object>> apply(json::object manifest, bool dry_run);
  Task<Result<std::optional<json::object>>> get(Ref ref);  // nullopt: there is none
  // Background propagation: the garbage collector removes what it owns. Gone already is success.
  Task<Result<>> remove(Ref ref);
  // Sets the count by the scale subresource.
  Task<Result<>> scale(Ref ref, int replicas);
  // The last `lines` of a container's log, at most 64 KiB; 0: its beginning, at most 16 KiB.
  Task<Result<std::string>> log(std::string ns, std::string pod, std::string container, bool previous,
                                int lines);
  // metadata.resourceVersion of a Secret; empty: there is none. Nothing else of it is looked at.
  Task<Result<std::string>> secret_version(std::string ns, std::string name);
  Task<Result<std::string>> version();  // "v1.34.4": is it there, and are we let in?

  // For watches: the raw streams.
  Task<Result<net::ClientResponse>> send(net::ClientRequest request, milliseconds limit);
  Task<Result<std::unique_ptr<net::ClientStream>>> open(net::ClientRequest request, milliseconds limit);
  const std::string& server() const { return access_.server; }

 private:
  Client(asio::any_io_executor loop, Pool& pool, ClusterAccess access)
      : loop_(loop), pool_(pool), access_(std::move(access)) {}
  Task<Result<>> authorise(net::ClientRequest* request);
  Task<Result<json::object>> call(net::ClientRequest request, std::string about);

  asio::any_io_executor loop_;
  Pool& pool_;
  ClusterAccess access_;
  std::shared_ptr<net::Client> http_;
  std::string bearer_;
  Time bearer_until_{};
};

// What an API server's Status object means: code, message, and what to do.
Error api_error(int http_status, std::string_view body, const std::string& where);

}  // namespace lemmy::kube
