#include <fmt/format.h>

#include <algorithm>

#include "base/crypto.h"
#include "base/files.h"
#include "base/strings.h"
#include "config/reader.h"
#include "domain/names.h"

namespace lemmy::config {
namespace {

namespace fs = std::filesystem;
constexpr size_t kConfigMap = 1 << 20;  // Kubernetes' own limit on a ConfigMap

class Loader {
 public:
  explicit Loader(fs::path dir) : dir_(std::move(dir)) {}

  std::expected<std::shared_ptr<const Config>, Problems> load() {
    std::error_code ec;
    if (!fs::is_directory(dir_, ec)) {
      problem(dir_.string(), "there is no such folder", "name the configuration folder with --config");
      return std::unexpected(problems_);
    }
    out_->dir = dir_;
    clusters();
    environments();
    out_->standards = folder(dir_ / "standards", 4 << 20);
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(dir_ / "projects", ec))
      if (entry.is_directory()) found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    if (found.empty())
      problem((dir_ / "projects").string(), "there are no projects", "make projects/NAME/project.yaml");
    for (const fs::path& p : found) project(p);
    for (const auto& [name, p] : out_->projects)
      for (const ProjectEnvironment& e : p.environments)
        if (!out_->environment(e.name)) out_->environments.push_back({e.name, "", false, {}});
    if (!problems_.empty()) return std::unexpected(std::move(problems_));
    out_->revision = sha256_hex(hashed_).substr(0, 12);
    return out_;
  }

 private:
  void problem(std::string where, std::string what, std::string hint = "") {
    problems_.push_back({ErrorCode::invalid, std::move(where), std::move(what), std::move(hint)});
  }
  std::string shown(const fs::path& p) { return fs::relative(p, dir_).string(); }

  // A file that must not lead out of the tree.
  std::optional<std::string> read(const fs::path& p, size_t limit) {
    std::error_code ec;
    fs::path real = fs::weakly_canonical(p, ec), root = fs::weakly_canonical(dir_, ec);
    auto [end, nothing] = std::mismatch(root.begin(), root.end(), real.begin(), real.end());
    if (end != root.end()) {
      problem(shown(p), "this link leads out of the configuration folder", "copy the file instead");
      return std::nullopt;
    }
    auto text = read_file(p, limit);
    if (!text) {
      problem(shown(p), text.error().what);
      return std::nullopt;
    }
    hashed_ += fmt::format("{}\n{}\n", shown(p), sha256_hex(*text));
    return *text;
  }

  std::vector<File> folder(const fs::path& dir, size_t limit, std::string_view ending = "") {
    std::vector<File> files;
    std::error_code ec;
    size_t total = 0;
    for (const auto& entry : fs::directory_iterator(dir, ec)) {
      std::string name = entry.path().filename().string();
      if (!entry.is_regular_file() || name.starts_with(".") || !name.ends_with(ending)) continue;
      if (auto text = read(entry.path(), limit)) {
        total += text->size();
        files.push_back({name, std::move(*text)});
      }
    }
    if (total > limit)
      problem(shown(dir), fmt::format("the files are {} bytes; at most {} fit", total, limit));
    std::sort(files.begin(), files.end(), [](const File& a, const File& b) { return a.name < b.name; });
    return files;
  }

  void yaml(const fs::path& path, const std::function<void(Reader&)>& f) {
    std::error_code ec;
    if (!fs::exists(path, ec)) return;
    auto text = read(path, 1 << 20);
    auto node = text ? parse_yaml(*text, shown(path), problems_) : std::nullopt;
    if (!node) return;
    Reader r(*node, shown(path), "", problems_);
    f(r);
    r.finish();
  }

  void clusters() {
    size_t before = problems_.size();
    yaml(dir_ / "clusters.yaml", [&](Reader& r) {
      r.entries("clusters", [&](const std::string& name, Reader& c) {
        Cluster k{name, c.text("kubeconfig"), c.text("context"), c.flag("in_cluster", false)};
        if (k.in_cluster == !k.kubeconfig.empty())
          c.problem("kubeconfig", "a cluster has either kubeconfig or in_cluster: true");
        if (!k.kubeconfig.empty()) k.kubeconfig = (dir_ / k.kubeconfig).lexically_normal().string();
        out_->clusters[name] = k;
      });
    });
    clusters_read_ = problems_.size() == before;
  }

  void environments() {
    yaml(dir_ / "environments.yaml", [&](Reader& r) {
      r.each("environments", [&](Reader& e) {
        Environment env{e.text("name"), e.text("cluster"), e.flag("protected", false), {}};
        if (auto ok = check_environment_name(env.name); !ok)
          e.problem("name", ok.error().what, ok.error().hint);
        if (out_->environment(env.name)) e.problem("name", "this environment is listed twice");
        if (clusters_read_ && !env.cluster.empty() && !out_->clusters.contains(env.cluster)) {
          std::vector<std::string> names;
          for (const auto& [name, c] : out_->clusters) names.push_back(name);
          e.problem("cluster", fmt::format("there is no cluster '{}'", env.cluster),
                    names.empty() ? "list it in clusters.yaml" : "known are: " + join(names, ", "));
        }
        e.mapping("retire", [&](Reader& t) {
          env.retire.zero_after = t.duration("zero_after");
          if (t.has("keep")) env.retire.keep = t.number("keep", 5, 0, 1000);
        });
        out_->environments.push_back(std::move(env));
      });
    });
  }

  void project(const fs::path& dir) {
    Project p;
    p.name = dir.filename().string();
    if (auto ok = check_project_name(p.name); !ok)
      return problem(shown(dir), ok.error().what, ok.error().hint);
    std::error_code ec;
    if (!fs::exists(dir / "project.yaml", ec))
      return problem(shown(dir / "project.yaml"), "the file is missing", "an empty one will do");
    yaml(dir / "project.yaml", [&](Reader& r) {
      std::string deployer = r.text("deployer", "kubernetes");
      if (deployer != "kubernetes")
        r.problem("deployer", fmt::format("'{}' is not a deployer", deployer),
                  "kubernetes is the one there is so far");
      p.description = r.text("description");
      p.owners = r.texts("owners");
      r.each("links", [&](Reader& l) {
        Link link{l.text("title"), l.text("url")};
        if (!link.url.starts_with("http://") && !link.url.starts_with("https://"))
          l.problem("url", "only http and https addresses are taken");
        p.links.push_back(link);
      });
      p.deadline = r.duration("deadline").value_or(p.deadline);
      p.settle = r.duration("settle").value_or(p.settle);
      p.history = r.number("history", p.history, 1, 500);
      p.service = r.flag("service", true);
    });
    project_environments(dir / "environments.json", p);
    p.templates = folder(dir, 1 << 20, ".j2");
    if (std::none_of(p.templates.begin(), p.templates.end(),
                     [](const File& f) { return f.name == "template.json.j2"; }))
      problem(shown(dir / "template.json.j2"), "the project's template is missing",
              "docs/templates.md shows one");
    p.files = folder(dir / "config", kConfigMap);
    out_->projects[p.name] = std::move(p);
  }

  void project_environments(const fs::path& path, Project& p) {
    auto text = read(path, 4 << 20);
    if (!text) return;
    auto parsed = parse_json(*text, shown(path));
    if (!parsed) return problem(parsed.error().where, parsed.error().what);
    if (!parsed->is_object() || parsed->get_object().empty())
      return problem(shown(path), "an object of environments is expected", R"({"staging": {"replicas": 2}})");
    // YAML is a superset of JSON, so the YAML reader gives places and checks; the values come from the JSON
    // reader.
    auto node = parse_yaml(*text, shown(path), problems_);
    if (!node) return;
    for (const auto& item : *node) {
      std::string name = item.first.Scalar();
      Reader r(item.second, shown(path), name, problems_);
      if (auto ok = check_environment_name(name); !ok)
        problem(r.where(item.first.Mark()), ok.error().what, ok.error().hint);
      check_values(r);
      const json::value* values = parsed->get_object().if_contains(name);
      if (values && values->is_object())
        p.environments.push_back({name, values->get_object(), item.first.Mark().line + 1});
    }
  }

  // The keys an environment may have. What a template needs beyond them goes under `vars`.
  void check_values(Reader& r) {
    r.number("replicas", 1, 0, 1000);
    r.mapping("autoscale", [](Reader& a) {
      int least = a.number("min", 1, 1, 1000), most = a.number("max", least, 1, 1000);
      a.number("cpu", 80, 1, 1000);
      if (!a.has("max")) a.problem("max", "the most replicas are missing");
      if (most < least) a.problem("max", "max is less than min");
    });
    r.mapping("env", [](Reader& e) {
      if (e.node().IsMap())
        for (const auto& item : e.node()) e.text(item.first.Scalar().c_str());
    });
    r.mapping("resources", [](Reader& s) {
      for (const char* part : {"requests", "limits"})
        s.mapping(part, [](Reader& q) {
          if (q.node().IsMap())
            for (const auto& item : q.node()) q.text(item.first.Scalar().c_str());
        });
    });
    if (r.has("vars") && !r.node()["vars"].IsMap()) r.problem("vars", "an object is expected");
    r.finish();
  }

  fs::path dir_;
  std::shared_ptr<Config> out_ = std::make_shared<Config>();
  Problems problems_;
  std::string hashed_;
  bool clusters_read_ = true;  // false: what environments say of clusters cannot be checked
};

template <class List>
auto* by_name(List& list, std::string_view name) {
  auto it = std::find_if(list.begin(), list.end(), [&](const auto& x) { return x.name == name; });
  return it == list.end() ? nullptr : &*it;
}

}  // namespace

const ProjectEnvironment* Project::environment(std::string_view n) const { return by_name(environments, n); }
const Environment* Config::environment(std::string_view n) const { return by_name(environments, n); }
const Project* Config::project(std::string_view n) const {
  auto it = projects.find(std::string(n));
  return it == projects.end() ? nullptr : &it->second;
}

std::expected<std::shared_ptr<const Config>, Problems> load(const fs::path& dir) {
  return Loader(dir).load();
}

}  // namespace lemmy::config
