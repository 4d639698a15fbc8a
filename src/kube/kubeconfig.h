#pragma once
// How to reach one cluster: kubeconfig files (client-go's format, v1) and in-cluster service accounts.
// https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "async/pool.h"
#include "base/error.h"
#include "base/time.h"
#include "net/client.h"

namespace lemmy::kube {

// A client-go credential plugin (client.authentication.k8s.io/v1 or v1beta1).
struct ExecPlugin {
  std::string api_version;
  std::vector<std::string> argv;
  std::map<std::string, std::string> environment;
  std::string install_hint;
  bool operator==(const ExecPlugin&) const = default;
};

struct ClusterAccess {
  std::string server;  // https://host:port
  net::TlsOptions tls;
  std::string default_namespace = "default";
  std::string token;               // bearer; never logged
  std::string token_file;          // read again each minute: service-account tokens rotate
  std::string username, password;  // basic
  std::optional<ExecPlugin> exec;
  // What was read from files is in here: a kubeconfig that was written anew is another access.
  bool operator==(const ClusterAccess&) const = default;
};

// Reads `path`, its `context` (empty: current-context), and the files it names, relative to it. Blocks.
// Certificate checks stay on unless the file says insecure-skip-tls-verify.
Result<ClusterAccess> load_kubeconfig(const std::string& path, const std::string& context);
// The mounted service account, from KUBERNETES_SERVICE_HOST and
// /var/run/secrets/kubernetes.io/serviceaccount.
Result<ClusterAccess> in_cluster(
    const std::string& directory = "/var/run/secrets/kubernetes.io/serviceaccount");

// What a credential plugin printed: an ExecCredential.
struct ExecCredential {
  std::string token;
  std::string certificate_pem, key_pem;
  std::optional<Time> expires;
};
Result<ExecCredential> parse_exec_credential(const std::string& text, const ExecPlugin& plugin);
// Runs it, at most 60 s; `pool` starts it. `server`: of the cluster, told to the plugin.
Task<Result<ExecCredential>> run_exec_plugin(Pool* pool, ExecPlugin plugin, std::string server);

}  // namespace lemmy::kube
