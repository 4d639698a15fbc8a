// What happened, for programs that follow it: the store's feed of deploys, from a cursor on.
#include <fmt/format.h>

#include "api/common.h"
#include "deploy/told.h"
#include "domain/addresses.h"

namespace lemmy::api {
namespace {

json::object event_json(const store::FeedItem& i) {
  json::object o{{"id", i.id},
                 {"at", format_time(i.at)},
                 {"project", i.target.project},
                 {"environment", i.target.environment},
                 {"number", i.number}};
  for (const auto& [key, value] : i.body) o[key] = value;
  o["url"] = deploy_address(i.target, i.number);
  return o;
}

Task<net::Response> happened(Shared s, route::Call call) {
  auto limit = int_query(call.request, "limit", 50, 1, 1000);
  if (!limit) co_return problem(call, limit.error());
  const bool end = call.request.query_value("after") == "end";
  auto after = end ? Result<int64_t>(INT64_MAX) : int_query(call.request, "after", 0, 0, INT64_MAX);
  if (!after) co_return problem(call, after.error());
  auto found = co_await s->store->feed(*after, static_cast<int>(*limit));
  if (!found) co_return problem(call, found.error());
  json::array events;
  for (const store::FeedItem& i : found->items) {
    // What is not of deploys is for Lemmy's own work.
    if (i.kind != deploy::kTold || !call.who.may_touch(i.target.project)) continue;
    events.push_back(event_json(i));
  }
  // Of a cursor behind which all is gone the next is the end.
  const int64_t next = found->items.empty() ? found->last : found->items.back().seq;
  // The store is one of before: its next events have numbers that this cursor would leave out.
  const bool beyond = !end && *after > found->last;
  co_return route::json_response(json::object{{"events", std::move(events)},
                                              {"next", std::to_string(next)},
                                              {"more", next < found->last},
                                              {"missed", beyond || (*after > 0 && *after < found->let_go)},
                                              {"last", std::to_string(found->last)}});
}

}  // namespace

void add_feed(route::Router& router, Shared s) {
  router.add({.method = "GET",
              .pattern = "/api/v1/events",
              .who = route::Who::viewer,
              .kind = route::Kind::api,
              .summary = "What happened to deploys, oldest first, from a cursor on",
              .handle = [s](route::Call c) { return happened(s, std::move(c)); },
              .openapi = {{"parameters",
                           json::array{query_parameter("limit", "integer", "1 to 1000; 50 unless given"),
                                       query_parameter("after", "string",
                                                       "`next` of the answer before; end: only what comes; "
                                                       "the oldest there is unless given")}},
                          {"responses", ok_response("200", "events and the next cursor", "Events")}}});
}

}  // namespace lemmy::api
