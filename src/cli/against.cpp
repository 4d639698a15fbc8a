#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>

#include "async/subprocess.h"
#include "base/strings.h"
#include "cli/changes.h"
#include "cli/command.h"
#include "cli/table.h"

namespace lemmy::cli {
namespace {

namespace fs = std::filesystem;

constexpr size_t kFieldsATarget = 20, kTargetsShown = 30;

struct Scratch {  // a folder that goes with it
  fs::path path;
  Scratch() {
    std::string name = (fs::temp_directory_path() / "lemmy-against-XXXXXX").string();
    if (::mkdtemp(name.data())) path = name;
  }
  ~Scratch() {
    std::error_code ec;
    if (!path.empty()) fs::remove_all(path, ec);
  }
  Scratch(const Scratch&) = delete;
};

Result<> run(const std::vector<std::string>& argv, const std::string& what) {
  auto done = run_process({argv, {}, "", std::chrono::minutes{2}});
  if (!done) return fail(done.error());
  if (done->exit_code == 0) return {};
  return fail(ErrorCode::invalid, what, std::string(trim(shorten(done->err, 500))),
              "--against takes a folder, or a revision of the git repository that --config is in");
}

// The folder as it was at that revision, without touching the work tree.
Result<> check_out(const std::string& dir, const std::string& revision, const fs::path& to) {
  if (revision.starts_with("-"))
    return fail(ErrorCode::invalid, "--against", "this is neither a folder nor a revision");
  const std::string tar = (to / "tree.tar").string(), tree = (to / "tree").string();
  std::error_code ec;
  fs::create_directory(tree, ec);
  // Within a git hook these name another place than `dir`.
  const std::vector<std::string> git{"env", "-u", "GIT_DIR", "-u",           "GIT_WORK_TREE",   "git",
                                     "-C",  dir,  "archive", "--format=tar", "--output=" + tar, revision,
                                     "."};
  if (auto ok = run(git, revision); !ok) return ok;
  return run({"tar", "-xf", tar, "-C", tree}, revision);
}

// What the targets of a configuration send; an error where one does not render.
struct Rendered {
  json::object objects;
  Error error;  // with `what` when it did not render
  std::shared_ptr<const manifest::Renderer> renderer;
};
using All = std::map<std::pair<std::string, std::string>, Rendered>;

All render_all(const config::Config& config) {
  All out;
  for (const auto& [name, project] : config.projects) {
    auto renderer = manifest::Renderer::create(config, project);
    for (const auto& environment : project.environments) {
      Rendered& r = out[{name, environment.name}];
      if (environment.deployer == Deployer::ansible) {
        r.objects["variables"] = environment.values;
        continue;
      }
      auto m = renderer ? (*renderer)->render(environment.name, manifest::sample_build(name), 1)
                        : Result<manifest::Manifests>(fail(renderer.error()));
      if (!m) {
        r.error = m.error();
        continue;
      }
      r.objects = by_kind(*m);
      r.renderer = *renderer;
    }
  }
  return out;
}

json::object origins(const Rendered& r, const std::pair<std::string, std::string>& target) {
  if (!r.renderer) return {};
  auto e = r.renderer->explain(target.second, manifest::sample_build(target.first), 1);
  return e ? manifest::to_json(*e) : json::object{};
}

struct TargetChange {
  std::pair<std::string, std::string> target;
  std::string_view state;  // "changed", "new", "gone", "mended": it did not render before
  std::vector<FieldChange> fields;
};

std::vector<TargetChange> compare_all(const All& before, const All& after) {
  std::vector<TargetChange> out;
  static const Rendered nothing;
  for (const auto& [target, now] : after) {
    auto found = before.find(target);
    const Rendered& was = found == before.end() ? nothing : found->second;
    if (now.objects == was.objects && found != before.end()) continue;
    TargetChange t{target, "changed", compare(was.objects, now.objects)};
    if (found == before.end())
      t.state = "new";
    else if (!was.error.what.empty())
      t.state = "mended";
    const bool some_gone =
        std::any_of(t.fields.begin(), t.fields.end(), [](const FieldChange& c) { return !c.change.after; });
    if (t.state == "changed")
      add_origins(t.fields, origins(now, target), some_gone ? origins(was, target) : json::object{});
    out.push_back(std::move(t));
  }
  for (const auto& [target, was] : before)
    if (!after.contains(target)) out.push_back({target, "gone", compare(was.objects, {})});
  return out;
}

void print(const std::vector<TargetChange>& changes, size_t fields) {
  fmt::print("this edit changes {} field{} in {} environment{}\n", fields, fields == 1 ? "" : "s",
             changes.size(), changes.size() == 1 ? "" : "s");
  for (size_t i = 0; i < std::min(changes.size(), kTargetsShown); ++i) {
    const TargetChange& t = changes[i];
    fmt::print("\n{} {}: {}, {} field{}\n", t.target.first, t.target.second, t.state, t.fields.size(),
               t.fields.size() == 1 ? "" : "s");
    if (t.state == "changed") print_changes(t.fields, kFieldsATarget);
  }
  if (changes.size() > kTargetsShown)
    fmt::print("\nand {} more environments; --output json has all\n", changes.size() - kTargetsShown);
}

}  // namespace

int validate_against(const Against& a) {
  auto now = config::load(a.dir);
  if (!now) return report(now.error());
  Scratch scratch;
  std::string other = a.other;
  std::error_code ec;
  if (!fs::is_directory(other, ec)) {
    if (scratch.path.empty())
      return report(Error{ErrorCode::unavailable, "--against", "no folder for temporary files can be made"});
    if (auto ok = check_out(a.dir, a.other, scratch.path); !ok) return report(ok.error());
    other = (scratch.path / "tree").string();
  }
  auto before = config::load(other);
  if (!before) {
    config::Problems problems = before.error();
    for (Error& e : problems) e.where = fmt::format("{}, {}", a.other, e.where);
    return report(problems);
  }
  const All after = render_all(**now);
  for (const auto& [target, r] : after)
    if (!r.error.what.empty()) return report(r.error);
  const auto changes = compare_all(render_all(**before), after);
  size_t fields = 0;
  for (const TargetChange& t : changes) fields += t.fields.size();
  if (a.output == "json") {
    json::array targets;
    for (const TargetChange& t : changes)
      targets.push_back({{"project", t.target.first},
                         {"environment", t.target.second},
                         {"state", t.state},
                         {"changes", to_json(t.fields)}});
    print_json(
        json::object{{"fields", fields}, {"environments", changes.size()}, {"targets", std::move(targets)}});
  } else {
    print(changes, fields);
  }
  return a.exit_code && !changes.empty() ? 1 : 0;
}

}  // namespace lemmy::cli
