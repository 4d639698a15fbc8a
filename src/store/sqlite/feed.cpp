// The feed. There is one writer, so numbers are seen in their order.
#include "store/sqlite/rows.h"

namespace lemmy::store {

const char* const kFeedColumns = "seq, id, project, environment, number, at, kind, body";

Result<FeedItem> read_item(Statement& s) {
  FeedItem i;
  i.seq = s.getColumn(0).getInt64();
  i.id = s.getColumn(1).getString();
  i.target = {s.getColumn(2).getString(), s.getColumn(3).getString()};
  i.number = s.getColumn(4).getInt64();
  i.at = from_millis(s.getColumn(5).getInt64());
  i.kind = s.getColumn(6).getString();
  return stored_item(std::move(i), s.getColumn(7).getString());
}

void append(DB& db, const FeedItem& i) {
  // ON CONFLICT would draw a number first, and write that.
  Statement s(db,
              "INSERT INTO feed (seq, id, project, environment, number, at, kind, body) "
              "SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE NOT EXISTS (SELECT 1 FROM feed WHERE id = ?2)");
  if (i.seq != 0) s.bind(1, i.seq);  // else NULL: the next one
  s.bind(2, i.id);
  s.bind(3, i.target.project);
  s.bind(4, i.target.environment);
  s.bind(5, i.number);
  s.bind(6, to_millis(i.at));
  s.bind(7, i.kind);
  s.bind(8, body_of(i.body));
  s.exec();
}

Task<Result<Feed>> SqliteStore::feed(int64_t after, int limit) {
  return reader_->run<Feed>([=](DB& db) -> Result<Feed> {
    Moment moment(db);
    auto state = find_entry(db, kFeedState, kLetGo);
    if (!state) return fail(state.error());
    Feed out;
    out.let_go = feed_seq_in(*state);
    Statement last(db, "SELECT max(seq) FROM feed");
    last.executeStep();
    out.last = std::max(last.getColumn(0).getInt64(), out.let_go);
    Statement s(db, fmt::format("SELECT {} FROM feed WHERE seq > ? ORDER BY seq LIMIT ?", kFeedColumns));
    s.bind(1, after);
    s.bind(2, std::clamp(limit, 1, 1000));
    for (int64_t bytes = 0; bytes < kPageOfEntries && s.executeStep();) {
      auto i = read_item(s);
      if (!i) return fail(i.error());
      bytes += s.getColumn(7).getBytes();
      out.items.push_back(std::move(*i));
    }
    return out;
  });
}

Task<Result<int>> SqliteStore::trim_feed(Time before, int64_t keep, int limit, Fence fence) {
  return writer_->run<int>([=](DB& db) -> Result<int> {
    if (auto ok = check_fence(db, fence); !ok) return fail(ok.error());
    std::vector<Entry> consumers;
    Statement of(db, "SELECT key, body FROM entries WHERE kind = ?");
    of.bind(1, kConsumer);
    while (of.executeStep()) {
      auto e = stored_entry(kConsumer, of.getColumn(0).getString(), 0, of.getColumn(1).getString());
      if (!e) return fail(e.error());
      consumers.push_back(std::move(*e));
    }
    Statement last(db, "SELECT coalesce(max(seq), 0) FROM feed");
    last.executeStep();
    const MayGo go = may_go(consumers, last.getColumn(0).getInt64(), keep);
    Statement s(db, "SELECT seq, at FROM feed ORDER BY seq LIMIT ?");
    s.bind(1, std::clamp(limit, 1, 1000));
    int64_t up_to = 0;
    while (s.executeStep() && go(s.getColumn(0).getInt64(), s.getColumn(1).getInt64() < to_millis(before)))
      up_to = s.getColumn(0).getInt64();
    s.reset();
    if (up_to == 0) return 0;
    auto was = find_entry(db, kFeedState, kLetGo);
    if (!was) return fail(was.error());
    if (auto put = put_entry(db, let_go_entry(up_to, was->revision)); !put) return fail(put.error());
    Statement gone(db, "DELETE FROM feed WHERE seq <= ?");
    gone.bind(1, up_to);
    return gone.exec();
  });
}

}  // namespace lemmy::store
