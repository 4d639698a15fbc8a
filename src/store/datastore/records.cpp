// Everything that is kept, as records.
#include "store/records.h"

#include "store/datastore/rows.h"

namespace lemmy::store {
using namespace datastore;

namespace {

constexpr size_t kLoadedTogether = 400, kBytesTogether = 4u << 20;  // a commit takes 500, and 10 MiB

std::string kind_name(RecordKind kind) {
  switch (kind) {
    case RecordKind::build:
      return "LemmyBuild";
    case RecordKind::delivery:
      return "LemmyDelivery";
    case RecordKind::target:
      return "LemmyTarget";
    case RecordKind::deploy:
      return "LemmyDeploy";
    case RecordKind::event:
      return "LemmyEvent";
    case RecordKind::document:
      return "LemmyDocument";
    case RecordKind::entry:
      return "LemmyEntry";
    case RecordKind::feed:
      return "LemmyFeed";
    case RecordKind::instance:
      break;
  }
  return "LemmyInstance";
}

std::string cursor_of(const Key& key) { return key.name.empty() ? std::to_string(key.id) : key.name; }

template <class T>
Result<Record> as_record(const Result<T>& read) {
  if (!read) return fail(read.error());
  return record_of(*read);
}

Result<Record> of_entity(RecordKind kind, const Entity& e) {
  if (kind == RecordKind::build) return as_record(read_build(e));
  if (kind == RecordKind::target)
    return record_of(LastNumber{{e.text("project"), e.text("environment")}, e.integer("last")});
  if (kind == RecordKind::instance) return as_record(read_instance(e));
  if (kind == RecordKind::entry) return as_record(read_entry(e));
  auto body = e.body();
  if (!body) return fail(body.error());
  const json::object* o = body->if_object();
  if (!o) return fail(ErrorCode::internal, e.key.kind + " " + cursor_of(e.key), "it is not a JSON object");
  const Target target{std::string(text_or(*o, "project")), std::string(text_or(*o, "environment"))};
  const int64_t number = int_or(*o, "number");
  const std::string text = json::serialize(*body);
  return kind == RecordKind::deploy ? deploy_record(target, number, e.integer("revision"), text)
                                    : event_record(target, number, e.key.id, text);
}

json::object object_of(const std::string& body) {  // read_record has read it before
  auto v = parse_json(body, "record");
  return v && v->is_object() ? v->get_object() : json::object();
}

// Entities by key: a commit may not have one twice.
struct Loading {
  std::map<Key, Entity> entities;
  std::map<Key, int64_t> last_seqs;  // of deploys
  struct Numbers {
    int64_t last = 0, newest = 0;
  };
  std::map<Target, Numbers> numbers;
  int64_t item = 0;  // the highest number of the feed
  std::vector<Document> documents;

  void put(Entity e) {
    Key key = e.key;
    entities.insert_or_assign(std::move(key), std::move(e));
  }
  void add(Build b) {
    put(build_entity(b));
    put(project_entity(b.project));
  }
  void add(Delivery d) {
    auto key = delivery_key(d);
    // Of one that is refused the name says what it is, so that it is the same when it is loaded again.
    if (!key) key = Key{"LemmyDelivery", "refused-" + sha256_hex(record_of(d).key)};
    put(delivery_entity(*key, d, d.seq, ""));
  }
  void add(LastNumber n) { raise(n.target, n.last, 0); }
  void add(KeptDeploy kept) {
    const Deploy& d = kept.deploy;
    put(deploy_entity(d, object_of(kept.body), 0, ""));
    if (!d.request_id.empty()) put(request_entity(request_key(d.target, d.request_id, ""), d.number, ""));
    raise(d.target, d.number, d.number);
  }
  void add(KeptEvent kept) {
    const DeployEvent& e = kept.event;
    put(event_entity(e.target, e.number, e.seq, object_of(kept.body)));
    int64_t& last = last_seqs[deploy_key(e.target, e.number)];
    last = std::max(last, e.seq);
  }
  void add(Document d) { documents.push_back(std::move(d)); }
  void add(Instance i) { put(instance_entity(i)); }
  void add(Entry e) {
    put(entry_entity(e, ""));
    item = std::max(item, feed_seq_in(e));
  }
  void add(FeedItem i) {
    Entity e = item_entity(i, "");
    number_item(e, i.seq);
    put(std::move(e));
    item = std::max(item, i.seq);
  }
  void raise(const Target& t, int64_t last, int64_t newest) {
    Numbers& n = numbers[t];
    n.last = std::max(n.last, last);
    n.newest = std::max(n.newest, newest);
  }
};

Result<Loading> read_all(const std::vector<Record>& records) {
  Loading out;
  for (const Record& r : records) {
    auto content = read_record(r);
    if (!content) return fail(content.error());
    std::visit([&](auto&& one) { out.add(std::move(one)); }, std::move(*content));
  }
  return out;
}

}  // namespace

Task<Result<Listing<Record>>> DatastoreStore::dump(RecordKind kind, Page page) {
  if (kind == RecordKind::delivery) co_return co_await dump_ledger(std::move(page));
  if (kind == RecordKind::feed) co_return co_await dump_feed(std::move(page));
  Query q;
  q.kind = kind_name(kind);
  q.order = "__key__";
  if (!page.after.empty()) {
    Key after{q.kind, page.after};
    if (kind == RecordKind::event) {
      auto id = number_in(page.after);
      if (!id) co_return bad_cursor(page);
      after = {q.kind, "", *id};
    }
    q.filters.push_back(where_key("GREATER_THAN", after, api_->place()));
  }
  const int limit = limit_of(page);
  q.keys_only = kind == RecordKind::document;  // each is read by itself
  q.limit = limit + 1;
  auto found = co_await api_->query(std::move(q));
  if (!found) co_return fail(found.error());
  Listing<Record> out;
  size_t bytes = 0, n = 0;
  for (; n < std::min(found->size(), static_cast<size_t>(limit)) && bytes < kPageBytes; ++n) {
    const Entity& e = (*found)[n];
    Result<std::optional<Record>> record = std::nullopt;
    if (kind == RecordKind::document) {
      record = co_await read_document(e.key);
    } else if (auto read = of_entity(kind, e)) {
      record = std::move(*read);
    } else {
      record = fail(read.error());
    }
    if (!record) co_return fail(record.error());
    if (!*record) continue;
    bytes += (*record)->body.size();
    out.items.push_back(std::move(**record));
  }
  if (n < found->size()) out.next = cursor_of((*found)[n - 1].key);
  co_return out;
}

// Two servers may have given one number to two entries; as records each has its own, or no SQL backend could
// keep them: the second one is told with the next number. So they are read by number, and the cursor has the
// last one told.
Task<Result<Listing<Record>>> DatastoreStore::dump_ledger(Page page) {
  int64_t last = 0;
  if (!page.after.empty()) {
    const size_t slash = page.after.find('/');
    auto told = number_in(std::string_view(page.after).substr(0, slash));
    if (!told || slash == page.after.npos) co_return bad_cursor(page);
    last = *told;
    page.after.erase(0, slash + 1);
  }
  auto found = co_await slice("LemmyDelivery", "order", "all", false, page);
  if (!found) co_return fail(found.error());
  Listing<Record> out;
  for (const Entity& e : found->entities) {
    Delivery d = read_delivery(e);
    d.seq = last = std::max(d.seq, last + 1);
    out.items.push_back(record_of(d));
  }
  if (!found->next.empty()) out.next = fmt::format("{}/{}", last, found->next);
  co_return out;
}

// nullopt: it was taken away meanwhile.
Task<Result<std::optional<Record>>> DatastoreStore::read_document(Key head) {
  auto parts = parts_of(head.name, 4);
  auto number = parts ? number_in((*parts)[2]) : std::nullopt;
  if (!number)
    co_return fail(ErrorCode::internal, head.kind + " " + head.name, "this key is not one of Lemmy's");
  Document d{{(*parts)[0], (*parts)[1]}, *number, (*parts)[3], ""};
  auto text = co_await document(d.target, d.number, d.name);
  if (!text && text.error().code == ErrorCode::not_found) co_return std::nullopt;
  if (!text) co_return fail(text.error());
  d.text = std::move(*text);
  co_return co_await api_->aside([d = std::move(d)] { return std::optional(record_of(d)); });
}

Task<Result<>> DatastoreStore::load(std::vector<Record> records) {
  auto read = co_await api_->aside([records = std::move(records)] { return read_all(records); });
  if (!read) co_return fail(read.error());
  std::vector<Entity> entities;
  for (auto& [key, e] : read->entities) entities.push_back(std::move(e));
  auto written = co_await write_entities(std::move(entities));
  if (written) written = co_await raise_last_seqs(std::move(read->last_seqs));
  std::vector<Task<Result<>>> raises;  // together in few transactions
  for (const auto& [target, n] : read->numbers) raises.push_back(raise_numbers(target, n.last, n.newest));
  auto raised = co_await all(std::move(raises));
  for (Result<>& one : raised)
    if (written && !one) written = std::move(one);
  if (written && read->item > 0) written = co_await raise_feed(read->item);
  for (Document& d : read->documents) {
    if (!written) break;
    written = co_await put_document(d.target, d.number, d.name, std::move(d.text));
  }
  co_return written;
}

Task<Result<>> DatastoreStore::write_entities(std::vector<Entity> entities) {
  std::vector<std::string> mutations;
  size_t bytes = 0;
  for (size_t n = 0; n < entities.size(); ++n) {
    mutations.push_back(mutation("upsert", entities[n], api_->place()));
    bytes += mutations.back().size();
    if (mutations.size() < kLoadedTogether && bytes < kBytesTogether && n + 1 < entities.size()) continue;
    auto written = co_await api_->write(std::exchange(mutations, {}));
    if (!written) co_return written;
    bytes = 0;
  }
  co_return Result<>{};
}

// A deploy keeps the highest number of its events.
Task<Result<>> DatastoreStore::raise_last_seqs(std::map<Key, int64_t> seqs) {
  std::vector<Key> keys;
  for (const auto& [key, seq] : seqs) keys.push_back(key);
  auto found = co_await api_->lookup(std::move(keys));
  if (!found) co_return fail(found.error());
  std::vector<Entity> higher;
  for (Entity& e : *found) {
    const int64_t seq = seqs[e.key];
    if (seq <= e.integer("last_seq")) continue;
    e.set_integer("last_seq", seq);
    higher.push_back(std::move(e));
  }
  co_return co_await write_entities(std::move(higher));
}

// New deploys are numbered behind what was loaded.
Task<Result<>> DatastoreStore::raise_numbers(Target target, int64_t last, int64_t newest) {
  return write<void>({target_key(target)}, [=](View& view) -> Result<> {
    const Entity* was = view.find(target_key(target));
    view.put(target_entity(target, std::max(last, was ? was->integer("last") : 0),
                           std::max(newest, was ? newest_of(*was) : 0)));
    return {};
  });
}

}  // namespace lemmy::store
