// The feed. Datastore has no sequence, and one counter that every write takes part in would make all servers'
// writes wait for each other: a hot entity. So a write only counts within its target, and leaves its items
// waiting; whoever reads gives those that wait the next numbers first, in the order of each target, in one
// transaction with the counter of all. So numbers are seen in their order, and nobody who writes touches the
// counter.
#include "store/datastore/rows.h"
#include "store/records.h"

namespace lemmy::store {
using namespace datastore;

Key datastore::item_key(const std::string& id) { return {"LemmyFeed", "id/" + id}; }
Key datastore::stream_key(const Target& t) {
  return {"LemmyStream", name_of({"of", t.project, t.environment})};
}
Key datastore::feed_key() { return {"LemmyFeedState", "feed"}; }

Entity datastore::item_entity(const FeedItem& i, const std::string& mark) {
  Entity e(item_key(i.id));
  e.set_text("project", i.target.project);
  e.set_text("environment", i.target.environment);
  e.set_integer("number", i.number);
  e.set_integer("at", to_millis(i.at));
  e.set_text("kind", i.kind);
  e.set_text("by", mark);
  e.set_body(i.body);
  return e;
}

void datastore::number_item(Entity& e, int64_t seq) {
  e.set_integer("seq", seq);
  e.set_indexed("order", name_of({"all", sortable(seq)}));
  e.properties.erase("waits");
}

Result<FeedItem> datastore::read_item(const Entity& e) {
  FeedItem i;
  i.seq = e.integer("seq");
  i.id = e.key.name.substr(e.key.name.find('/') + 1);
  i.target = {e.text("project"), e.text("environment")};
  i.number = e.integer("number");
  i.at = from_millis(e.integer("at"));
  i.kind = e.text("kind");
  auto v = e.body();
  if (!v) return fail(v.error());
  if (!v->is_object()) return fail(ErrorCode::internal, "stored item " + i.id, "it is not a JSON object");
  i.body = std::move(v->get_object());
  return i;
}

void datastore::append(View& view, const std::vector<FeedItem>& items, const std::string& mark) {
  for (const FeedItem& i : items) {
    if (view.find(item_key(i.id))) continue;
    const Key stream = stream_key(i.target);
    const Entity* was = view.find(stream);
    Entity now(stream);
    now.set_integer("last", 1 + (was ? was->integer("last") : 0));
    Entity e = item_entity(i, mark);
    e.set_indexed("waits", stream.name + "/" + sortable(now.integer("last")));
    view.put(std::move(now));
    view.put(std::move(e));
  }
}

namespace {

// Of one transaction; the Datastore emulator takes 25 entities.
constexpr int kNumbered = 50, kFewNumbered = 20;  // each may have 64 KiB
constexpr size_t kGone = 20;

// Those that wait for a number, by target and in its order; behind that one.
Query waiting(std::string_view after, int limit) {
  Query q;
  q.kind = "LemmyFeed";
  q.filters = {where_text("waits", "GREATER_THAN", after)};
  q.order = "waits";
  q.limit = limit;
  return q;
}

}  // namespace

Task<Result<>> DatastoreStore::number_items() {
  int most = kNumbered;
  for (;;) {
    Query q = waiting("", most);
    q.keys_only = true;
    auto found = co_await api_->query(std::move(q));
    if (!found) co_return fail(found.error());
    if (found->empty()) co_return Result<>{};
    std::vector<Key> items;
    for (const Entity& e : *found) items.push_back(e.key);
    std::vector<Key> reads = items;
    reads.push_back(feed_key());
    auto done = co_await write<void>(std::move(reads), [items = std::move(items)](View& view) -> Result<> {
      const Entity* state = view.find(feed_key());
      int64_t last = state ? state->integer("last") : 0;
      for (const Key& key : items) {
        const Entity* e = view.find(key);
        if (!e || e->text("waits").empty()) continue;  // another server was first
        Entity numbered = *e;
        number_item(numbered, ++last);
        view.put(std::move(numbered));
      }
      Entity now(feed_key());
      now.set_integer("last", last);
      if (!state || state->integer("last") != last) view.put(std::move(now));
      return {};
    });
    const bool too_many = !done && done.error().code == ErrorCode::too_large && most == kNumbered;
    if (too_many) most = kFewNumbered;
    if (!done && !too_many) co_return done;
  }
}

Task<Result<Feed>> DatastoreStore::feed(int64_t after, int limit) {
  auto numbered = co_await number_items();
  if (!numbered) co_return fail(numbered.error());
  const Key let_go = datastore::entry_key(kFeedState, kLetGo);
  auto look = [](const std::vector<Entity>& found, Feed* out) {
    for (const Entity& e : found) {
      if (e.key == feed_key()) out->last = std::max(out->last, e.integer("last"));
      if (auto state = e.key.kind == "LemmyEntry" ? read_entry(e) : Entry{}; state)
        out->let_go = std::max(out->let_go, feed_seq_in(*state));
    }
    out->last = std::max(out->last, out->let_go);
  };
  Feed out;
  std::vector<Key> states{feed_key(), let_go};
  auto before = co_await api_->lookup(states);
  if (!before) co_return fail(before.error());
  look(*before, &out);
  if (out.last <= after) co_return out;
  limit = std::clamp(limit, 1, 1000);
  int64_t behind = after;
  for (size_t bytes = 0;
       out.items.size() < static_cast<size_t>(limit) && bytes < static_cast<size_t>(kPageOfEntries);) {
    constexpr int kTogether = 100;  // asked for at once: each may have 64 KiB
    Page page;
    page.limit = std::min(kTogether, limit - static_cast<int>(out.items.size()));
    page.after = sortable(behind);
    auto some = co_await slice("LemmyFeed", "order", "all", false, page);
    if (!some) co_return fail(some.error());
    for (const Entity& e : some->entities) {
      if (bytes >= static_cast<size_t>(kPageOfEntries)) co_return out;  // there is more, and it is said: last
      auto i = read_item(e);
      if (!i) co_return fail(i.error());
      bytes += json::serialize(i->body).size();
      behind = i->seq;
      out.items.push_back(std::move(*i));
    }
    if (some->next.empty()) break;
  }
  // What was let go meanwhile is not among them: then it is said.
  if (out.items.empty() || out.items.front().seq != after + 1) {
    auto now = co_await api_->lookup(states);
    if (!now) co_return fail(now.error());
    look(*now, &out);
  }
  co_return out;
}

Task<Result<std::vector<Entry>>> DatastoreStore::consumers() {
  std::vector<Entry> out;
  Page page;
  page.limit = 1000;
  do {
    auto some = co_await entries(kConsumer, "", page);
    if (!some) co_return fail(some.error());
    for (Entry& e : some->items) out.push_back(std::move(e));
    page.after = some->next;
  } while (!page.after.empty());
  co_return out;
}

Task<Result<int>> DatastoreStore::trim_feed(Time before, int64_t keep, int limit, Fence fence) {
  // Consumers only go forwards: what all have passed now they have passed then.
  auto all = co_await consumers();
  if (!all) co_return fail(all.error());
  auto last = co_await feed(INT64_MAX, 1);
  if (!last) co_return fail(last.error());
  const MayGo go = may_go(*all, last->last, keep);
  Page page;
  page.limit = std::clamp(limit, 1, 1000);
  auto oldest = co_await slice("LemmyFeed", "order", "all", false, page);
  if (!oldest) co_return fail(oldest.error());
  std::vector<std::pair<Key, int64_t>> items;
  for (const Entity& e : oldest->entities) {
    if (!go(e.integer("seq"), e.integer("at") < to_millis(before))) break;
    items.emplace_back(e.key, e.integer("seq"));
  }
  const Key let_go = datastore::entry_key(kFeedState, kLetGo);
  int gone = 0;
  for (size_t from = 0; from < items.size() || from == 0; from += kGone) {
    const std::vector part(items.begin() + static_cast<ptrdiff_t>(std::min(items.size(), from)),
                           items.begin() + static_cast<ptrdiff_t>(std::min(items.size(), from + kGone)));
    std::vector<Key> reads{let_go};
    for (const auto& [key, seq] : part) reads.push_back(key);
    auto done = co_await write<int>(
        with_fence(std::move(reads), fence), [=, sequence = sequence_](View& view) -> Result<int> {
          if (auto ok = check_fence(view, fence); !ok) return fail(ok.error());
          int n = 0;
          for (const auto& [key, seq] : part) {
            if (!view.find(key)) continue;
            view.remove(key);
            ++n;
          }
          const Entity* was = view.find(let_go);
          const int64_t revision = was ? was->integer("revision") : 0;
          auto state = was ? read_entry(*was) : Entry{};
          if (!state) return fail(state.error());
          if (!part.empty() && feed_seq_in(*state) < part.back().second)
            view.put(entry_entity(let_go_entry(part.back().second, sequence->next(revision)), ""));
          return n;
        });
    if (!done) co_return done;
    gone += *done;
  }
  co_return gone;
}

// Those that wait for a number are told last, with those that they will get.
Task<Result<Listing<Record>>> DatastoreStore::dump_feed(Page page) {
  constexpr std::string_view kWaits = "waits/";  // then the last number told, and what sorts its item
  Listing<Record> out;
  if (!page.after.starts_with(kWaits)) {
    auto found = co_await slice("LemmyFeed", "order", "all", false, page);
    if (!found) co_return fail(found.error());
    for (const Entity& e : found->entities) {
      auto i = read_item(e);
      if (!i) co_return fail(i.error());
      out.items.push_back(record_of(*i));
    }
    out.next = std::move(found->next);
    if (!out.next.empty()) co_return out;
    auto state = co_await api_->lookup({feed_key()});
    if (!state) co_return fail(state.error());
    out.next = fmt::format("{}{}/", kWaits, state->empty() ? 0 : state->front().integer("last"));
    co_return out;
  }
  const std::string_view rest = std::string_view(page.after).substr(kWaits.size());
  const size_t slash = rest.find('/');
  auto told = number_in(rest.substr(0, slash));
  if (!told || slash == rest.npos) co_return bad_cursor(page);
  const auto limit = static_cast<size_t>(limit_of(page));
  auto found = co_await api_->query(waiting(rest.substr(slash + 1), limit_of(page) + 1));
  if (!found) co_return fail(found.error());
  for (size_t n = 0; n < std::min(limit, found->size()); ++n) {
    auto i = read_item((*found)[n]);
    if (!i) co_return fail(i.error());
    i->seq = ++*told;
    out.items.push_back(record_of(*i));
  }
  if (found->size() > limit)
    out.next = fmt::format("{}{}/{}", kWaits, *told, (*found)[limit - 1].text("waits"));
  co_return out;
}

Task<Result<>> DatastoreStore::raise_feed(int64_t seq) {
  return write<void>({feed_key()}, [=](View& view) -> Result<> {
    const Entity* was = view.find(feed_key());
    Entity now(feed_key());
    now.set_integer("last", std::max(seq, was ? was->integer("last") : 0));
    view.put(std::move(now));
    return {};
  });
}

}  // namespace lemmy::store
