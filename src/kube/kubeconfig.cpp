#include "kube/kubeconfig.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <cstdlib>
#include <filesystem>

#include "async/subprocess.h"
#include "base/files.h"
#include "base/json.h"
#include "base/strings.h"

namespace lemmy::kube {
namespace {

namespace fs = std::filesystem;

std::string text(const YAML::Node& node, const char* key) {
  YAML::Node v = node ? node[key] : YAML::Node();
  return v && v.IsScalar() ? v.Scalar() : "";
}

// The entry of a named list, such as clusters[name=x].cluster
std::optional<YAML::Node> entry(const YAML::Node& root, const char* list, const char* kind,
                                const std::string& name) {
  for (const YAML::Node& item : root[list])
    if (text(item, "name") == name && item[kind]) return item[kind];
  return std::nullopt;
}

// PEM from <key>-data (base64) or the file that <key> names.
Result<std::string> pem(const YAML::Node& node, const std::string& key, const fs::path& base) {
  if (std::string data = text(node, (key + "-data").c_str()); !data.empty()) {
    auto raw = from_base64(trim(data));
    if (!raw) return fail(ErrorCode::invalid, base.string(), key + "-data is not base64");
    return *raw;
  }
  std::string file = text(node, key.c_str());
  if (file.empty()) return std::string();
  return read_file(base.parent_path() / file, 1 << 20);
}

Result<ExecPlugin> exec_plugin(const YAML::Node& node, const fs::path& base) {
  ExecPlugin p;
  p.api_version = text(node, "apiVersion");
  p.install_hint = text(node, "installHint");
  std::string command = text(node, "command");
  if (command.empty()) return fail(ErrorCode::invalid, base.string(), "exec has no command");
  // client-go: a command with a slash is relative to the kubeconfig, others come from PATH.
  if (command.find('/') != command.npos) command = (base.parent_path() / command).string();
  p.argv.push_back(command);
  if (node["args"])
    for (const YAML::Node& a : node["args"]) p.argv.push_back(a.as<std::string>());
  if (node["env"])
    for (const YAML::Node& e : node["env"]) p.environment[text(e, "name")] = text(e, "value");
  return p;
}

Result<ClusterAccess> read(const YAML::Node& root, const std::string& path, std::string context_name) {
  auto bad = [&](std::string what, std::string hint = "") {
    return fail(ErrorCode::invalid, path, std::move(what), std::move(hint));
  };
  if (!root.IsMap()) return bad("this is not a kubeconfig");
  if (context_name.empty()) context_name = text(root, "current-context");
  if (context_name.empty()) return bad("no context is chosen", "name one, or set current-context");
  auto context = entry(root, "contexts", "context", context_name);
  if (!context)
    return bad(fmt::format("there is no context '{}'", context_name), "kubectl config get-contexts");
  auto cluster = entry(root, "clusters", "cluster", text(*context, "cluster"));
  if (!cluster) return bad(fmt::format("there is no cluster '{}'", text(*context, "cluster")));

  ClusterAccess a;
  a.server = text(*cluster, "server");
  if (a.server.empty()) return bad("the cluster has no server");
  if (std::string ns = text(*context, "namespace"); !ns.empty()) a.default_namespace = ns;
  a.tls.server_name = text(*cluster, "tls-server-name");
  a.tls.insecure_skip_verify = text(*cluster, "insecure-skip-tls-verify") == "true";
  auto ca = pem(*cluster, "certificate-authority", path);
  if (!ca) return fail(ca.error());
  a.tls.ca_pem = *ca;

  std::string user_name = text(*context, "user");
  if (user_name.empty()) return a;
  auto user = entry(root, "users", "user", user_name);
  if (!user) return bad(fmt::format("there is no user '{}'", user_name));
  auto certificate = pem(*user, "client-certificate", path);
  if (!certificate) return fail(certificate.error());
  auto key = pem(*user, "client-key", path);
  if (!key) return fail(key.error());
  a.tls.client_certificate_pem = *certificate;
  a.tls.client_key_pem = *key;
  a.token = text(*user, "token");
  if (std::string file = text(*user, "tokenFile"); !file.empty())
    a.token_file = (fs::path(path).parent_path() / file).string();
  a.username = text(*user, "username");
  a.password = text(*user, "password");
  if ((*user)["auth-provider"])
    return bad("auth-provider is not supported (Kubernetes removed it)", "use an exec credential plugin");
  if ((*user)["exec"]) {
    auto plugin = exec_plugin((*user)["exec"], path);
    if (!plugin) return fail(plugin.error());
    a.exec = *plugin;
  }
  return a;
}

}  // namespace

Result<ClusterAccess> load_kubeconfig(const std::string& path, const std::string& context) {
  auto content = read_input(path, 4 << 20);
  if (!content) {
    Error e = content.error();
    if (e.code == ErrorCode::not_found) e.hint = "name a kubeconfig in clusters.yaml or by --kubeconfig";
    return fail(e);
  }
  try {
    return read(YAML::Load(*content), path, context);
  } catch (const YAML::Exception& e) {
    return fail(ErrorCode::invalid, fmt::format("{}:{}", path, e.mark.line + 1), e.msg);
  }
}

Result<ClusterAccess> in_cluster(const std::string& directory) {
  const char* host = std::getenv("KUBERNETES_SERVICE_HOST");
  const char* port = std::getenv("KUBERNETES_SERVICE_PORT");
  if (!host || !port)
    return fail(ErrorCode::unavailable, "in-cluster configuration", "this process does not run in a pod",
                "name a kubeconfig instead of in_cluster");
  auto ca = read_file(directory + "/ca.crt", 1 << 20);
  if (!ca) return fail(ca.error());
  ClusterAccess a;
  std::string h = host;
  a.server = fmt::format("https://{}:{}", h.find(':') == h.npos ? h : "[" + h + "]", port);
  a.tls.ca_pem = *ca;
  a.token_file = directory + "/token";
  if (auto ns = read_file(directory + "/namespace", 256)) a.default_namespace = std::string(trim(*ns));
  return a;
}

Result<ExecCredential> parse_exec_credential(const std::string& text, const ExecPlugin& plugin) {
  auto v = parse_json(text, plugin.argv[0]);
  if (!v) return fail(v.error());
  const json::value* status = find(*v, {"status"});
  if (!v->is_object() || text_or(v->get_object(), "kind") != "ExecCredential" || !status ||
      !status->is_object())
    return fail(ErrorCode::invalid, plugin.argv[0],
                "the credential plugin did not print an ExecCredential with a status");
  if (auto version = text_or(v->get_object(), "apiVersion"); version != plugin.api_version)
    return fail(ErrorCode::invalid, plugin.argv[0],
                fmt::format("the credential plugin speaks '{}', the kubeconfig asks for '{}'", version,
                            plugin.api_version));
  const json::object& s = status->get_object();
  ExecCredential c{std::string(text_or(s, "token")), std::string(text_or(s, "clientCertificateData")),
                   std::string(text_or(s, "clientKeyData")), parse_time(text_or(s, "expirationTimestamp"))};
  if (c.token.empty() && c.certificate_pem.empty())
    return fail(ErrorCode::invalid, plugin.argv[0],
                "the credential plugin gave neither token nor certificate");
  return c;
}

Task<Result<ExecCredential>> run_exec_plugin(Pool* pool, ExecPlugin plugin, std::string server) {
  auto environment = plugin.environment;
  environment["KUBERNETES_EXEC_INFO"] =
      json::serialize(json::object{{"apiVersion", plugin.api_version},
                                   {"kind", "ExecCredential"},
                                   {"spec", {{"interactive", false}, {"cluster", {{"server", server}}}}}});
  auto ran = co_await run_program(pool, {plugin.argv, std::move(environment), "", seconds{60}});
  if (!ran) {
    Error e = ran.error();
    if (e.code == ErrorCode::not_found && !plugin.install_hint.empty()) e.hint = plugin.install_hint;
    co_return fail(e);
  }
  if (ran->exit_code != 0)
    co_return fail(ErrorCode::unauthorized, plugin.argv[0],
                   fmt::format("the credential plugin ended with exit code {}", ran->exit_code),
                   "run it by hand to see why", shorten(valid_utf8(ran->err), 2000));
  co_return parse_exec_credential(ran->out, plugin);
}

}  // namespace lemmy::kube
