// kubeconfig_read: for each line of standard input (a JSON object of "files", "context") what a server makes
// of it, as JSON: {"access": ...} or {"error": ...}.
#include <iostream>

#include "base/json.h"
#include "kube/kubeconfig.h"

using namespace lemmy;

namespace {

json::value shown(const kube::ClusterAccess& a) {
  json::array groups, exec, environment;
  for (const std::string& g : a.as.groups) groups.emplace_back(g);
  if (a.exec) {
    for (const std::string& arg : a.exec->argv) exec.emplace_back(arg);
    for (const auto& [name, value] : a.exec->environment) environment.emplace_back(name + "=" + value);
  }
  return {{"server", a.server},
          {"namespace", a.default_namespace},
          {"server_name", a.tls.server_name},
          {"insecure", a.tls.insecure_skip_verify},
          {"ca", a.tls.ca_pem},
          {"proxy", a.proxy ? a.proxy->text : ""},
          {"certificate", a.tls.client_certificate_pem},
          {"key", a.tls.client_key_pem},
          {"token", a.token},
          {"token_file", a.token_file},
          {"username", a.username},
          {"password", a.password},
          {"as", a.as.user},
          {"as_uid", a.as.uid},
          {"as_groups", std::move(groups)},
          {"as_extra", json::value_from(a.as.extra)},
          {"exec", std::move(exec)},
          {"exec_env", std::move(environment)},
          {"provide_cluster_info", a.exec && a.exec->cluster.is_object()},
          {"exec_cluster", a.exec ? a.exec->cluster : json::value(nullptr)},
          {"unknown", json::value_from(a.unknown)}};
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    auto asked = parse_json(line, "standard input");
    if (!asked || !asked->is_object()) return 2;
    std::vector<std::string> files;
    for (const json::value& f : asked->get_object().at("files").as_array()) files.emplace_back(f.as_string());
    auto access = kube::load_kubeconfig(files, std::string(text_or(asked->get_object(), "context")));
    const json::object answer =
        access ? json::object{{"access", shown(*access)}} : json::object{{"error", access.error().str()}};
    std::cout << json::serialize(answer) << std::endl;
  }
  return 0;
}
