#include "store/datastore/api.h"

#include <fmt/format.h>

#include <charconv>

#include "base/strings.h"

namespace lemmy::store::datastore {
namespace {

constexpr size_t kAnswer = 256u << 20;
constexpr size_t kBigAnswer = 128u << 10;  // is not parsed on the loop
constexpr std::string_view kOversized = "maximum size";
constexpr int kBatch = 300;    // entities asked for at once: an answer has a size people can wait for
constexpr size_t kKeys = 500;  // of one lookup; Google takes 1000

json::value property_filter(std::string_view property, std::string_view op, json::value value) {
  return json::object{{"propertyFilter", json::object{{"property", json::object{{"name", property}}},
                                                      {"op", op},
                                                      {"value", std::move(value)}}}};
}

json::object in_place(const Place& p) {
  json::object o;
  if (!p.database.empty()) o["databaseId"] = p.database;
  return o;
}

json::object query_json(const Query& q, int limit, std::string_view cursor) {
  json::object o{{"kind", json::array{json::object{{"name", q.kind}}}}};
  if (q.keys_only)
    o["projection"] = json::array{json::object{{"property", json::object{{"name", "__key__"}}}}};
  if (!q.filters.empty())
    o["filter"] = json::object{
        {"compositeFilter",
         json::object{{"op", "AND"}, {"filters", json::array(q.filters.begin(), q.filters.end())}}}};
  if (!q.order.empty())
    o["order"] = json::array{json::object{{"property", json::object{{"name", q.order}}},
                                          {"direction", q.descending ? "DESCENDING" : "ASCENDING"}}};
  o["limit"] = limit;
  if (!cursor.empty()) o["startCursor"] = cursor;
  return o;
}

// The answer was too large to be sent: fewer are to be asked for at once.
bool oversized(const Error& e) { return e.code == ErrorCode::too_large && e.what.contains(kOversized); }

void add_entities(std::vector<Entity>& out, const json::value* list) {
  if (list && list->is_array())
    for (const json::value& v : list->get_array()) out.push_back(entity_from_json(v));
}

std::string commit_text(const Place& place, std::string_view transaction,
                        const std::vector<std::string>& mutations) {
  json::object o = in_place(place);
  o["mode"] = transaction.empty() ? "NON_TRANSACTIONAL" : "TRANSACTIONAL";
  if (!transaction.empty()) o["transaction"] = transaction;
  std::string out = json::serialize(o);
  out.pop_back();
  return out + ",\"mutations\":[" + join(mutations, ",") + "]}";
}

}  // namespace

json::value where_text(std::string_view property, std::string_view op, std::string_view value) {
  return property_filter(property, op, json::object{{"stringValue", value}});
}
json::value where_flag(std::string_view property) {
  return property_filter(property, "EQUAL", json::object{{"booleanValue", true}});
}
json::value where_key(std::string_view op, const Key& key, const Place& place) {
  return property_filter("__key__", op, json::object{{"keyValue", to_json(key, place)}});
}

Error to_error(int status, std::string_view body, const Place& place) {
  auto v = parse_json(body, "");
  const json::value* e = v ? find(*v, {"error"}) : nullptr;
  const json::object* o = e ? e->if_object() : nullptr;
  std::string name(o ? text_or(*o, "status") : "");
  std::string what = fmt::format("Datastore says {}: {}", name.empty() ? std::to_string(status) : name,
                                 o ? shorten(valid_utf8(text_or(*o, "message")), 400) : "no reason given");
  Error out{ErrorCode::rejected, place.url, what};
  const std::string low = lower(what);
  bool of_transaction =
      name == "INVALID_ARGUMENT" && low.contains("transaction") &&
      (low.contains("expired") || low.contains("invalid transaction") || low.contains("closed"));
  // An expired or closed transaction is answered as a wrong argument.
  if (low.contains("too many entity groups") || low.contains(kOversized)) {
    out.code = ErrorCode::too_large;
  } else if (name == "ABORTED" || name == "ALREADY_EXISTS" || of_transaction) {
    out.code = ErrorCode::conflict;
  } else if (name == "UNAVAILABLE" || name == "RESOURCE_EXHAUSTED" || status == 429) {
    out.code = ErrorCode::unavailable;
    if (status == 429) out.hint = "is a quota used up?";
  } else if (name == "DEADLINE_EXCEEDED") {
    out.code = ErrorCode::timeout;
  } else if (name == "INTERNAL" || name == "UNKNOWN") {
    out.code = ErrorCode::internal;
  } else if (status >= 500) {
    out.code = ErrorCode::unavailable;  // something in between answered
  } else if (name == "FAILED_PRECONDITION" && low.contains("index")) {
    out.hint =
        "make the indexes, and wait until they serve: gcloud datastore indexes create "
        "share/datastore/index.yaml --project " +
        place.project + (place.database.empty() ? "" : " --database " + place.database);
  } else if (name == "PERMISSION_DENIED") {
    out.hint = "the account needs the role roles/datastore.user on the project";
  } else if (name == "UNAUTHENTICATED") {
    out.hint = "are the credentials still good? See GOOGLE_APPLICATION_CREDENTIALS";
  } else if (name == "NOT_FOUND" || name == "FAILED_PRECONDITION") {
    out.hint =
        "the project needs a database in Datastore mode: gcloud firestore databases create "
        "--type=datastore-mode --location=LOCATION --database=" +
        (place.database.empty() ? "'(default)'" : place.database);
  }
  return out;
}

Task<Result<json::value>> Api::call(std::string method, std::string body, milliseconds limit) {
  const std::string target = "/v1/projects/" + net::percent_encode(place_.project) + ":" + method;
  for (bool again = false;; again = true) {
    net::ClientRequest r{"POST", target, {{"Content-Type", "application/json"}}, body};
    std::string token;
    if (tokens_) {
      auto got = co_await tokens_->get();
      if (!got) co_return fail(got.error());
      token = std::move(*got);
      r.headers.emplace("Authorization", "Bearer " + token);
    }
    auto answer = co_await client_->send(std::move(r), limit, kAnswer);
    if (!answer) co_return fail(answer.error());
    if (answer->status == 401 && tokens_ && !again) {
      tokens_->forget(token);
      continue;
    }
    if (answer->status != 200) co_return fail(to_error(answer->status, answer->body, place_));
    if (answer->body.size() < kBigAnswer) co_return parse_json(answer->body, "answer of Datastore");
    co_return co_await aside(
        [text = std::move(answer->body)] { return parse_json(text, "answer of Datastore"); });
  }
}

Task<Result<json::value>> Api::persist(std::string method, std::string body) {
  Retry retry(limits_);
  for (;;) {
    auto answer = co_await call(method, body, limits_.call);
    if (answer) co_return answer;
    auto wait = retry.after(answer.error());
    if (!wait) co_return fail(given_up(answer.error(), retry.tries()));
    co_await sleep_for(*wait);
  }
}

Task<Result<std::vector<Entity>>> Api::look(std::string transaction, std::vector<Key> keys) {
  std::vector<Entity> out;
  size_t together = kKeys;
  while (!keys.empty()) {
    const size_t rest = keys.size() - std::min(keys.size(), together);
    const std::vector<Key> now(keys.begin() + static_cast<ptrdiff_t>(rest), keys.end());
    keys.resize(rest);
    json::array asked;
    for (const Key& key : now) asked.push_back(to_json(key, place_));
    json::object o = in_place(place_);
    o["keys"] = std::move(asked);
    Result<json::value> answer = fail(ErrorCode::internal, "", "");
    if (transaction.empty()) {
      answer = co_await persist("lookup", json::serialize(o));
    } else {
      o["readOptions"] = json::object{{"transaction", transaction}};
      answer = co_await call("lookup", json::serialize(o), limits_.call);
    }
    if (!answer && oversized(answer.error()) && now.size() > 1) {
      together = now.size() / 2;
      keys.insert(keys.end(), now.begin(), now.end());
      continue;
    }
    if (!answer) co_return fail(answer.error());
    add_entities(out, find(*answer, {"found"}));
    // What did not fit into the answer is asked for again.
    if (const json::value* deferred = find(*answer, {"deferred"}); deferred && deferred->is_array())
      for (const json::value& k : deferred->get_array()) keys.push_back(key_from_json(k));
  }
  co_return out;
}

Task<Result<std::vector<Entity>>> Api::lookup(std::vector<Key> keys) { return look("", std::move(keys)); }
Task<Result<std::vector<Entity>>> Api::lookup_in(std::string transaction, std::vector<Key> keys) {
  return look(std::move(transaction), std::move(keys));
}

Task<Result<std::vector<Entity>>> Api::query(Query q) {
  std::vector<Entity> out;
  std::string cursor;
  int together = kBatch;
  for (;;) {
    int left = q.limit == 0 ? together : std::min(together, q.limit - static_cast<int>(out.size()));
    json::object o = in_place(place_);
    o["partitionId"] = to_json(place_);
    o["query"] = query_json(q, left, cursor);
    auto answer = co_await persist("runQuery", json::serialize(o));
    if (!answer && oversized(answer.error()) && left > 1) {
      together = left / 2;
      continue;
    }
    if (!answer) co_return fail(answer.error());
    const size_t before = out.size();
    add_entities(out, find(*answer, {"batch", "entityResults"}));
    const json::value* batch = find(*answer, {"batch"});
    if (!batch || !batch->is_object()) co_return out;
    bool unfinished = text_or(batch->get_object(), "moreResults") == "NOT_FINISHED";
    bool full = out.size() - before >= static_cast<size_t>(left);
    if (q.limit > 0 && out.size() >= static_cast<size_t>(q.limit)) co_return out;
    if (!unfinished && !full) co_return out;
    cursor = text_or(batch->get_object(), "endCursor");
    if (cursor.empty()) co_return out;
  }
}

Task<Result<int64_t>> Api::count(std::string kind, int most) {
  json::object o = in_place(place_);
  o["partitionId"] = to_json(place_);
  o["aggregationQuery"] =
      json::object{{"nestedQuery", json::object{{"kind", json::array{json::object{{"name", kind}}}}}},
                   {"aggregations", json::array{json::object{{"alias", "n"}, {"count", json::object{}}}}}};
  auto answer = co_await call("runAggregationQuery", json::serialize(o), limits_.call);
  if (answer) {
    const json::value* results = find(*answer, {"batch", "aggregationResults"});
    const json::value* n = results && results->is_array() && !results->get_array().empty()
                               ? find(results->get_array().front(), {"aggregateProperties", "n"})
                               : nullptr;
    if (n && n->is_object()) {
      const std::string text(text_or(n->get_object(), "integerValue"));
      int64_t count = 0;
      if (std::from_chars(text.data(), text.data() + text.size(), count).ec == std::errc{}) co_return count;
    }
  }
  Query q;
  q.kind = std::move(kind);
  q.keys_only = true;
  q.limit = most;
  auto found = co_await query(std::move(q));
  if (!found) co_return fail(found.error());
  co_return static_cast<int64_t>(found->size());
}

Task<Result<>> Api::write(std::vector<std::string> mutations) {
  auto answer = co_await persist("commit", commit_text(place_, "", mutations));
  if (!answer) co_return fail(answer.error());
  co_return Result<>{};
}

Task<Result<>> Api::write_once(std::vector<std::string> mutations, milliseconds limit) {
  auto answer = co_await call("commit", commit_text(place_, "", mutations), limit);
  if (!answer) co_return fail(answer.error());
  co_return Result<>{};
}

Task<Result<std::string>> Api::begin() {
  json::object o = in_place(place_);
  o["transactionOptions"] = json::object{{"readWrite", json::object{}}};
  auto answer = co_await call("beginTransaction", json::serialize(o), limits_.call);
  if (!answer) co_return fail(answer.error());
  const json::value* id = find(*answer, {"transaction"});
  if (!id || !id->is_string() || id->get_string().empty())
    co_return fail(ErrorCode::internal, place_.url, "Datastore began no transaction");
  co_return std::string(id->get_string());
}

Task<Result<>> Api::commit(std::string transaction, std::vector<std::string> mutations) {
  auto answer = co_await call("commit", commit_text(place_, transaction, mutations), limits_.call);
  if (!answer) co_return fail(answer.error());
  co_return Result<>{};
}

Task<> Api::rollback(std::string transaction) {
  json::object o = in_place(place_);
  o["transaction"] = transaction;
  co_await call("rollback", json::serialize(o), seconds{2});
}

}  // namespace lemmy::store::datastore
