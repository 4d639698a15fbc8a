// What of the tree's folders is read.
#include <fmt/format.h>

#include <algorithm>

#include "base/files.h"
#include "base/strings.h"
#include "config/loader.h"

namespace lemmy::config {

namespace fs = std::filesystem;

bool is_skipped(std::string_view name) { return name.starts_with(".") || name.ends_with("~"); }

Result<std::vector<fs::path>> kept_entries(const fs::path& dir) {
  auto all = entries_of(dir);
  if (all) std::erase_if(*all, [](const fs::path& p) { return is_skipped(p.filename().string()); });
  return all;
}

// Half a folder would be half a configuration.
std::vector<fs::path> Loader::entries(const fs::path& dir) {
  auto all = kept_entries(dir);
  if (!all) problems_.push_back(all.error());
  return all ? std::move(*all) : std::vector<fs::path>{};
}

fs::file_type Loader::type_of(const fs::path& path, bool follow) {
  std::error_code error;
  const fs::file_status s = follow ? fs::status(path, error) : fs::symlink_status(path, error);
  if (s.type() != fs::file_type::none) return s.type();
  problems_.push_back(
      {ErrorCode::unavailable, shown(path), "it cannot be looked at: " + error.message(), ""});
  return fs::file_type::not_found;
}

void Loader::final_schema() {
  const std::vector<std::string> name{std::string(kFinalSchema)};
  for (const fs::path& file : entries(dir_ / "standards")) {
    const std::string is = file.filename().string();
    if (is == kFinalSchema) {
      if (auto text = read(file, 1 << 20)) out_->final_schema = {is, std::move(*text)};
    } else if (nearest(is, name) || (is.contains("schema") && !is.ends_with(".j2") && !is.ends_with(".md"))) {
      problem(file, "this is not read", fmt::format("did you mean '{}'?", kFinalSchema));
    } else if (!is.ends_with(".j2") && !is.ends_with(".md")) {
      out_->warnings.push_back({ErrorCode::invalid, shown(file), "this is not read",
                                fmt::format("known are: *.j2 and {}", kFinalSchema)});
    }
  }
}

// A deploy would go live without what a misspelt name holds. A file that is missing and must not be says
// itself that one of a near name is there.
void Loader::strays_of_project(const fs::path& dir, const Project& p) {
  const std::vector<std::string> known{"project.yaml", "environments.json", "template.json.j2", "config",
                                       "objects"};
  auto stem = [](std::string_view name) { return name.substr(0, name.find('.')); };
  auto is_known = [&](std::string_view name) { return std::ranges::find(known, name) != known.end(); };
  auto is_included = [&](const std::string& name) {
    auto names_it = [&](const File& f) { return f.name != name && f.text.contains(name); };
    return std::ranges::any_of(p.templates, names_it) || std::ranges::any_of(out_->standards, names_it);
  };
  if (auto type = type_of(dir / "config");
      type != fs::file_type::not_found && type != fs::file_type::directory)
    problem(dir / "config", "a folder is expected", "put the file into a folder of this name");
  for (const fs::path& file : entries(dir)) {
    const std::string name = file.filename().string();
    if (is_known(name)) continue;
    const auto near = nearest(name, known);
    std::error_code ec;
    const bool told = near && near->contains('.') && !fs::exists(dir / *near, ec);
    const bool include = name.ends_with(".j2");
    if (told || (include && (near != "template.json.j2" || is_included(name)))) continue;
    if (near)
      problem(file, include ? "nothing includes this" : "this is not read",
              fmt::format("did you mean '{}'?", *near));
    else if (name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json") ||
             std::ranges::any_of(known, [&](const auto& k) { return stem(k) == stem(name); }))
      out_->warnings.push_back({ErrorCode::invalid, shown(file), "this is not read",
                                "known are: " + join(known, ", ") + " and *.j2"});
  }
}

}  // namespace lemmy::config
