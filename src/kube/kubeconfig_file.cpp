#include "kube/kubeconfig_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/files.h"
#include "base/strings.h"

namespace lemmy::kube {
namespace {

using Keys = std::set<std::string_view>;

// Of k8s.io/client-go/tools/clientcmd/api/v1: types.go
const Keys kTop{"apiVersion", "kind",     "preferences",     "clusters",
                "users",      "contexts", "current-context", "extensions"};
const Keys kCluster{"server",
                    "tls-server-name",
                    "insecure-skip-tls-verify",
                    "certificate-authority",
                    "certificate-authority-data",
                    "proxy-url",
                    "disable-compression",
                    "extensions"};
const Keys kUser{"client-certificate",
                 "client-certificate-data",
                 "client-key",
                 "client-key-data",
                 "token",
                 "tokenFile",
                 "as",
                 "as-uid",
                 "as-groups",
                 "as-user-extra",
                 "username",
                 "password",
                 "auth-provider",
                 "exec",
                 "extensions"};
const Keys kContext{"cluster", "user", "namespace", "extensions"};
const Keys kExec{"command",        "args", "env", "apiVersion", "installHint", "provideClusterInfo",
                 "interactiveMode"};

std::string key_of(const YAML::Node& node) { return node.IsScalar() ? shorten(node.Scalar(), 60) : "?"; }

void note_unknown(const YAML::Node& node, const Keys& known, const std::string& where, Merged& out) {
  for (const auto& pair : node)
    if (!pair.first.IsScalar() || !known.contains(pair.first.Scalar()))
      out.unknown.push_back(where + key_of(pair.first));
}

struct List {
  const char *list, *kind, *word;
  const Keys& keys;
  std::map<std::string, Entry>& to;
};

Result<> take_list(const YAML::Node& root, const std::string& file, const List& l, Merged& out) {
  const YAML::Node list = root[l.list];
  if (!list || list.IsNull()) return {};
  auto bad = [&](std::string what) { return fail(ErrorCode::invalid, file, std::move(what)); };
  if (!list.IsSequence()) return bad(fmt::format("{} is not a list", l.list));
  std::set<std::string> here;
  for (const YAML::Node& item : list) {
    if (!item.IsMap()) return bad(fmt::format("an entry of {} is not a mapping", l.list));
    const YAML::Node named = item["name"];
    const std::string name = named && named.IsScalar() ? named.Scalar() : "";
    Entry e{item[l.kind], file, fmt::format("{} '{}'", l.word, shorten(valid_utf8(name), 80))};
    if (!here.insert(name).second) return bad(e.title + " stands twice");
    const std::string where = fmt::format("{}[{}].", l.list, shorten(valid_utf8(name), 80));
    note_unknown(item, {"name", l.kind}, where, out);
    if (!e.node || e.node.IsNull()) e.node = YAML::Node(YAML::NodeType::Map);
    if (!e.node.IsMap()) return bad(e.title + " is not a mapping");
    note_unknown(e.node, l.keys, where, out);
    if (const YAML::Node exec = e.node["exec"]; exec && exec.IsMap())
      note_unknown(exec, kExec, where + "exec.", out);
    l.to.emplace(name, std::move(e));  // an earlier file wins
  }
  return {};
}

Result<> take_file(const std::string& file, const std::string& content, Merged& out) {
  YAML::Node root;
  try {
    root = YAML::Load(content);
  } catch (const YAML::Exception& e) {
    return fail(ErrorCode::invalid, fmt::format("{}:{}", file, e.mark.line + 1), e.msg);
  }
  if (!root || root.IsNull()) return {};
  if (!root.IsMap()) return fail(ErrorCode::invalid, file, "this is not a kubeconfig");
  const Entry top{root, file, "the file"};
  auto kind = top.text("kind"), version = top.text("apiVersion"), current = top.text("current-context");
  for (auto* t : {&kind, &version, &current})
    if (!*t) return fail(t->error());
  if (!kind->empty() && *kind != "Config") return fail(ErrorCode::invalid, file, "its kind is not Config");
  if (!version->empty() && *version != "v1")
    return fail(ErrorCode::invalid, file, "its apiVersion is not v1");
  note_unknown(root, kTop, "", out);
  if (out.current_context.empty()) out.current_context = *current;
  for (const List& l : {List{"clusters", "cluster", "cluster", kCluster, out.clusters},
                        List{"users", "user", "user", kUser, out.users},
                        List{"contexts", "context", "context", kContext, out.contexts}})
    if (auto ok = take_list(root, file, l, out); !ok) return ok;
  return {};
}

json::value scalar(const YAML::Node& n) {
  const std::string& text = n.Scalar();
  if (n.Tag() != "?") return json::value(text);  // quoted
  if (text == "true" || text == "false") return text == "true";
  if (text.empty() || text == "~" || text == "null") return nullptr;
  int64_t whole = 0;
  double number = 0;
  const char *begin = text.data(), *end = begin + text.size();
  if (auto r = std::from_chars(begin, end, whole); r.ec == std::errc() && r.ptr == end) return whole;
  if (auto r = std::from_chars(begin, end, number); r.ec == std::errc() && r.ptr == end) return number;
  return json::value(text);
}

std::optional<json::value> as_json(const YAML::Node& n, int* left, int depth) {
  if (--*left < 0 || depth > 32) return std::nullopt;
  if (n.IsScalar()) return scalar(n);
  if (n.IsSequence()) {
    json::array out;
    for (const YAML::Node& item : n) {
      auto v = as_json(item, left, depth + 1);
      if (!v) return std::nullopt;
      out.push_back(std::move(*v));
    }
    return out;
  }
  if (!n.IsMap()) return json::value(nullptr);
  json::object out;
  for (const auto& pair : n) {
    auto v = as_json(pair.second, left, depth + 1);
    if (!v || !pair.first.IsScalar()) return std::nullopt;
    out[pair.first.Scalar()] = std::move(*v);
  }
  return out;
}

}  // namespace

json::value as_json(const YAML::Node& node) {
  int left = 10'000;
  return as_json(node, &left, 0).value_or(nullptr);
}

std::unexpected<Error> Entry::bad(std::string what, std::string hint) const {
  return fail(ErrorCode::invalid, file, title + ": " + std::move(what), std::move(hint));
}

std::optional<YAML::Node> Entry::at(const std::string& key) const {
  const YAML::Node v = node[key];
  if (!v || v.IsNull()) return std::nullopt;
  return v;
}

Result<std::string> Entry::text(const std::string& key) const {
  auto v = at(key);
  if (!v) return std::string();
  if (!v->IsScalar()) return bad(key + " is not a text");
  return v->Scalar();
}

Result<bool> Entry::flag(const std::string& key) const {
  auto v = text(key);
  if (!v) return fail(v.error());
  if (*v == "true") return true;
  if (v->empty() || *v == "false") return false;
  return bad(fmt::format("{} is '{}'", key, shorten(valid_utf8(*v), 20)), "true or false");
}

Result<Merged> merge_kubeconfigs(const std::vector<std::string>& files) {
  Merged out;
  out.files = join(files, ":");
  std::optional<Error> missing;
  size_t found = 0;
  for (const std::string& file : files) {
    auto content = read_input(file, 4 << 20);
    if (!content && content.error().code == ErrorCode::not_found) {
      if (!missing) missing = content.error();
      continue;
    }
    if (!content) return fail(content.error());
    ++found;
    if (auto ok = take_file(file, *content, out); !ok) return fail(ok.error());
  }
  if (found > 0) return out;
  Error e = missing.value_or(Error{ErrorCode::not_found, "kubeconfig", "no file is named"});
  e.hint = "name a kubeconfig in clusters.yaml or by --kubeconfig";
  return fail(std::move(e));
}

}  // namespace lemmy::kube
