#include "config/watcher.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "config/loader.h"

namespace lemmy::config {

namespace fs = std::filesystem;

Watcher::Watcher(fs::path dir, std::function<Problems(const Config&)> check)
    : dir_(std::move(dir)), check_(std::move(check)) {}

Watcher::Seen Watcher::look() const {
  Seen seen;
  // Two writes within one tick of the file system's clock may leave the same time behind.
  const int64_t young = to_millis(now()) - 2000;
  std::function<void(const fs::path&, int)> visit = [&](const fs::path& path, int depth) {
    struct stat s;
    if (::stat(path.c_str(), &s) != 0) {
      seen.print += path.string() + " absent\n";
      return;
    }
    seen.print += fmt::format("{} {} {} {} {}.{}\n", path.string(), s.st_mode, s.st_ino, s.st_size,
                              s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
    seen.fresh = seen.fresh || s.st_mtim.tv_sec * 1000 + s.st_mtim.tv_nsec / 1'000'000 >= young;
    if (!S_ISDIR(s.st_mode) || depth == 0) return;
    const auto all = kept_entries(path);
    if (!all) seen.fresh = true;  // looked at again
    if (all)
      for (const fs::path& entry : *all) visit(entry, depth - 1);
  };
  for (const char* name : {"clusters.yaml", "environments.yaml", "access.yaml"}) visit(dir_ / name, 0);
  visit(dir_ / "standards", 1);
  visit(dir_ / "projects", 3);
  visit(dir_ / "ansible/playbooks", 1);
  visit(dir_, 1);
  return seen;
}

// Losing it would open a server that was closed, or lock everybody out: nobody means that by a file that is
// moved, or written anew at this moment. Sections that are left without entries are an edit like any other.
std::optional<Error> Watcher::lost_access(const Config& now) const {
  if (!current_ || !current_->has_access) return std::nullopt;
  const bool emptied = now.blank_access && !current_->blank_access;
  if (now.has_access && !emptied) return std::nullopt;
  return Error{ErrorCode::invalid, "access.yaml",
               fmt::format("the file is {}: with {} went who may do what; the one of before stays in use",
                           emptied ? "empty" : "gone", emptied ? "its text" : "it"),
               fmt::format("put {} back; to run without one, start Lemmy anew", emptied ? "its text" : "it")};
}

News Watcher::poll() {
  std::lock_guard one(polling_);
  Seen before = look();
  if (!print_.empty() && before.print == print_) return News::none;
  auto loaded = load(dir_);
  Problems found;
  if (loaded && check_) found = check_(**loaded);
  // Files that changed meanwhile are read again next time: half of a checkout is nobody's configuration.
  if (look().print != before.print) {
    print_.clear();
    return News::none;
  }
  print_ = before.fresh ? "" : before.print;
  std::lock_guard guard(lock_);
  if (loaded)
    if (auto lost = lost_access(**loaded)) loaded = std::unexpected(Problems{std::move(*lost)});
  if (current_ && std::ranges::any_of(
                      found, [&](const Error& e) { return std::ranges::find(faults_, e) == faults_.end(); }))
    if (loaded) loaded = std::unexpected(found);
  if (!loaded) {
    if (loaded.error() == problems_) return News::none;
    problems_ = std::move(loaded.error());
    return News::problems;
  }
  const bool had_problems = !problems_.empty() || faults_ != found;
  problems_.clear();
  faults_ = std::move(found);
  if (current_ && current_->revision == (*loaded)->revision)
    return had_problems ? News::problems : News::none;
  current_ = std::move(*loaded);
  return News::config;
}

std::shared_ptr<const Config> Watcher::current() const {
  std::lock_guard guard(lock_);
  return current_;
}

Problems Watcher::problems() const {
  std::lock_guard guard(lock_);
  return problems_;
}

Problems Watcher::faults() const {
  std::lock_guard guard(lock_);
  return faults_;
}

}  // namespace lemmy::config
