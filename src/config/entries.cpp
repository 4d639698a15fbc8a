// What of the tree's folders is read.
#include <fmt/format.h>

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
  constexpr std::string_view name = "final.schema.json";
  for (const fs::path& file : entries(dir_ / "standards")) {
    const std::string is = file.filename().string();
    if (is == name) {
      if (auto text = read(file, 1 << 20)) out_->final_schema = {is, std::move(*text)};
    } else if (nearest(is, std::vector<std::string>{std::string(name)})) {
      problem(file, "this is not read", fmt::format("did you mean '{}'?", name));
    }
  }
}

}  // namespace lemmy::config
