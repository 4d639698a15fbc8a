// Pages that show texts: logs, manifests, the ledger of hook calls.
#include <fmt/format.h>

#include "base/strings.h"
#include "domain/addresses.h"
#include "manifest/explain.h"
#include "web/context.h"
#include "web/pages.h"

namespace lemmy::web {
namespace {

constexpr int kLogLines = 1000;
constexpr int kDeliveriesAPage = 50;

json::object section(std::string title, std::string text, std::string empty) {
  return {{"title", std::move(title)}, {"text", std::move(text)}, {"empty", std::move(empty)}};
}

void say_target(json::object& o, const Target& target, int64_t number) {
  o["target"] = json::object{{"project", target.project}, {"environment", target.environment}};
  o["number"] = number;
  o["url"] = deploy_address(target, number);
  o["again"] = "";
  o["other"] = nullptr;
  o["origins"] = nullptr;
}

constexpr size_t kShownValue = 200;

}  // namespace

Pages::Answer Pages::logs(route::Call call) {
  auto number = number_of(call);
  if (!number) co_return error(call, number.error());
  const std::string pod(call.request.query_value("pod")), container(call.request.query_value("container"));
  const bool previous = call.request.query_value("previous") == "1";
  auto text = co_await services_.board->pod_log(call.target(), *number, pod, container, previous, kLogLines);
  if (!text) co_return error(call, text.error());
  json::object o = context(call);
  say_target(o, call.target(), *number);
  const std::string base = fmt::format("{}/logs?pod={}&container={}", deploy_address(call.target(), *number),
                                       net::percent_encode(pod), net::percent_encode(container));
  o["title"] = fmt::format("Log of {} in {}", container.empty() ? "the container" : container, pod);
  o["again"] = previous ? base + "&previous=1" : base;
  o["other"] = json::object{{"url", previous ? base : base + "&previous=1"},
                            {"title", previous ? "The one that runs now" : "Before its last restart"}};
  json::array sections;
  sections.push_back(
      section(fmt::format("{}, last {} lines", previous ? "Before its last restart" : "Now", kLogLines),
              valid_utf8(*text), "It has not written anything."));
  o["sections"] = std::move(sections);
  co_return co_await html(std::move(call), "plain.html.j2", std::move(o));
}

json::value origins_json(const std::string& document) {
  auto v = parse_json(document, "origins");
  const json::value* objects = v ? find(*v, {"objects"}) : nullptr;
  if (!objects || !objects->is_object()) return nullptr;
  json::array out;
  for (const auto& [name, list] : objects->get_object()) {
    if (!list.is_array()) continue;
    json::array rows;
    for (const json::value& field : list.get_array()) {
      if (!field.is_object()) continue;
      const json::value* value = field.get_object().if_contains("value");
      rows.push_back({{"path", text_or(field.get_object(), "path")},
                      {"value", shorten(manifest::shown_value(value ? *value : json::value()), kShownValue)},
                      {"from", manifest::origin_line(field.get_object())}});
    }
    out.push_back({{"name", name == "final" ? json::string("Final JSON") : json::string(name)},
                   {"rows", std::move(rows)}});
  }
  return json::object{{"revision", text_or(v->get_object(), "revision")},
                      {"complete", bool_or(v->get_object(), "complete", true)},
                      {"objects", std::move(out)}};
}

Pages::Answer Pages::manifests(route::Call call) {
  auto number = number_of(call);
  if (!number) co_return error(call, number.error());
  auto known = co_await services_.store->deploy(call.target(), *number);
  if (!known) co_return error(call, known.error());
  constexpr std::string_view kParts[][2] = {{"manifests", "Manifests, as sent to the cluster"},
                                            {"final", "Final JSON, as the project's template made it"},
                                            {"environment", "Environment JSON, as it was then"}};
  const bool hosts = known->deployer == Deployer::ansible;
  json::array sections;
  for (const auto& [name, of_pods] : kParts) {
    if (hosts && name == "manifests") continue;
    const std::string_view title = hosts && name == "final" ? "Variables, as the playbook got them" : of_pods;
    auto text = co_await services_.store->document(call.target(), *number, std::string(name));
    if (!text && text.error().code != ErrorCode::not_found) co_return error(call, text.error());
    sections.push_back(section(std::string(title), text ? readable(*text) : "",
                               "Not there: the deploy did not get that far."));
  }
  auto origins = co_await services_.store->document(call.target(), *number, "origins");
  if (!origins && origins.error().code != ErrorCode::not_found) co_return error(call, origins.error());
  json::object o = context(call);
  say_target(o, call.target(), *number);
  if (origins) o["origins"] = origins_json(*origins);
  o["title"] = hosts ? "Variables" : "Manifests";
  o["sections"] = std::move(sections);
  co_return co_await html(std::move(call), "plain.html.j2", std::move(o));
}

static Task<Result<json::object>> read_ledger(store::Store* store, store::Page page) {
  auto listing = co_await store->deliveries(std::move(page));
  if (!listing) co_return fail(listing.error());
  json::array rows;
  for (const Delivery& d : listing->items) rows.push_back(to_json(d));
  co_return json::object{{"rows", std::move(rows)}, {"next", listing->next}};
}

Pages::Answer Pages::deliveries(route::Call call) {
  auto data = co_await known(
      "/deliveries?" + query_of(call),
      read_ledger(services_.store, {kDeliveriesAPage, std::string(call.request.query_value("after"))}));
  if (!data) co_return error(call, data.error());
  json::array rows;
  for (json::value& v : (*data)["rows"].as_array()) {
    json::object& row = v.as_object();
    if (!call.who.may_touch(text_or(row, "project"))) continue;
    if (!call.who.may(access::Role::deployer)) row["body"] = "";  // as in the API
    rows.push_back(std::move(row));
  }
  json::object o = context(call);
  say_stale(o["frame"].as_object(), *data);
  o["deliveries"] = std::move(rows);
  o["page"].as_object()["next"] = net::percent_encode(text_or(*data, "next"));
  co_return co_await html(std::move(call), "deliveries.html.j2", std::move(o));
}

Pages::Answer Pages::store(route::Call call) {
  auto data = services_.board->store();
  if (!data) co_return error(call, data.error());
  json::object o = context(call);
  for (auto& [key, value] : *data) o[key] = std::move(value);
  co_return co_await html(std::move(call), "store.html.j2", std::move(o));
}

}  // namespace lemmy::web
