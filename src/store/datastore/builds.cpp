// Builds and the ledger of hook calls.
#include "domain/names.h"
#include "net/http.h"
#include "store/datastore/rows.h"

namespace lemmy::store {
using namespace datastore;

Result<Build> datastore::read_build(const Entity& e) {
  auto v = e.body();
  if (!v) return fail(v.error());
  if (!v->is_object()) return fail(ErrorCode::internal, "stored build", "it is not a JSON object");
  return build_from_json(v->get_object());
}

Delivery datastore::read_delivery(const Entity& e) {
  Delivery d;
  d.seq = e.integer("seq");
  d.hook = e.text("hook");
  d.id = e.text("id");
  d.at = from_millis(e.integer("at"));
  d.from = e.text("from");
  d.caller = e.text("caller");
  d.project = e.text("project");
  d.body = e.text("body");
  d.verdict = e.text("verdict");
  d.why = e.text("why");
  return d;
}

Entity datastore::build_entity(const Build& b) {
  Entity e(build_key(b.project, b.sha));
  e.set_indexed("order", name_of({b.project, sortable(to_millis(b.pushed_at)), b.sha}));
  e.set_body(to_json(b));
  return e;
}

Entity datastore::project_entity(const std::string& project) {
  Entity e(project_key(project));
  e.set_text("project", project);
  return e;
}

Entity datastore::delivery_entity(Key key, const Delivery& d, int64_t seq, const std::string& mark) {
  Entity e(std::move(key));
  e.set_indexed("order", name_of({"all", sortable(seq), e.key.name}));
  e.set_integer("seq", seq);
  e.set_integer("at", to_millis(d.at));
  for (const auto& [name, value] : {std::pair{"hook", &d.hook},
                                    {"id", &d.id},
                                    {"from", &d.from},
                                    {"caller", &d.caller},
                                    {"project", &d.project},
                                    {"body", &d.body},
                                    {"verdict", &d.verdict},
                                    {"why", &d.why},
                                    {"by", &mark}})
    e.set_text(name, *value);
  return e;
}

namespace {

// As it is kept; nullopt: there is none, or it cannot be read.
std::optional<Build> kept_build(const View& view, const Build& b) {
  const Entity* e = view.find(build_key(b.project, b.sha));
  if (!e) return std::nullopt;
  auto kept = read_build(*e);
  return kept ? std::optional(std::move(*kept)) : std::nullopt;
}

// Gives what is kept.
Build upsert_build(View& view, const Build& announced) {
  Build b = merged(kept_build(view, announced), announced);  // one that cannot be read is replaced
  view.put(build_entity(b));
  if (!view.find(project_key(b.project))) view.put(project_entity(b.project));
  return b;
}

}  // namespace

std::optional<Key> datastore::delivery_key(const Delivery& d) {
  if (d.verdict == "refused") return std::nullopt;
  return Key{"LemmyDelivery", sha256_hex(d.hook + '\0' + d.id)};
}

Entered datastore::enter_delivery(View& view, const Delivery& d, const std::string& mark,
                                  Sequence& sequence) {
  auto key = delivery_key(d);
  if (key)
    if (const Entity* was = view.find(*key)) {
      Delivery known = read_delivery(*was);
      if (has_mark(was, mark)) return {std::nullopt, known.seq};
      return {std::move(known), 0};
    }
  // Of one that is refused the mark is the name: run again it writes the same one.
  const int64_t seq = sequence.next();
  view.put(delivery_entity(key ? *key : Key{"LemmyDelivery", "refused-" + mark}, d, seq, mark));
  return {std::nullopt, seq};
}

Task<Result<Accepted>> DatastoreStore::accept(Delivery delivery, std::optional<Build> build) {
  std::vector<Key> reads;
  if (auto key = delivery_key(delivery)) reads.push_back(*key);
  if (build) {
    reads.push_back(build_key(build->project, build->sha));
    reads.push_back(project_key(build->project));
  }
  return write<Accepted>(std::move(reads),
                         [d = std::move(delivery), b = std::move(build), mark = new_mark(),
                          sequence = sequence_](View& view) -> Result<Accepted> {
                           Entered entered = enter_delivery(view, d, mark, *sequence);
                           Accepted out;
                           if (entered.known) {
                             out.duplicate = true;
                             out.delivery = std::move(*entered.known);
                             if (b) out.build = kept_build(view, *b);
                             return out;
                           }
                           out.delivery = d;
                           out.delivery.seq = entered.seq;
                           if (b) out.build = upsert_build(view, *b);
                           return out;
                         });
}

Task<Result<Listing<Build>>> DatastoreStore::builds(std::string project, Page page) {
  auto found = co_await slice("LemmyBuild", "order", name_of({project}), true, page);
  if (!found) co_return fail(found.error());
  Listing<Build> out;
  for (const Entity& e : found->entities) {
    auto b = read_build(e);
    if (!b) co_return fail(b.error());
    out.items.push_back(std::move(*b));
  }
  out.next = std::move(found->next);
  co_return out;
}

Task<Result<Build>> DatastoreStore::build(std::string project, std::string sha) {
  if (auto ok = check_sha(sha); !ok) co_return fail(ok.error());
  Query q;
  q.kind = "LemmyBuild";
  q.filters = {
      where_key("GREATER_THAN_OR_EQUAL", build_key(project, sha), api_->place()),
      where_key("LESS_THAN", build_key(project, sha + "g"), api_->place())};  // after every hex digit
  q.limit = 2;
  auto found = co_await api_->query(std::move(q));
  if (!found) co_return fail(found.error());
  if (found->empty()) co_return no_such_build(project, sha);
  auto b = read_build(found->front());
  if (b && b->sha != sha && found->size() > 1) co_return several_builds(sha);
  co_return b;
}

Task<Result<std::vector<std::string>>> DatastoreStore::projects_with_builds() {
  Query q;
  q.kind = "LemmyProject";
  auto found = co_await api_->query(std::move(q));
  if (!found) co_return fail(found.error());
  std::vector<std::string> out;
  for (const Entity& e : *found) out.push_back(e.text("project"));
  std::ranges::sort(out);
  co_return out;
}

Task<Result<Listing<Delivery>>> DatastoreStore::deliveries(Page page) {
  auto found = co_await slice("LemmyDelivery", "order", "all", true, page);
  if (!found) co_return fail(found.error());
  Listing<Delivery> out;
  for (const Entity& e : found->entities) out.items.push_back(read_delivery(e));
  out.next = std::move(found->next);
  co_return out;
}

Task<Result<std::vector<Delivery>>> DatastoreStore::oldest_deliveries(int limit) {
  auto found = co_await slice("LemmyDelivery", "order", "all", false, {.limit = limit, .after = ""});
  if (!found) co_return fail(found.error());
  std::vector<Delivery> out;
  for (const Entity& e : found->entities) out.push_back(read_delivery(e));
  co_return out;
}

}  // namespace lemmy::store
