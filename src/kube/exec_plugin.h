#pragma once
// client-go credential plugins:
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "async/pool.h"
#include "base/json.h"
#include "base/time.h"

namespace lemmy::kube {

// client.authentication.k8s.io/v1 or v1beta1. It is never given a terminal.
struct ExecPlugin {
  std::string api_version;
  std::vector<std::string> argv;
  std::map<std::string, std::string> environment;
  std::string install_hint;
  json::value cluster = nullptr;  // spec.cluster of what it is told; null: the kubeconfig does not provide it
  bool operator==(const ExecPlugin&) const = default;
};

// What a credential plugin printed: an ExecCredential.
struct ExecCredential {
  std::string token;
  std::string certificate_pem, key_pem;
  std::optional<Time> expires;
};
Result<ExecCredential> parse_exec_credential(const std::string& text, const ExecPlugin& plugin);
// Runs it, at most 60 s; `pool` starts it.
Task<Result<ExecCredential>> run_exec_plugin(Pool* pool, ExecPlugin plugin);

}  // namespace lemmy::kube
