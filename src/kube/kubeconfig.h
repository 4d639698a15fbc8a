#pragma once
// How to reach one cluster: kubeconfig files (client-go's format, v1) and in-cluster service accounts, read
// as kubectl reads them. What kubectl refuses is refused, and what Lemmy cannot do: nothing is left out in
// silence. https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "kube/exec_plugin.h"
#include "net/client.h"

namespace lemmy::kube {

// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation
struct Impersonation {
  std::string user;  // empty: nobody is impersonated
  std::string uid;
  std::vector<std::string> groups;
  std::map<std::string, std::vector<std::string>> extra;
  bool operator==(const Impersonation&) const = default;
};

struct ClusterAccess {
  std::string server;  // https://host:port
  net::TlsOptions tls;
  std::optional<net::Proxy> proxy;  // of the file, or of the process's environment
  std::string default_namespace = "default";
  std::string token;               // bearer; never logged
  std::string token_file;          // read again each minute: service-account tokens rotate
  std::string username, password;  // basic
  Impersonation as;
  std::optional<ExecPlugin> exec;
  std::vector<std::string> unknown;  // keys that nobody knows, as "clusters[name].key": typos, most likely
  // What was read from files is in here: a kubeconfig that was written anew is another access.
  bool operator==(const ClusterAccess&) const = default;
};

// Reads the files, merged as kubectl merges those of KUBECONFIG: the first that says something wins, and of
// those that are not there at least one must be. Of the outcome `context` (empty: current-context), and the
// files it names, relative to that which names them. Blocks. Certificate checks stay on unless
// insecure-skip-tls-verify says otherwise. environment: where HTTPS_PROXY and its like are looked up. Errors:
// not_found, invalid; they name file and entry.
Result<ClusterAccess> load_kubeconfig(const std::vector<std::string>& files, const std::string& context,
                                      const net::Environment& environment = net::from_process);
// KUBECONFIG's list of files.
std::vector<std::string> kubeconfig_list(std::string_view text);
// The mounted service account, from KUBERNETES_SERVICE_HOST and
// /var/run/secrets/kubernetes.io/serviceaccount.
Result<ClusterAccess> in_cluster(
    const std::string& directory = "/var/run/secrets/kubernetes.io/serviceaccount");

}  // namespace lemmy::kube
