// Entries, and what is written together.
#include "store/datastore/rows.h"

namespace lemmy::store {
using namespace datastore;

// Kinds and keys are of printable ASCII: as they are, they sort as everywhere.
Key datastore::entry_key(const std::string& kind, const std::string& key) {
  return {"LemmyEntry", kind + "/" + key};
}

Entity datastore::entry_entity(const Entry& entry, const std::string& mark) {
  Entity e(entry_key(entry.kind, entry.key));
  e.set_integer("revision", entry.revision);
  e.set_text("by", mark);
  e.set_body(entry.body);
  return e;
}

Result<Entry> datastore::read_entry(const Entity& e) {
  auto v = e.body();
  if (!v) return fail(v.error());
  if (!v->is_object()) return fail(ErrorCode::internal, e.key.name, "it is not a JSON object");
  const size_t slash = e.key.name.find('/');
  return Entry{e.key.name.substr(0, slash), e.key.name.substr(slash + 1), std::move(v->get_object()),
               e.integer("revision")};
}

namespace {

// A write that only takes away leaves nothing that could have its mark: it leaves the mark itself for a
// moment.
Key mark_key(const std::string& mark) { return {"LemmyMark", mark}; }
bool only_removes(const Writes& w) {
  return !w.remove.empty() && w.put.empty() && w.change.empty() && w.tell.empty() && !w.make;
}

struct Writing {
  Writes w;
  Fence fence;
  std::string mark;
  Key request;  // of Writes::make

  std::vector<Key> reads() const {
    std::vector<Key> out;
    if (w.make) out.insert(out.end(), {target_key(w.make->deploy.target), request});
    for (const Writes::Change& c : w.change) out.push_back(deploy_key(c.deploy.target, c.deploy.number));
    for (const auto* list : {&w.put, &w.remove})
      for (const Entry& e : *list) out.push_back(entry_key(e.kind, e.key));
    for (const FeedItem& i : w.tell) out.insert(out.end(), {item_key(i.id), stream_key(i.target)});
    if (only_removes(w)) out.push_back(mark_key(mark));
    return with_fence(std::move(out), fence);
  }

  // An earlier run of it was kept, though its answer was lost: what it wrote has its mark.
  bool happened(const View& view) const {
    auto marked = [&](const Key& key) { return has_mark(view.find(key), mark); };
    if (w.make && marked(request)) return true;
    for (const Writes::Change& c : w.change)
      if (marked(deploy_key(c.deploy.target, c.deploy.number))) return true;
    for (const Entry& e : w.put)
      if (marked(entry_key(e.kind, e.key))) return true;
    for (const FeedItem& i : w.tell)
      if (marked(item_key(i.id))) return true;
    return only_removes(w) && view.find(mark_key(mark));
  }
};

// What that run wrote, as it is now.
Result<Written> found(const View& view, const Writing& in) {
  Written out;
  for (const Writes::Change& c : in.w.change) {
    const Entity* e = view.find(deploy_key(c.deploy.target, c.deploy.number));
    auto d = e ? read_deploy(*e) : stale_deploy(c.deploy.target, c.deploy.number);
    if (!d) return fail(d.error());
    out.changed.push_back(std::move(*d));
  }
  for (const Entry& e : in.w.put) {
    const Entity* now = view.find(entry_key(e.kind, e.key));
    out.put.push_back(now ? now->integer("revision") : 0);
  }
  return out;
}

Result<Written> write_it(View& view, const Writing& in, int64_t* number, Sequence& sequence) {
  const Writes& w = in.w;
  *number = 0;
  if (in.happened(view)) {
    if (w.make) *number = view.find(in.request)->integer("number");
    return found(view, in);
  }
  if (auto ok = check_fence(view, in.fence); !ok) return fail(ok.error());
  Written out;
  if (w.make) {
    auto made = make_deploy(view, w.make->deploy, w.make->first, in.request, in.mark, sequence);
    if (!made) return fail(made.error());
    *number = made->number;
    out.known = !made->deploy;
    out.made = std::move(made->deploy);
    if (out.known) return out;
  }
  for (const Writes::Change& c : w.change) {
    auto changed = change_deploy(view, c.deploy, c.events, in.mark, sequence);
    if (!changed) return fail(changed.error());
    out.changed.push_back(std::move(*changed));
  }
  auto stale = [&](const Entry& e) {
    const Entity* was = view.find(entry_key(e.kind, e.key));
    return (was ? was->integer("revision") : 0) != e.revision;
  };
  for (Entry e : w.put) {
    if (stale(e)) return stale_entry(e);
    out.put.push_back(e.revision = sequence.next(e.revision));
    view.put(entry_entity(e, in.mark));
  }
  for (const Entry& e : w.remove) {
    if (stale(e) || e.revision == 0) return stale_entry(e);
    view.remove(entry_key(e.kind, e.key));
  }
  std::vector<FeedItem> items = w.tell;
  for (FeedItem& i : items)
    if (i.number == kMade) i.number = *number;
  append(view, items, in.mark);
  if (only_removes(w)) view.put(Entity(mark_key(in.mark)));
  return out;
}

}  // namespace

Task<Result<Entry>> DatastoreStore::entry(std::string kind, std::string key) {
  auto found = co_await api_->lookup({datastore::entry_key(kind, key)});
  if (!found) co_return fail(found.error());
  if (!found->empty()) co_return read_entry(found->front());
  Entry none;
  none.kind = std::move(kind);
  none.key = std::move(key);
  co_return none;
}

Task<Result<Listing<Entry>>> DatastoreStore::entries(std::string kind, std::string prefix, Page page) {
  if (auto ok = check_entries_page(kind, prefix, page); !ok) co_return fail(ok.error());
  const auto limit = static_cast<size_t>(limit_of(page));
  constexpr int kTogether = 50;  // asked for at once: each may have 512 KiB
  Listing<Entry> out;
  for (size_t bytes = 0;;) {
    const KeyRange range = key_range(prefix, page);
    Query q;
    q.kind = "LemmyEntry";
    q.filters = {where_key("GREATER_THAN_OR_EQUAL", datastore::entry_key(kind, range.from), api_->place()),
                 where_key("LESS_THAN", datastore::entry_key(kind, range.below), api_->place())};
    q.limit = kTogether;
    auto some = co_await api_->query(std::move(q));
    if (!some) co_return fail(some.error());
    for (const Entity& entity : *some) {
      if (out.items.size() == limit || bytes >= static_cast<size_t>(kPageOfEntries)) {
        out.next = out.items.back().key;
        co_return out;
      }
      auto e = read_entry(entity);
      if (!e) co_return fail(e.error());
      bytes += json::serialize(e->body).size();
      out.items.push_back(std::move(*e));
    }
    if (some->size() < kTogether) co_return out;
    page.after = out.items.back().key;
  }
}

Task<Result<Written>> DatastoreStore::write_all(Writes writes, Fence fence) {
  if (auto ok = check_writes(writes); !ok) co_return fail(ok.error());
  Writing in{std::move(writes), std::move(fence), new_mark(), {}};
  std::optional<Target> target;
  if (in.w.make) {
    target = in.w.make->deploy.target;
    in.request = request_key(*target, in.w.make->deploy.request_id, in.mark);
  }
  const bool only = only_removes(in.w);
  const std::string mark = in.mark;
  auto number = std::make_shared<int64_t>(0);  // of the deploy that was made, or was known
  auto reads = in.reads();
  auto written = co_await write<Written>(
      std::move(reads), [in = std::move(in), number, sequence = sequence_](View& view) -> Result<Written> {
        return write_it(view, in, number.get(), *sequence);
      });
  if (!written) co_return fail(written.error());
  if (only) {  // what is left of it when this fails is only room
    std::vector<std::string> gone{removal(mark_key(mark), api_->place())};
    co_await api_->write_once(std::move(gone), api_->limits().call);
  }
  if (target && !written->made) {
    auto d = co_await deploy(*target, *number);
    if (!d) co_return fail(d.error());
    written->made = std::move(*d);
  }
  co_return written;
}

}  // namespace lemmy::store
