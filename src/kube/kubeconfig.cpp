#include "kube/kubeconfig.h"

#include <fmt/format.h>

#include <boost/url.hpp>
#include <cstdlib>
#include <filesystem>

#include "base/files.h"
#include "base/strings.h"
#include "kube/kubeconfig_file.h"

namespace lemmy::kube {
namespace {

namespace fs = std::filesystem;

#define TAKE(name, from)                              \
  auto name##_read = from;                            \
  if (!name##_read) return fail(name##_read.error()); \
  auto& name = *name##_read

// client-go: a path is relative to the file that has it.
std::string beside(const Entry& e, const std::string& file) {
  return (fs::path(e.file).parent_path() / file).lexically_normal().string();
}

// PEM from <key>-data (base64) or the file that <key> names. Both: kubectl refuses that for users, and warns
// for clusters; what is meant is not known.
Result<std::string> pem(const Entry& e, const std::string& key) {
  TAKE(data, e.text(key + "-data"));
  TAKE(file, e.text(key));
  if (!data.empty() && !file.empty())
    return e.bad(fmt::format("{0}-data and {0} are both given", key), "leave out one");
  if (!data.empty()) {
    auto raw = from_base64(trim(data));
    if (!raw) return e.bad(key + "-data is not base64");
    return *raw;
  }
  if (file.empty()) return std::string();
  auto content = read_file(beside(e, file), 1 << 20);
  if (!content) return e.bad(fmt::format("{}: {}", key, content.error().str()));
  return *content;
}

Result<> read_cluster(const Entry& e, ClusterAccess& a, const net::Environment& environment) {
  TAKE(server, e.text("server"));
  if (server.empty()) return e.bad("it has no server");
  a.server = server;
  TAKE(name, e.text("tls-server-name"));
  a.tls.server_name = name;
  TAKE(insecure, e.flag("insecure-skip-tls-verify"));
  a.tls.insecure_skip_verify = insecure;
  TAKE(ca, pem(e, "certificate-authority"));
  a.tls.ca_pem = ca;
  if (insecure && !ca.empty())
    return e.bad("insecure-skip-tls-verify and a certificate authority exclude each other", "leave out one");
  TAKE(compression, e.flag("disable-compression"));
  (void)compression;  // Lemmy asks for none
  TAKE(proxy, e.text("proxy-url"));
  std::string url = proxy;
  if (url.empty())
    if (auto to = boost::urls::parse_uri(server)) {
      const bool tls = to->scheme() == "https";
      const uint16_t port = to->port().empty() ? (tls ? 443 : 80) : to->port_number();
      url = net::proxy_of_environment(tls, to->host_address(), port, environment);
    }
  if (url.empty()) return {};
  auto parsed = net::parse_proxy(url);
  if (!parsed)
    return e.bad((proxy.empty() ? "the environment's proxy: " : "proxy-url: ") + parsed.error().what,
                 parsed.error().hint);
  a.proxy = *parsed;
  return {};
}

Result<Impersonation> impersonation(const Entry& e) {
  Impersonation as;
  TAKE(user, e.text("as"));
  TAKE(uid, e.text("as-uid"));
  as.user = user;
  as.uid = uid;
  if (auto groups = e.at("as-groups")) {
    if (!groups->IsSequence()) return e.bad("as-groups is not a list");
    for (const YAML::Node& g : *groups) {
      if (!g.IsScalar()) return e.bad("as-groups has what is not a text");
      as.groups.push_back(g.Scalar());
    }
  }
  if (auto extra = e.at("as-user-extra")) {
    if (!extra->IsMap()) return e.bad("as-user-extra is not a mapping");
    for (const auto& pair : *extra) {
      if (!pair.first.IsScalar() || !pair.second.IsSequence())
        return e.bad("as-user-extra has what is not a list of texts");
      for (const YAML::Node& v : pair.second) {
        if (!v.IsScalar()) return e.bad("as-user-extra has what is not a text");
        as.extra[pair.first.Scalar()].push_back(v.Scalar());
      }
    }
  }
  if (as.user.empty() && (!as.uid.empty() || !as.groups.empty() || !as.extra.empty()))
    return e.bad("as-uid, as-groups and as-user-extra need `as`");
  auto printable = [](const std::string& s) {
    for (unsigned char c : s)
      if (c < 0x20 || c == 0x7f) return false;
    return true;
  };
  bool fine = printable(as.user) && printable(as.uid);
  for (const std::string& g : as.groups) fine = fine && printable(g);
  for (const auto& [key, values] : as.extra)
    for (const std::string& v : values) fine = fine && printable(v);
  if (!fine) return e.bad("who is impersonated has control characters");
  return as;
}

// What a plugin is told of the cluster: client.authentication.k8s.io/v1, Cluster.
json::value told_of(const ClusterAccess& a, const Entry& cluster) {
  json::object o{{"server", a.server}};
  if (!a.tls.server_name.empty()) o["tls-server-name"] = a.tls.server_name;
  if (a.tls.insecure_skip_verify) o["insecure-skip-tls-verify"] = true;
  if (!a.tls.ca_pem.empty()) o["certificate-authority-data"] = to_base64(a.tls.ca_pem);
  if (auto proxy = cluster.at("proxy-url"); proxy && proxy->IsScalar() && !proxy->Scalar().empty())
    o["proxy-url"] = proxy->Scalar();
  auto extensions = cluster.at("extensions");
  if (!extensions || !extensions->IsSequence()) return o;
  for (const YAML::Node& x : *extensions)
    if (x.IsMap() && x["name"] && x["name"].IsScalar() &&
        x["name"].Scalar() == "client.authentication.k8s.io/exec" && x["extension"])
      o["config"] = as_json(x["extension"]);
  return o;
}

Result<ExecPlugin> exec_plugin(const Entry& user, const YAML::Node& node, const ClusterAccess& a,
                               const Entry& cluster) {
  if (!node.IsMap()) return user.bad("exec is not a mapping");
  const Entry e{node, user.file, user.title + ", exec"};
  ExecPlugin p;
  TAKE(version, e.text("apiVersion"));
  TAKE(hint, e.text("installHint"));
  TAKE(command, e.text("command"));
  TAKE(mode, e.text("interactiveMode"));
  TAKE(tells, e.flag("provideClusterInfo"));
  if (command.empty()) return e.bad("it has no command");
  const std::string group = "client.authentication.k8s.io/";
  if (version != group + "v1" && version != group + "v1beta1")
    return e.bad(fmt::format("its apiVersion is '{}'", shorten(valid_utf8(version), 60)),
                 group + "v1 or " + group + "v1beta1");
  if (mode != "Never" && mode != "IfAvailable" && mode != "Always" &&
      !(mode.empty() && version.ends_with("v1beta1")))
    return e.bad(mode.empty() ? "it has no interactiveMode" : "its interactiveMode is not known",
                 "Never, IfAvailable or Always");
  if (mode == "Always")
    return e.bad("it wants a terminal (interactiveMode: Always), and a server has none",
                 "use another plugin");
  p.api_version = version;
  p.install_hint = hint;
  // A command with a slash is relative to the kubeconfig, others come from PATH.
  p.argv.push_back(command.find('/') == command.npos ? command : beside(e, command));
  if (auto args = e.at("args")) {
    if (!args->IsSequence()) return e.bad("args is not a list");
    for (const YAML::Node& arg : *args) {
      if (!arg.IsScalar()) return e.bad("args has what is not a text");
      p.argv.push_back(arg.Scalar());
    }
  }
  if (auto env = e.at("env")) {
    if (!env->IsSequence()) return e.bad("env is not a list");
    for (const YAML::Node& v : *env) {
      const Entry one{v, e.file, e.title + ", env"};
      if (!v.IsMap()) return one.bad("it is not a mapping");
      TAKE(name, one.text("name"));
      TAKE(value, one.text("value"));
      if (name.empty()) return one.bad("a variable has no name");
      p.environment[name] = value;
    }
  }
  if (tells) p.cluster = told_of(a, cluster);
  return p;
}

Result<> read_user(const Entry& e, const Entry& cluster, ClusterAccess& a) {
  TAKE(certificate, pem(e, "client-certificate"));
  TAKE(key, pem(e, "client-key"));
  if (certificate.empty() != key.empty())
    return e.bad(certificate.empty() ? "it has a client key and no certificate"
                                     : "it has a client certificate and no key");
  a.tls.client_certificate_pem = certificate;
  a.tls.client_key_pem = key;
  TAKE(token, e.text("token"));
  TAKE(token_file, e.text("tokenFile"));
  TAKE(username, e.text("username"));
  TAKE(password, e.text("password"));
  a.token = token;
  if (!token_file.empty()) a.token_file = beside(e, token_file);
  a.username = username;
  a.password = password;
  if ((!token.empty() || !token_file.empty()) && (!username.empty() || !password.empty()))
    return e.bad("it has a token and a password", "leave out one");
  if (e.at("auth-provider"))
    return e.bad("auth-provider is not supported (Kubernetes removed it)", "use an exec credential plugin");
  TAKE(as, impersonation(e));
  a.as = as;
  if (auto exec = e.at("exec")) {
    TAKE(plugin, exec_plugin(e, *exec, a, cluster));
    a.exec = plugin;
  }
  return {};
}

#undef TAKE

const Entry* entry(const std::map<std::string, Entry>& all, const std::string& name) {
  auto it = all.find(name);
  return it == all.end() ? nullptr : &it->second;
}

}  // namespace

std::vector<std::string> kubeconfig_list(std::string_view text) {
  std::vector<std::string> out;
  for (std::string_view file : split(text, ':'))
    if (!file.empty() && std::find(out.begin(), out.end(), file) == out.end()) out.emplace_back(file);
  return out;
}

Result<ClusterAccess> load_kubeconfig(const std::vector<std::string>& files, const std::string& context,
                                      const net::Environment& environment) {
  auto merged = merge_kubeconfigs(files);
  if (!merged) return fail(merged.error());
  auto bad = [&](std::string what, std::string hint = "") {
    return fail(ErrorCode::invalid, merged->files, std::move(what), std::move(hint));
  };
  const std::string chosen = context.empty() ? merged->current_context : context;
  if (chosen.empty()) return bad("no context is chosen", "name one, or set current-context");
  const Entry* c = entry(merged->contexts, chosen);
  if (!c) return bad(fmt::format("there is no context '{}'", chosen), "kubectl config get-contexts");
  auto cluster_name = c->text("cluster"), user_name = c->text("user"), ns = c->text("namespace");
  for (auto* t : {&cluster_name, &user_name, &ns})
    if (!*t) return fail(t->error());
  const Entry* cluster = entry(merged->clusters, *cluster_name);
  if (!cluster) return bad(fmt::format("there is no cluster '{}'", *cluster_name));
  ClusterAccess a;
  a.unknown = merged->unknown;
  if (auto ok = read_cluster(*cluster, a, environment); !ok) return fail(ok.error());
  if (!ns->empty()) a.default_namespace = *ns;
  if (user_name->empty()) return a;
  const Entry* user = entry(merged->users, *user_name);
  if (!user) return bad(fmt::format("there is no user '{}'", *user_name));
  if (auto ok = read_user(*user, *cluster, a); !ok) return fail(ok.error());
  return a;
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

}  // namespace lemmy::kube
