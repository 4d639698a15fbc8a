#include "kube/exec_plugin.h"

#include <fmt/format.h>

#include "async/subprocess.h"
#include "base/strings.h"

namespace lemmy::kube {

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

Task<Result<ExecCredential>> run_exec_plugin(Pool* pool, ExecPlugin plugin) {
  auto environment = plugin.environment;
  json::object spec{{"interactive", false}};
  if (plugin.cluster.is_object()) spec["cluster"] = plugin.cluster;
  environment["KUBERNETES_EXEC_INFO"] = json::serialize(json::object{
      {"apiVersion", plugin.api_version}, {"kind", "ExecCredential"}, {"spec", std::move(spec)}});
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
