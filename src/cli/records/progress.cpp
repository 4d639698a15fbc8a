#include "cli/records/progress.h"

#include <fmt/format.h>
#include <unistd.h>

namespace lemmy::cli {
namespace {

constexpr int kWidth = 30;
constexpr milliseconds kRedraw{100}, kLogged{10'000};

}  // namespace

Counts counts_of(const store::Tallies& tallies) {
  Counts out;
  for (const auto& [kind, tally] : tallies) out[kind] = tally.count();
  return out;
}

Counts counts_of(const std::vector<store::Size>& sizes) {
  Counts out;
  for (const store::Size& s : sizes)
    for (store::RecordKind kind : store::kRecordKinds)
      if (plural(kind) == s.kind) out[kind] = s.count;
  return out;
}

std::string_view plural(store::RecordKind kind) {
  static constexpr std::string_view all[] = {"builds",    "deliveries", "targets", "deploys", "events",
                                             "documents", "instances",  "entries", "feed"};
  return all[static_cast<size_t>(kind)];
}

Progress::Progress(std::string what)
    : what_(std::move(what)), terminal_(isatty(STDERR_FILENO) == 1), drawn_(Clock::now()) {}

Progress::~Progress() {
  if (terminal_ && kind_) draw(true);
}

store::Seen Progress::listener() {
  return [this](store::RecordKind kind, int64_t count) { seen(kind, count); };
}

void Progress::seen(store::RecordKind kind, int64_t count) {
  if (terminal_ && kind_ && *kind_ != kind) draw(true);
  const bool fresh = kind_ != kind;
  kind_ = kind;
  count_ = count;
  if (Clock::now() - drawn_ < (terminal_ ? kRedraw : kLogged) && !(terminal_ && fresh)) return;
  drawn_ = Clock::now();
  draw(false);
}

void Progress::draw(bool whole) {
  auto expected = expected_.find(*kind_);
  const int64_t all = expected == expected_.end() ? -1 : std::max(expected->second, count_);
  std::string line = fmt::format("{} {:<10}", what_, plural(*kind_));
  if (all > 0) {
    const auto full = static_cast<size_t>(whole ? kWidth : kWidth * count_ / all);
    line += fmt::format("[{}{}] {}/{}", std::string(full, '#'), std::string(kWidth - full, '.'), count_, all);
  } else {
    line += fmt::format(" {}", count_);
  }
  if (terminal_)
    fmt::print(stderr, "\r\x1b[K{}{}", line, whole ? "\n" : "");
  else
    fmt::print(stderr, "{}\n", line);
  std::fflush(stderr);
}

Task<Result<store::Tallies>> read_shown(store::Store* from, std::string what, store::Take take,
                                        std::optional<Counts> expected) {
  Progress progress(std::move(what));
  if (expected)
    progress.expect(std::move(*expected));
  else if (auto sizes = co_await from->sizes())
    progress.expect(counts_of(*sizes));
  co_return co_await store::read_records(from, std::move(take), progress.listener());
}

}  // namespace lemmy::cli
