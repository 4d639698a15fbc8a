// Entries, and what is written together.
#include "store/sqlite/rows.h"

namespace lemmy::store {

Result<Entry> find_entry(DB& db, const std::string& kind, const std::string& key) {
  Statement s(db, "SELECT revision, body FROM entries WHERE kind = ? AND key = ?");
  s.bind(1, kind);
  s.bind(2, key);
  if (!s.executeStep()) return Entry{kind, key, {}, 0};
  return stored_entry(kind, key, s.getColumn(0).getInt64(), s.getColumn(1).getString());
}

Result<int64_t> put_entry(DB& db, const Entry& e) {
  Statement next(db, "UPDATE revisions SET last = last + 1 RETURNING last");
  next.executeStep();
  const int64_t revision = next.getColumn(0).getInt64();
  next.reset();
  Statement s(db, e.revision == 0 ? "INSERT INTO entries VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING"
                                  : "UPDATE entries SET revision = ?3, body = ?4 "
                                    "WHERE kind = ?1 AND key = ?2 AND revision = ?5");
  s.bind(1, e.kind);
  s.bind(2, e.key);
  s.bind(3, revision);
  s.bind(4, body_of(e.body));
  if (e.revision != 0) s.bind(5, e.revision);
  if (s.exec() != 1) return stale_entry(e);
  return revision;
}

namespace {

Result<> remove_entry(DB& db, const Entry& e) {
  Statement s(db, "DELETE FROM entries WHERE kind = ? AND key = ? AND revision = ?");
  s.bind(1, e.kind);
  s.bind(2, e.key);
  s.bind(3, e.revision);
  if (s.exec() != 1) return stale_entry(e);
  return {};
}

Result<Written> write_it(DB& db, const Writes& w, const Fence& fence) {
  if (auto ok = check_fence(db, fence); !ok) return fail(ok.error());
  Written out;
  if (w.make) {
    auto made = make_deploy(db, w.make->deploy, w.make->first);
    if (!made) return fail(made.error());
    out.made = std::move(made->deploy);
    out.known = made->known;
    if (out.known) return out;
  }
  for (const Writes::Change& c : w.change) {
    auto changed = change_deploy(db, c.deploy, c.events);
    if (!changed) return fail(changed.error());
    out.changed.push_back(std::move(*changed));
  }
  for (const Entry& e : w.put) {
    auto revision = put_entry(db, e);
    if (!revision) return fail(revision.error());
    out.put.push_back(*revision);
  }
  for (const Entry& e : w.remove)
    if (auto ok = remove_entry(db, e); !ok) return fail(ok.error());
  for (FeedItem i : w.tell) {
    if (i.number == kMade) i.number = out.made->number;
    i.seq = 0;
    append(db, i);
  }
  return out;
}

}  // namespace

Task<Result<Entry>> SqliteStore::entry(std::string kind, std::string key) {
  return reader_->run<Entry>([=](DB& db) { return find_entry(db, kind, key); });
}

Task<Result<Listing<Entry>>> SqliteStore::entries(std::string kind, std::string prefix, Page page) {
  return reader_->run<Listing<Entry>>([=](DB& db) -> Result<Listing<Entry>> {
    if (auto ok = check_entries_page(kind, prefix, page); !ok) return fail(ok.error());
    const KeyRange range = key_range(prefix, page);
    Statement s(db,
                "SELECT key, revision, body FROM entries WHERE kind = ? AND key >= ? AND key < ? ORDER BY "
                "key LIMIT ?");
    s.bind(1, kind);
    s.bind(2, range.from);
    s.bind(3, range.below);
    s.bind(4, limit_of(page) + 1);
    Listing<Entry> out;
    for (int64_t bytes = 0; s.executeStep();) {
      if (out.items.size() == static_cast<size_t>(limit_of(page)) || bytes >= kPageOfEntries) {
        out.next = out.items.back().key;
        break;
      }
      const std::string body = s.getColumn(2).getString();
      bytes += static_cast<int64_t>(body.size());
      auto e = stored_entry(kind, s.getColumn(0).getString(), s.getColumn(1).getInt64(), body);
      if (!e) return fail(e.error());
      out.items.push_back(std::move(*e));
    }
    return out;
  });
}

Task<Result<Written>> SqliteStore::write_all(Writes writes, Fence fence) {
  if (auto ok = check_writes(writes); !ok) co_return fail(ok.error());
  co_return co_await writer_->run<Written>(
      [w = std::move(writes), fence](DB& db) { return write_it(db, w, fence); });
}

}  // namespace lemmy::store
