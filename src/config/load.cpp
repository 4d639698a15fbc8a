#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/crypto.h"
#include "base/files.h"
#include "base/strings.h"
#include "config/access_edits.h"
#include "config/loader.h"
#include "domain/names.h"

namespace lemmy::config {

namespace fs = std::filesystem;

Loader::Loader(fs::path dir, std::optional<std::string> access)
    : dir_(std::move(dir)), access_(std::move(access)) {}

std::expected<std::shared_ptr<const Config>, Problems> Loader::load() {
  std::error_code ec;
  if (!fs::is_directory(dir_, ec)) {
    problems_.push_back({ErrorCode::invalid, dir_.string(), "there is no such folder",
                         "name the configuration folder with --config"});
    return std::unexpected(problems_);
  }
  real_ = fs::weakly_canonical(dir_, ec);
  out_->dir = dir_;
  clusters();
  clusters_read_ = problems_.empty();
  const size_t before = problems_.size();
  environments();
  environments_read_ = problems_.size() == before;
  out_->standards = folder(dir_ / "standards", 4 << 20, ".j2");
  final_schema();
  for (const fs::path& p : entries(dir_ / "projects")) {
    if (type_of(p) != fs::file_type::directory) {
      if (const std::string is = p.filename().string(); !is.ends_with(".md"))
        out_->warnings.push_back({ErrorCode::invalid, shown(p), "this is not read",
                                  "a project is a folder: projects/NAME/project.yaml"});
      continue;
    }
    folders_.push_back(p.filename().string());
    project(p);
  }
  if (folders_.empty())
    problem(dir_ / "projects", "there are no projects", "make projects/NAME/project.yaml");
  std::set<std::string> found;
  for (const auto& [name, p] : out_->projects)
    for (const ProjectEnvironment& e : p.environments)
      if (!out_->environment(e.name)) found.insert(e.name);
  look_for_unused({found.begin(), found.end()});
  for (const std::string& name : found) out_->environments.push_back({name});
  look_for_strays();
  resolve_clusters();
  access();
  if (!problems_.empty()) return std::unexpected(std::move(problems_));
  out_->revision = sha256_hex(hashed_).substr(0, 12);
  return out_;
}

void Loader::problem(const fs::path& file, std::string what, std::string hint) {
  problems_.push_back({ErrorCode::invalid, shown(file), std::move(what), std::move(hint)});
}

std::string Loader::in_tree(const std::string& path) const {
  return (dir_ / path).lexically_normal().string();
}

std::optional<std::string> Loader::read(const fs::path& file, size_t limit, std::string_view missing) {
  std::error_code ec;
  fs::path real = fs::weakly_canonical(file, ec);
  if (std::mismatch(real_.begin(), real_.end(), real.begin(), real.end()).first != real_.end()) {
    problem(file, "this link leads out of the configuration folder", "copy the file instead");
    return std::nullopt;
  }
  // A pipe or a device would hold the reader up.
  if (auto type = fs::status(file, ec).type();
      type != fs::file_type::regular && type != fs::file_type::not_found) {
    problem(file, "this is not a file",
            type == fs::file_type::directory ? "it is a folder: a file of this name is expected" : "");
    return std::nullopt;
  }
  auto text = read_file(file, limit);
  if (!text) {
    problem(file, text.error().what,
            text.error().code == ErrorCode::not_found ? near_file(file, std::string(missing)) : "");
    return std::nullopt;
  }
  if (valid_utf8(*text) != *text) {
    problem(file, "this is not UTF-8 text");
    return std::nullopt;
  }
  hashed_ += fmt::format("{}\n{}\n", shown(file), sha256_hex(*text));
  return std::move(*text);
}

std::vector<File> Loader::folder(const fs::path& dir, size_t limit, std::string_view ending) {
  std::vector<File> files;
  std::error_code ec;
  size_t total = 0;
  for (const fs::path& file : entries(dir)) {
    std::string name = file.filename().string();
    if (!name.ends_with(ending) || (!ending.empty() && fs::is_directory(file, ec))) continue;
    if (auto text = read(file, limit)) {
      total += text->size();
      files.push_back({name, std::move(*text)});
    }
  }
  if (total > limit) problem(dir, fmt::format("the files are {} bytes; at most {} fit", total, limit));
  return files;
}

bool Loader::yaml(const fs::path& file, const Section& section, const std::function<void(Reader&)>& f) {
  if (type_of(file, false) == fs::file_type::not_found) return false;
  auto text = read(file, 1 << 20);
  auto node = text ? parse_yaml(*text, shown(file), problems_) : std::nullopt;
  if (!node) return true;
  Reader r(*node, section, shown(file), "", problems_);
  f(r);
  return true;
}

std::string Loader::near_file(const fs::path& file, std::string otherwise) const {
  std::vector<std::string> there;
  if (const auto all = kept_entries(file.parent_path()))
    for (const fs::path& p : *all) there.push_back(p.filename().string());
  auto near = nearest(file.filename().string(), there);
  return near ? fmt::format("there is '{}': rename it", *near) : otherwise;
}

void Loader::clusters() {
  yaml(dir_ / "clusters.yaml", kClusters, [&](Reader& r) {
    r.entries("clusters", kCluster, [&](const std::string& name, Reader& c) {
      Cluster k{name, c.text("kubeconfig"), c.text("context"), c.flag("in_cluster", false),
                c.texts("namespaces")};
      for (const std::string& ns : k.namespaces)
        if (auto ok = check_environment_name(ns); !ok)
          c.problem("namespaces", fmt::format("'{}': {}", ns, ok.error().what), ok.error().hint);
      if (c.has("namespaces") && k.namespaces.empty())
        c.problem("namespaces", "no namespace is listed", "list some, or leave the key out for all");
      if (k.in_cluster == !k.kubeconfig.empty())
        c.problem("kubeconfig", "a cluster has either kubeconfig or in_cluster: true");
      if (!k.kubeconfig.empty()) k.kubeconfig = in_tree(k.kubeconfig);
      if (k.in_cluster && !k.context.empty())
        c.problem("context", "a context is for a kubeconfig, not for in_cluster");
      out_->clusters[name] = k;
    });
  });
}

void Loader::environments() {
  yaml(dir_ / "environments.yaml", kEnvironments, [&](Reader& r) {
    r.each("environments", kEnvironment, [&](Reader& e) {
      Environment env{e.text("name"), e.text("cluster"), e.flag("protected", false), {}, Role::deployer, {}};
      if (auto ok = check_environment_name(env.name); !ok)
        e.problem("name", ok.error().what, ok.error().hint);
      if (out_->environment(env.name)) e.problem("name", "this environment is listed twice");
      if (clusters_read_ && !env.cluster.empty() && !out_->clusters.contains(env.cluster)) {
        auto names = names_of(out_->clusters);
        e.problem("cluster", fmt::format("there is no cluster '{}'", env.cluster),
                  names.empty() ? "list it in clusters.yaml" : "known are: " + join(names, ", "));
      }
      env.role = e.role("role").value_or(Role::deployer);
      if (env.role == Role::viewer) e.problem("role", "a viewer cannot act anywhere", "deployer or admin");
      if (const std::string failed = e.text("failed"); failed == "zero")
        env.failed = Failed::zero;
      else if (failed == "keep")
        env.failed = Failed::keep;
      else if (!failed.empty() && failed != "quarantine")
        e.problem("failed", fmt::format("there is no policy '{}'", failed), "quarantine, zero or keep");
      e.mapping("retire", kRetire, [&](Reader& t) {
        env.retire.zero_after = t.duration("zero_after", milliseconds{0}, std::chrono::days{365});
        if (t.has("keep")) env.retire.keep = t.number("keep", 5, 0, 1000);
      });
      out_->environments.push_back(std::move(env));
    });
    r.mapping("retention", kRetention, [&](Reader& t) { out_->retention = read_retention(t); });
  });
}

void Loader::access() {
  auto read_it = [&](Reader& r) {
    out_->blank_access = r.blank();
    const Known known{folders_, problems_.empty() ? &out_->projects : nullptr};
    Access& a = out_->access = read_access(r, folders_.empty() ? nullptr : &known);
    for (Hook& h : a.hooks)
      if (!h.secret_file.empty()) h.secret_file = in_tree(h.secret_file);
    if (a.aws)
      for (std::string& file : a.aws->certificates) file = in_tree(file);
    if (a.gce) a.gce->keys_file = in_tree(a.gce->keys_file);
  };
  const fs::path file = dir_ / "access.yaml";
  out_->has_access = access_ || yaml(file, kAccess, read_it);
  if (!access_) return;
  if (auto node = parse_yaml(*access_, shown(file), problems_)) {
    Reader r(*node, kAccess, shown(file), "", problems_);
    read_it(r);
  }
}

// An environment without a cluster goes to the only one, or to the one named default.
void Loader::resolve_clusters() {
  const auto& clusters = out_->clusters;
  // What could not be read names a cluster perhaps.
  if (clusters.empty() || !clusters_read_ || !environments_read_) return;
  std::string usual = clusters.size() == 1           ? clusters.begin()->first
                      : clusters.contains("default") ? "default"
                                                     : "";
  for (Environment& env : out_->environments) {
    if (env.cluster.empty()) env.cluster = usual;
    const bool on_pods = std::ranges::any_of(out_->projects, [&](const auto& one) {
      const ProjectEnvironment* e = one.second.environment(env.name);
      return e && e->deployer == Deployer::kubernetes;
    });
    if (!on_pods) continue;
    if (env.cluster.empty()) {
      problem(dir_ / "environments.yaml", fmt::format("environment '{}' has no cluster", env.name),
              "name one of " + join(names_of(clusters), ", ") + ", or name one of them default");
      continue;
    }
    auto of = clusters.find(env.cluster);
    if (of == clusters.end()) continue;
    const std::vector<std::string>& listed = of->second.namespaces;
    if (!listed.empty() && std::ranges::find(listed, env.name) == listed.end())
      problem(
          dir_ / "clusters.yaml",
          fmt::format("cluster '{}' has no namespace '{}', to which projects deploy", env.cluster, env.name),
          fmt::format("add it to clusters.{}.namespaces: {}", env.cluster, join(listed, ", ")));
  }
}

// A misspelt optional file would otherwise just not be read.
void Loader::look_for_strays() {
  const std::vector<std::string> known{"clusters.yaml", "environments.yaml", "access.yaml",
                                       "standards",     "projects",          "ansible"};
  for (const fs::path& p : entries(dir_)) {
    std::string name = p.filename().string();
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const bool is_ours = name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".j2");
    if (auto near = nearest(name, known)) {
      problem(p, "this is not read", fmt::format("did you mean '{}'?", *near));
      if (*near == "clusters.yaml") clusters_read_ = false;
      if (*near == "environments.yaml") environments_read_ = false;
    } else if (name == kFinalSchema) {
      problem(p, "this is not read here", fmt::format("it belongs into standards/{}", name));
    } else if (is_ours) {
      out_->warnings.push_back(
          {ErrorCode::invalid, name, "this is not read", "known are: " + join(known, ", ")});
    }
  }
}

// A slip in a name would leave the environment that was meant unprotected.
void Loader::look_for_unused(const std::vector<std::string>& unlisted) {
  for (const Environment& env : out_->environments) {
    auto has_it = [&](const auto& p) { return p.second.environment(env.name) != nullptr; };
    if (std::ranges::any_of(out_->projects, has_it)) continue;
    auto near = nearest(env.name, unlisted);
    out_->warnings.push_back({ErrorCode::invalid, "environments.yaml",
                              fmt::format("no project has the environment '{}'", env.name),
                              near ? fmt::format("did you mean '{}'?", *near) : ""});
  }
}

namespace {
template <class List>
auto* by_name(List& list, std::string_view name) {
  auto it = std::find_if(list.begin(), list.end(), [&](const auto& x) { return x.name == name; });
  return it == list.end() ? nullptr : &*it;
}
}  // namespace

const ProjectEnvironment* Project::environment(std::string_view n) const { return by_name(environments, n); }
const User* Access::user(std::string_view n) const { return by_name(users, n); }
const Environment* Config::environment(std::string_view n) const { return by_name(environments, n); }
const Project* Config::project(std::string_view n) const {
  auto it = projects.find(std::string(n));
  return it == projects.end() ? nullptr : &it->second;
}

std::expected<std::shared_ptr<const Config>, Problems> load(const fs::path& dir) {
  return Loader(dir).load();
}

Problems problems_of_access(const fs::path& dir, const std::string& text) {
  auto now = load(dir), then = Loader(dir, text).load();
  Problems out;
  if (then) return out;
  // Lines have moved: a problem is the same when it says the same.
  auto is_old = [&](const Error& e) {
    return !now && std::ranges::any_of(now.error(), [&](const Error& o) { return o.what == e.what; });
  };
  for (const Error& e : then.error())
    if (!is_old(e)) out.push_back(e);
  return out;
}

}  // namespace lemmy::config
