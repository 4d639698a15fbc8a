#include "domain/deploy.h"

#include <fmt/format.h>

#include <tuple>

namespace lemmy {
namespace {

constexpr std::string_view kPhases[][2] = {
    {"queued", "Queued"},           {"preparing", "Preparing"}, {"applying", "Applying"},
    {"rolling_out", "Rolling out"}, {"settling", "Settling"},   {"live", "Live"},
    {"failed", "Failed"},           {"cancelled", "Cancelled"}, {"superseded", "Superseded"}};
constexpr std::string_view kPresences[] = {"none", "running", "zeroed", "deleted"};
constexpr std::string_view kWanted[] = {"running", "zeroed", "deleted"};
constexpr std::string_view kDeployers[] = {"kubernetes", "ansible"};

template <class E, size_t N>
E from_name(const std::string_view (&names)[N], std::string_view text) {
  for (size_t i = 0; i < N; ++i)
    if (names[i] == text) return static_cast<E>(i);
  return E{};
}

template <class T>
json::value or_null(const std::optional<T>& v) {
  return v ? json::value(*v) : json::value(nullptr);
}
std::optional<Time> time_in(const json::object& o, std::string_view key) {
  return parse_time(text_or(o, key));
}
std::optional<int64_t> int_in(const json::object& o, std::string_view key) {
  const json::value* v = o.if_contains(key);
  return v && v->is_int64() ? std::optional(v->get_int64()) : std::nullopt;
}
std::optional<int> small_int_in(const json::object& o, std::string_view key) {
  auto v = int_in(o, key);
  return v ? std::optional(static_cast<int>(*v)) : std::nullopt;
}

Cause cause_from_json(const json::object& o) {
  auto text = [&](std::string_view key) { return std::string(text_or(o, key)); };
  Cause c;
  c.summary = text("summary");
  c.pod = text("pod");
  c.container = text("container");
  c.reason = text("reason");
  c.exit_code = small_int_in(o, "exit_code");
  c.message = text("message");
  c.hint = text("hint");
  c.log_tail = text("log_tail");
  c.previous_log_tail = text("previous_log_tail");
  const json::value* events = o.if_contains("events");
  if (events && events->is_array())
    for (const json::value& v : events->get_array())
      if (const json::object* e = v.if_object())
        c.events.push_back({std::string(text_or(*e, "type")), std::string(text_or(*e, "reason")),
                            std::string(text_or(*e, "message")), static_cast<int>(int_or(*e, "count", 1)),
                            time_in(*e, "last").value_or(Time{})});
  return c;
}

Result<DeployPlace> place_from_json(const json::value& v) {
  const json::object* o = v.if_object();
  if (!o) return fail(ErrorCode::internal, "", "a place is not a JSON object");
  auto phase = phase_from(text_or(*o, "phase"));
  if (!phase)
    return fail(ErrorCode::internal, "",
                fmt::format("a place has the unknown phase '{}'", text_or(*o, "phase")));
  DeployPlace p{std::string(text_or(*o, "name")),
                std::string(text_or(*o, "kind")),
                std::string(text_or(*o, "object")),
                *phase,
                from_name<Presence>(kPresences, text_or(*o, "presence")),
                from_name<Wanted>(kWanted, text_or(*o, "wanted")),
                static_cast<int>(int_or(*o, "running")),
                {}};
  if (const json::value* c = o->if_contains("cause"); c && c->is_object())
    p.cause = cause_from_json(c->get_object());
  return p;
}

}  // namespace

std::string_view name(Phase p) { return kPhases[static_cast<int>(p)][0]; }
std::string_view title(Phase p) { return kPhases[static_cast<int>(p)][1]; }
std::string_view name(Presence p) { return kPresences[static_cast<int>(p)]; }
std::string_view name(Wanted w) { return kWanted[static_cast<int>(w)]; }
std::string_view name(Deployer d) { return kDeployers[static_cast<int>(d)]; }

std::optional<Phase> phase_from(std::string_view text) {
  for (size_t i = 0; i < std::size(kPhases); ++i)
    if (kPhases[i][0] == text) return static_cast<Phase>(i);
  return std::nullopt;
}

json::object to_json(const Cause& c) {
  json::array events;
  for (const EventGroup& e : c.events)
    events.push_back({{"type", e.type},
                      {"reason", e.reason},
                      {"message", e.message},
                      {"count", e.count},
                      {"last", format_time(e.last)}});
  return {{"summary", c.summary},
          {"pod", c.pod},
          {"container", c.container},
          {"reason", c.reason},
          {"exit_code", or_null(c.exit_code)},
          {"message", c.message},
          {"hint", c.hint},
          {"log_tail", c.log_tail},
          {"previous_log_tail", c.previous_log_tail},
          {"events", std::move(events)}};
}

json::object to_json(const Deploy& d) {
  json::array places;
  for (const DeployPlace& p : d.places)
    places.push_back({{"name", p.name},
                      {"kind", p.kind},
                      {"object", p.object},
                      {"phase", name(p.phase)},
                      {"presence", name(p.presence)},
                      {"wanted", name(p.wanted)},
                      {"running", p.running},
                      {"cause", p.cause ? json::value(to_json(*p.cause)) : json::value(nullptr)}});
  return {{"project", d.target.project},
          {"environment", d.target.environment},
          {"number", d.number},
          {"build", d.sha},
          {"branch", d.branch},
          {"image", d.image},
          {"deployer", name(d.deployer)},
          {"cluster", d.cluster},
          {"places", std::move(places)},
          {"phase", name(d.phase)},
          {"presence", name(d.presence)},
          {"wanted", name(d.wanted)},
          {"running", d.running},
          {"who", d.who},
          {"reason", d.reason},
          {"request_id", d.request_id},
          {"release", d.release},
          {"rollback_of", or_null(d.rollback_of)},
          {"follows", or_null(d.follows)},
          {"created_at", format_time(d.created_at)},
          {"phase_at", format_time(d.phase_at)},
          {"progress_at", time_or_null(d.progress_at)},
          {"ready_since", time_or_null(d.ready_since)},
          {"serving_since", time_or_null(d.serving_since)},
          {"serves", d.serves},
          {"served_ms", d.served.count()},
          {"out_by", d.out_by},
          {"vanished", d.vanished},
          {"at_once", d.at_once},
          {"finished_at", time_or_null(d.finished_at)},
          {"most_ready", d.most_ready},
          {"idle_ms", d.idle.count()},
          {"object_name", d.object_name},
          {"replicas", d.replicas},
          {"config_map", d.config_map},
          {"secret_version", d.secret_version},
          {"cause", d.cause ? json::value(to_json(*d.cause)) : json::value(nullptr)},
          {"note", d.note},
          {"cancel_requested_by", d.cancel_requested_by},
          {"wanted_by", d.wanted_by},
          {"scale_to", or_null(d.scale_to)},
          {"revision", d.revision}};
}

Result<Deploy> deploy_from_json(const json::value& v) {
  const json::object* o = v.if_object();
  if (!o) return fail(ErrorCode::internal, "stored deploy", "a stored deploy is not a JSON object");
  auto text = [&](std::string_view key) { return std::string(text_or(*o, key)); };
  Deploy d;
  d.target = {text("project"), text("environment")};
  d.number = int_or(*o, "number");
  d.sha = text("build");
  d.branch = text("branch");
  d.image = text("image");
  d.deployer = from_name<Deployer>(kDeployers, text("deployer"));
  d.cluster = text("cluster");
  auto phase = phase_from(text("phase"));
  if (!phase)
    return fail(ErrorCode::internal, "stored deploy " + d.target.str(),
                "unknown phase '" + text("phase") + "'", "was it written by a newer Lemmy?");
  d.phase = *phase;
  d.presence = from_name<Presence>(kPresences, text("presence"));
  d.wanted = from_name<Wanted>(kWanted, text("wanted"));
  d.running = static_cast<int>(int_or(*o, "running"));
  d.who = text("who");
  d.reason = text("reason");
  d.request_id = text("request_id");
  d.release = text("release");
  d.rollback_of = int_in(*o, "rollback_of");
  d.follows = int_in(*o, "follows");
  d.created_at = time_in(*o, "created_at").value_or(Time{});
  d.phase_at = time_in(*o, "phase_at").value_or(Time{});
  d.progress_at = time_in(*o, "progress_at");
  d.ready_since = time_in(*o, "ready_since");
  d.serving_since = time_in(*o, "serving_since");
  d.serves = int_or(*o, "serves");
  d.served = milliseconds{int_or(*o, "served_ms")};
  d.out_by = int_or(*o, "out_by");
  d.vanished = bool_or(*o, "vanished");
  d.at_once = bool_or(*o, "at_once");
  d.finished_at = time_in(*o, "finished_at");
  d.most_ready = static_cast<int>(int_or(*o, "most_ready"));
  d.idle = milliseconds{int_or(*o, "idle_ms")};
  d.object_name = text("object_name");
  d.replicas = static_cast<int>(int_or(*o, "replicas"));
  d.config_map = text("config_map");
  d.secret_version = text("secret_version");
  if (const json::value* c = o->if_contains("cause"); c && c->is_object())
    d.cause = cause_from_json(c->get_object());
  d.note = text("note");
  d.cancel_requested_by = text("cancel_requested_by");
  d.wanted_by = text("wanted_by");
  d.scale_to = small_int_in(*o, "scale_to");
  d.revision = int_or(*o, "revision");
  const json::value* places = o->if_contains("places");
  if (!places || !places->is_array()) {
    (void)only_place(d);  // kept by a Lemmy of before
    return d;
  }
  for (const json::value& v : places->get_array()) {
    auto place = place_from_json(v);
    if (!place) return fail(place.error().code, "stored deploy " + d.target.str(), place.error().what);
    d.places.push_back(std::move(*place));
  }
  sum_up(d);
  return d;
}

json::object to_json(const DeployEvent& e) {
  return {{"seq", e.seq},
          {"project", e.target.project},
          {"environment", e.target.environment},
          {"number", e.number},
          {"at", format_time(e.at)},
          {"kind", e.kind},
          {"phase", name(e.phase)},
          {"who", e.who},
          {"text", e.text}};
}

DeployEvent event_from_json(const json::object& o) {
  auto text = [&](std::string_view key) { return std::string(text_or(o, key)); };
  return {int_or(o, "seq"),    {text("project"), text("environment")},
          int_or(o, "number"), parse_time(text("at")).value_or(Time{}),
          text("kind"),        phase_from(text("phase")).value_or(Phase::queued),
          text("who"),         text("text")};
}

bool unsettled(const Deploy& d) {
  bool agrees = (d.wanted == Wanted::zeroed && d.presence == Presence::zeroed) ||
                (d.wanted == Wanted::deleted && d.presence == Presence::deleted) ||
                d.wanted == Wanted::running;
  return !is_finished(d.phase) || !agrees || d.presence == Presence::running ||
         d.presence == Presence::zeroed;
}

bool serves_rather(const Deploy* best, const Deploy& d) {
  if (d.presence != Presence::running || !d.serving_since) return false;
  // Those kept by a Lemmy of before have no counter: among them the time has to do.
  auto order = [](const Deploy& of) { return std::tuple(of.serves, *of.serving_since, of.number); };
  return !best || order(d) > order(*best);
}

const Deploy* current_deploy(const std::vector<Deploy>& deploys) {
  const Deploy* best = nullptr;
  for (const Deploy& d : deploys)
    if (serves_rather(best, d)) best = &d;
  return best;
}

}  // namespace lemmy
