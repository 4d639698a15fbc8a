// What a policy lets go, and how much is kept.
#include <sqlite3.h>

#include "store/sqlite/hashes.h"
#include "store/sqlite/rows.h"

namespace lemmy::store {

Task<Result<std::vector<std::string>>> SqliteStore::document_names(Target target, int64_t number) {
  return reader_->run<std::vector<std::string>>([=](DB& db) -> Result<std::vector<std::string>> {
    Statement s(db,
                "SELECT name FROM documents WHERE project = ? AND environment = ? AND number = ? "
                "ORDER BY name");
    bind_target(s, target, number);
    std::vector<std::string> out;
    while (s.executeStep()) out.push_back(s.getColumn(0).getString());
    return out;
  });
}

Task<Result<>> SqliteStore::forget_deploy(Target target, int64_t number, int64_t revision, Fence fence) {
  return writer_->run<void>([=](DB& db) -> Result<> {
    if (auto ok = check_fence(db, fence); !ok) return ok;
    Statement s(
        db, "SELECT revision, unsettled FROM deploys WHERE project = ? AND environment = ? AND number = ?");
    bind_target(s, target, number);
    if (!s.executeStep()) return {};
    if (s.getColumn(0).getInt64() != revision) return stale_deploy(target, number);
    if (s.getColumn(1).getInt() != 0) return unsettled_deploy(target, number);
    for (const char* table : {"documents", "events", "deploys"}) {
      Statement gone(
          db, fmt::format("DELETE FROM {} WHERE project = ? AND environment = ? AND number = ?", table));
      bind_target(gone, target, number);
      gone.exec();
    }
    return {};
  });
}

Task<Result<int>> SqliteStore::forget_builds(std::string project, std::vector<std::string> shas,
                                             Fence fence) {
  return writer_->run<int>(
      [project = std::move(project), shas = std::move(shas), fence](DB& db) -> Result<int> {
        if (auto ok = check_fence(db, fence); !ok) return fail(ok.error());
        Statement s(db, "DELETE FROM builds WHERE hash = ? AND project = ? AND sha = ?");
        int gone = 0;
        for (const std::string& sha : shas) {
          s.bind(1, build_hash(project, sha));
          s.bind(2, project);
          s.bind(3, sha);
          gone += s.exec();
          s.reset();
        }
        return gone;
      });
}

Task<Result<int>> SqliteStore::forget_deliveries(Time before, int limit, Fence fence) {
  return writer_->run<int>([=](DB& db) -> Result<int> {
    if (auto ok = check_fence(db, fence); !ok) return fail(ok.error());
    int64_t up_to = 0;
    Statement s(db, "SELECT seq, at FROM deliveries ORDER BY seq LIMIT ?");
    s.bind(1, std::clamp(limit, 1, 1000));
    while (s.executeStep() && s.getColumn(1).getInt64() < to_millis(before))
      up_to = s.getColumn(0).getInt64();
    s.reset();
    Statement gone(db, "DELETE FROM deliveries WHERE seq <= ?");
    gone.bind(1, up_to);
    return gone.exec();
  });
}

// Reads what there is from end to end: on a connection and a thread of its own, so that nobody waits for it.
Task<Result<std::vector<Size>>> SqliteStore::sizes() {
  auto measure = [path = path_, closing = closing_]() -> Result<std::vector<Size>> {
    try {
      auto db = open_for_reading(path);
      if (!db) return fail(db.error());
      // A store that is closed does not wait for the end.
      sqlite3_progress_handler(
          (*db)->getHandle(), 10'000,
          [](void* flag) { return static_cast<int>(static_cast<std::atomic<bool>*>(flag)->load()); },
          closing.get());
      std::vector<Size> out;
      // A text's length() counts characters; of a blob it is known without reading it.
      for (const auto& [table, bytes] :
           {std::pair{"builds", "length(CAST(body AS BLOB))"},
            {"deliveries", "length(CAST(body AS BLOB)) + length(CAST(why AS BLOB))"},
            {"deploys", "length(CAST(body AS BLOB))"},
            {"events", "length(CAST(body AS BLOB))"},
            {"documents", "length(body)"},
            {"instances", "length(CAST(call AS BLOB)) + length(CAST(result AS BLOB))"},
            {"entries", "length(CAST(body AS BLOB))"},
            {"feed", "length(CAST(body AS BLOB))"}}) {
        SQLite::Statement s(**db, fmt::format("SELECT count(*), coalesce(sum({}), 0) FROM {}", bytes, table));
        s.executeStep();
        out.push_back({table, s.getColumn(0).getInt64(), s.getColumn(1).getInt64()});
      }
      return out;
    } catch (const SQLite::Exception& e) {
      return fail(to_error(e, path));
    }
  };
  co_return co_await measuring_.run(std::move(measure));
}

}  // namespace lemmy::store
