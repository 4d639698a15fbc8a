// lemmy store copy, backup and restore.
#include <fmt/format.h>

#include <filesystem>

#include "base/crypto.h"
#include "cli/command.h"
#include "cli/records/backup.h"
#include "cli/records/progress.h"
#include "cli/records/work.h"

namespace lemmy::cli {
namespace {

using namespace store;

constexpr milliseconds kWatch{2'500};  // a leader renews its lease every second

Task<Result<>> check_nobody_leads(Store* s, std::string url, std::string why) {
  auto leader = co_await who_leads(s, kWatch);
  if (!leader) co_return fail(leader.error());
  if (leader->empty()) co_return Result<>{};
  co_return fail(ErrorCode::conflict, shown(url), "a server uses it: " + *leader,
                 "stop all servers on it first: " + why);
}

struct Source {
  About about;
  std::unique_ptr<Store> store;
};
Task<Result<Source>> open_source(asio::any_io_executor loop, std::string url, Reading how) {
  auto about = co_await look_at(loop, url, false);
  if (!about) co_return fail(about.error());
  if (about->schema == 0)
    co_return fail(ErrorCode::not_found, shown(url), "nothing of Lemmy is there", "is this the right store?");
  auto opened = co_await open_for_reading(loop, url, how);
  if (!opened) co_return fail(opened.error());
  auto whole = co_await check_loaded(opened->get(), shown(url));
  if (!whole) co_return fail(whole.error());
  Source out;
  out.about = std::move(*about);
  out.store = std::move(*opened);
  co_return out;
}

// An empty store, or one that has begun to be filled with the same.
Task<Result<std::unique_ptr<Store>>> open_destination(asio::any_io_executor loop, std::string url,
                                                      std::string what) {
  auto about = co_await look_at(loop, url, false);
  if (!about && about.error().code != ErrorCode::not_found) co_return fail(about.error());
  if (about && about->schema != 0 && about->schema < about->newest)
    co_return fail(ErrorCode::conflict, shown(url), "the destination has an older schema",
                   "name an empty store, or run lemmy store migrate on it; nothing was written");
  auto opened = co_await open_store(loop, url);
  if (!opened) co_return fail(opened.error());
  auto alone = co_await check_nobody_leads(opened->get(), url, "they would write beside what is loaded");
  if (!alone) co_return fail(alone.error());
  auto begun = co_await begin_load(opened->get(), what);
  if (!begun) {
    if (begun.error().where == "the destination") begun.error().where = shown(url);
    co_return fail(begun.error());
  }
  co_return std::move(*opened);
}

constexpr const char* kAgain = "empty the destination, or name another, and run it again";

// What is read back must be what was meant. `hint`: what to do when it is not.
Task<Result<>> compare(Store* s, std::string url, Tallies meant, std::string what, std::string hint) {
  auto read = co_await read_shown(s, std::move(what), {}, counts_of(meant));
  if (!read) co_return fail(read.error());
  const std::string how = difference(meant, *read);
  if (how.empty()) co_return Result<>{};
  co_return fail(ErrorCode::internal, shown(url), "it is not what was read: " + how, std::move(hint));
}

void tell(const std::string& what, const Tallies& tallies) {
  int64_t all = 0;
  std::vector<std::string> parts;
  for (const auto& [kind, tally] : tallies) {
    all += tally.count();
    parts.push_back(fmt::format("{} {}", tally.count(), plural(kind)));
  }
  fmt::print("{}: {} records, equal in count and content: {}\n", what, all, fmt::join(parts, ", "));
}

std::string identity(const std::string& url) {
  if (!url.starts_with("sqlite:")) return shown(url);
  std::error_code ec;
  return "sqlite:" + std::filesystem::weakly_canonical(url.substr(7), ec).string();
}

}  // namespace

Task<Result<int>> copy_store(asio::any_io_executor loop, std::string from, std::string to) {
  auto source = co_await open_source(loop, from, Reading::alone);
  if (!source) co_return fail(source.error());
  auto alone = co_await check_nobody_leads(source->store.get(), from, "what they write would be missing");
  if (!alone) co_return fail(alone.error());
  auto opened = co_await open_destination(loop, to, "lemmy store copy of " + identity(from));
  if (!opened) co_return fail(opened.error());
  Store* there = opened->get();
  auto load = [there](std::vector<Record> records) { return there->load(std::move(records)); };
  auto copied = co_await read_shown(source->store.get(), "copying", load, std::nullopt);
  if (!copied) co_return fail(copied.error());
  auto same = co_await compare(there, to, *copied, "verifying", kAgain);
  if (!same) co_return fail(same.error());
  // As it is now, not as it was at the beginning.
  auto again = co_await open_for_reading(loop, from, Reading::beside);
  if (!again) co_return fail(again.error());
  same = co_await compare(again->get(), from, *copied, "source again",
                          "it was written meanwhile: stop all servers on it, and copy again");
  if (!same) co_return fail(same.error());
  auto ended = co_await end_load(there);
  if (!ended) co_return fail(ended.error());
  tell(fmt::format("{} is copied to {}", shown(from), shown(to)), *copied);
  co_return 0;
}

Task<Result<int>> backup_store(asio::any_io_executor loop, std::string url, std::string file) {
  auto source = co_await open_source(loop, url, Reading::beside);
  if (!source) co_return fail(source.error());
  if (source->store->sharing() == Sharing::polled) {
    auto alone = co_await check_nobody_leads(source->store.get(), url,
                                             "Datastore cannot be read as it was at one moment");
    if (!alone) co_return fail(alone.error());
  }
  Pool pool(1);
  auto writer = BackupWriter::create(file, source->about);
  if (!writer) co_return fail(writer.error());
  auto take = [w = writer->get(), &pool](std::vector<Record> records) -> Task<Result<>> {
    return pool.run([w, all = std::move(records)] { return w->add(all); });
  };
  auto tallies = co_await read_shown(source->store.get(), "reading", take, std::nullopt);
  if (!tallies) co_return fail(tallies.error());
  auto bytes = co_await pool.run([&] { return (*writer)->finish(*tallies); });
  if (!bytes) co_return fail(bytes.error());
  tell(fmt::format("{} is backed up to {}, {} bytes", shown(url), file, *bytes), *tallies);
  co_return 0;
}

Task<Result<int>> restore_store(asio::any_io_executor loop, std::string file, std::string url) {
  Pool pool(1);
  auto read_all = [&pool, file](Take take, Progress* progress) -> Task<Result<Tallies>> {
    auto reader = co_await pool.run([&] { return BackupReader::open(file); });
    if (!reader) co_return fail(reader.error());
    std::map<RecordKind, int64_t> counts;
    for (;;) {
      auto records = co_await pool.run([&] { return (*reader)->next(); });
      if (!records) co_return fail(records.error());
      if (records->empty()) co_return (*reader)->told();
      for (const Record& r : *records) progress->seen(r.kind, ++counts[r.kind]);
      if (!take) continue;
      auto taken = co_await take(std::move(*records));
      if (!taken) co_return fail(taken.error());
    }
  };
  Tallies told;
  {  // all of it, before anything is written
    Progress progress("checking");
    auto read = co_await read_all({}, &progress);
    if (!read) co_return fail(read.error());
    told = std::move(*read);
  }
  std::string hashes;
  for (const auto& [kind, tally] : told) hashes += tally.hash();
  auto opened = co_await open_destination(
      loop, url, "lemmy store restore of a backup with content " + sha256_hex(hashes).substr(0, 16));
  if (!opened) co_return fail(opened.error());
  Store* there = opened->get();
  {
    Progress progress("restoring");
    progress.expect(counts_of(told));
    auto read = co_await read_all(
        [there](std::vector<Record> records) { return there->load(std::move(records)); }, &progress);
    if (!read) co_return fail(read.error());
  }
  auto same = co_await compare(there, url, told, "verifying", kAgain);
  if (!same) co_return fail(same.error());
  auto ended = co_await end_load(there);
  if (!ended) co_return fail(ended.error());
  tell(fmt::format("{} is restored to {}", file, shown(url)), told);
  co_return 0;
}

}  // namespace lemmy::cli
