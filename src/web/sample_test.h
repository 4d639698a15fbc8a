#pragma once
// Contexts as the board and the handlers make them, for tests of templates.
#include "domain/deploy.h"
#include "web/assets.h"
#include "web/context.h"
#include "web/render.h"
namespace lemmy::web {

// A page of the embedded templates; "" and a failure of the test when it cannot be made.
inline std::string draw(const std::string& name, const json::object& context) {
  auto r = render(name, json::value(context));
  if (!r) ADD_FAILURE() << name << ": " << r.error().str() << "\n" << r.error().detail;
  return r.value_or("");
}

}  // namespace lemmy::web

namespace lemmy::web::sample {

inline json::object frame() {
  return {{"version", "0.1.0"},
          {"simulated", true},
          {"revision", "0123456789abcdef"},
          {"problems", json::array{}},
          {"left", json::array{}},
          {"clusters", {{{"name", "eu"}, {"ok", true}, {"trouble", ""}, {"missing_rights", json::array{}}}}},
          {"strays", {{"total", 0}, {"items", json::array{}}}},
          {"store", {{"ok", true}, {"trouble", ""}, {"since", ""}, {"as_of", ""}}}};
}

inline json::object page(const std::string& path = "/", bool fragment = false, bool may = true) {
  route::Call call;
  call.request.path = call.request.target = path;
  call.who = {"ada", access::Role::deployer, access::Identity::Kind::user, {}};
  call.signed_in = true;
  call.config = std::make_shared<config::Config>();
  json::object o = page_json(call, "the-token", path, fragment);
  json::object yes{{"ok", may}, {"why", may ? "" : "Look, but do not touch: this needs the role deployer"}};
  o["may"] = yes;
  o["any_may"] = may;
  o["why"] = yes["why"];
  return o;
}

inline json::object deploy(Phase phase, int64_t number = 12, const std::string& environment = "staging") {
  Deploy d;
  d.target = {"hello-world", environment};
  d.number = number;
  d.sha = "0123abc4567890123abc4567890123abc4567890";
  d.branch = "main";
  d.phase = phase;
  d.presence = phase >= Phase::applying && phase <= Phase::failed ? Presence::running : Presence::none;
  d.who = "ada";
  d.note = is_finished(phase) ? "" : "1 of 3 pods ready";
  d.created_at = now() - seconds{200};
  json::object o = to_json(d);
  o["title"] = title(phase);
  o["short_sha"] = "0123abc";
  o["recovered"] = false;
  o["age"] = "3 min 20 s";
  o["url"] = "/projects/hello-world/environments/" + environment + "/deploys/" + std::to_string(number);
  o["release_url"] = "";
  o["finished"] = is_finished(phase);
  o["serving"] = phase == Phase::live;
  o["ready"] = 1;
  o["wanted_pods"] = 3;
  o["actions"] = is_finished(phase) ? json::array{"zero", "delete"} : json::array{"cancel"};
  return o;
}

inline json::object target(const std::string& environment, std::string_view health) {
  return {{"environment", environment},
          {"configured", true},
          {"deployer", "kubernetes"},
          {"health", health},
          {"drift", nullptr},
          {"health_text", health == "ok" ? "3 of 3 pods ready" : "health " + std::string(health)},
          {"current",
           health == "none" ? json::value(nullptr) : json::value(deploy(Phase::live, 11, environment))},
          {"active", health == "busy" ? json::value(deploy(Phase::rolling_out, 12, environment))
                                      : json::value(nullptr)},
          {"latest", health == "bad"    ? json::value(deploy(Phase::failed, 12, environment))
                     : health == "none" ? json::value(nullptr)
                                        : json::value(deploy(Phase::live, 11, environment))},
          {"queued", json::array{}}};
}

inline json::array environments() {
  return {{{"name", "staging"}, {"cluster", "eu"}, {"protected", false}},
          {{"name", "production"}, {"cluster", "eu"}, {"protected", true}}};
}

inline json::object project(std::string_view first, std::string_view second) {
  return {{"name", "hello-world"},
          {"description", "Says hello"},
          {"deployer", "kubernetes"},
          {"owners", {"team-a"}},
          {"links", {{{"title", "Dashboard"}, {"url", "https://example.org/d"}}}},
          {"known", true},
          {"targets", {target("staging", first), target("production", second)}}};
}

inline json::object home(std::string_view first = "ok", std::string_view second = "busy") {
  return {{"frame", frame()},
          {"page", page()},
          {"environments", environments()},
          {"projects", {project(first, second)}},
          {"total", 1},
          {"next", ""}};
}

inline json::object build(const std::string& sha, const std::string& message = "Say hello twice") {
  return {{"project", "hello-world"},
          {"sha", sha},
          {"branch", "main"},
          {"image", ""},
          {"url", ""},
          {"author", "ada"},
          {"message", message},
          {"first_pushed_at", format_time(now())},
          {"pushed_at", format_time(now())},
          {"short_sha", sha.substr(0, 7)},
          {"age", "4 min"},
          {"targets", json::object{}}};
}

inline json::object project_page(json::array builds, bool may = true) {
  json::object o{{"frame", frame()},
                 {"page", page("/projects/hello-world", false, may)},
                 {"project", project("ok", "busy")},
                 {"environments", environments()},
                 {"builds", std::move(builds)},
                 {"next", ""}};
  json::object& p = o["page"].as_object();
  json::value one = p["may"];
  p["may"] = json::object{{"staging", one}, {"production", one}};
  return o;
}

inline json::object cause() {
  Cause c;
  c.summary = "container app: CrashLoopBackOff, exit code 3";
  c.pod = "hello-world-0123abc-12-x7k2p";
  c.container = "app";
  c.reason = "CrashLoopBackOff";
  c.exit_code = 3;
  c.message = "back-off 10s restarting failed container";
  c.hint = "read its log: the program ends by itself";
  c.previous_log_tail = "panic: no DATABASE_URL";
  c.events.push_back({"Warning", "BackOff", "Back-off restarting failed container", 4, now()});
  return to_json(c);
}

inline json::object pod(bool fatal, const std::string& end = "x7k2p") {
  return {{"name", "hello-world-0123abc-12-" + end},
          {"status", fatal ? "CrashLoopBackOff" : "Running"},
          {"ready", fatal ? "0/1" : "1/1"},
          {"is_ready", !fatal},
          {"restarts", fatal ? 4 : 0},
          {"node", "node-1"},
          {"age", "2 min"},
          {"created_at", "2026-11-25T10:00:00.000Z"},
          {"note", fatal ? "container app: CrashLoopBackOff, exit code 3" : ""},
          {"fatal", fatal},
          {"containers",
           {{{"name", "app"},
             {"image", "registry.example/hello:1"},
             {"state", fatal ? "waiting" : "running"},
             {"reason", fatal ? "CrashLoopBackOff" : ""},
             {"exit_code", fatal ? json::value(3) : json::value(nullptr)},
             {"restarts", fatal ? 4 : 0},
             {"ready", !fatal},
             {"logs", "/projects/hello-world/environments/staging/deploys/12/logs?pod=x&container=app"}}}}};
}

// As deploy/difference.h makes it.
inline json::object difference() {
  auto side = [](int64_t number, std::string sha, std::string url) {
    return json::object{{"number", number},         {"sha", sha},           {"short_sha", sha.substr(0, 7)},
                        {"branch", "main"},         {"url", url},           {"author", "ada"},
                        {"message", "Say <hello>"}, {"live_since", nullptr}};
  };
  json::object field{{"object", "final"},   {"path", "containers[app].env[MODE].value"},
                     {"change", "changed"}, {"before", "<slow>"},
                     {"after", "fast"},     {"from", "projects/hello-world/template.json.j2:4:5"},
                     {"by_build", false}};
  json::object image{{"container", "app"},
                     {"before", "r/app:1"},
                     {"after", "r/app:1"},
                     {"state", "same_tag"},
                     {"text", "the same tag; what it points to may have changed"}};
  return {{"build",
           {{"same", false},
            {"before", side(11, "aaaaaaa", "https://example.org/r/commit/aaaaaaa")},
            {"after", side(12, "0123abc", "")},
            {"compare_url", "https://example.org/r/compare/aaaaaaa...0123abc"}}},
          {"fields", json::array{std::move(field)}},
          {"left_out", 0},
          {"fields_why", ""},
          {"images", json::array{std::move(image)}},
          {"config_map", {{"state", "changed"}, {"before", "a"}, {"after", "b"}}},
          {"secret", {{"state", "same"}, {"before", "7"}, {"after", "7"}}},
          {"summary", "the build (aaaaaaa -> 0123abc) and 1 field of the configuration differ"}};
}

inline json::object failure() {
  json::object sample = pod(true);
  json::object& container = sample["containers"].as_array()[0].as_object();
  container["init"] = false;
  container["last_reason"] = "Error";
  json::object log{
      {"previous", true}, {"first", "begin <1>\n"}, {"last", "panic: no DATABASE_URL"}, {"whole", false}};
  json::object role{{"summary", "container app: CrashLoopBackOff, exit code 3"},
                    {"reason", "CrashLoopBackOff"},
                    {"container", "app"},
                    {"exit_code", 3},
                    {"message", "back-off"},
                    {"hint", ""},
                    {"fatal", true},
                    {"pods", 3},
                    {"sample", std::move(sample)},
                    {"logs", json::array{std::move(log)}}};
  return {{"at", nullptr},
          {"cause", cause()},
          {"drift", nullptr},
          {"last_good", 11},
          {"difference", difference()},
          {"why", ""},
          {"pods", 3},
          {"ready", 0},
          {"roles", json::array{std::move(role)}},
          {"roles_left_out", 0},
          {"events", json::array{}}};
}

inline json::object status(Phase phase, bool may = true) {
  const bool failed = phase == Phase::failed;
  json::object d = deploy(phase);
  json::array history;
  for (Phase p : {Phase::queued, Phase::preparing, Phase::applying, Phase::rolling_out})
    if (p <= phase) {
      DeployEvent e;
      e.seq = static_cast<int64_t>(history.size()) + 1;
      e.kind = "phase";
      e.phase = p;
      e.who = p == Phase::queued ? "ada" : "lemmy";
      e.at = now();
      e.text = title(p);
      json::object o = to_json(e);
      o["age"] = "1 min";
      history.push_back(std::move(o));
    }
  json::object page_of = page("/projects/hello-world/environments/staging/deploys/12", false, may);
  page_of["steps"] = steps(d, history);
  json::object old = deploy(Phase::live, 11);
  old["serving"] = false;
  json::object gone = deploy(Phase::failed, 10);
  gone["presence"] = "deleted";
  gone["actions"] = json::array{"rollback"};
  return {{"frame", frame()},
          {"page", page_of},
          {"deploy", d},
          {"project", {{"name", "hello-world"}, {"description", ""}, {"links", json::array{}}}},
          {"environment", {{"name", "staging"}, {"cluster", "eu"}, {"protected", false}}},
          {"build", build("0123abc4567890123abc4567890123abc4567890")},
          {"cause", failed ? json::value(cause()) : json::value(nullptr)},
          {"failure", failed ? json::value(failure()) : json::value(nullptr)},
          {"queue", phase == Phase::queued
                        ? json::value{{"position", 1}, {"blocker", 11}, {"text", "it waits for #11"}}
                        : json::value(nullptr)},
          {"cluster", {{"name", "eu"}, {"ok", true}, {"trouble", ""}}},
          {"hosts", nullptr},
          {"pods", phase < Phase::applying ? json::array{} : json::array{pod(failed), pod(false, "y9m4q")}},
          {"answers", {{"deploys", json::array{}}, {"text", "#12 answers requests, with 3 pods."}}},
          {"drift", nullptr},
          {"health", nullptr},
          {"health_text", ""},
          {"autoscaler",
           {{"min", 2},
            {"max", 6},
            {"current", 3},
            {"desired", 3},
            {"cpu", 40},
            {"cpu_target", 70},
            {"trouble", ""}}},
          {"events",
           {{{"type", failed ? "Warning" : "Normal"},
             {"reason", "BackOff"},
             {"message", "Back-off restarting"},
             {"count", 4},
             {"last", "2026-11-25T10:00:00.000Z"},
             {"age", "5 s"},
             {"key", "0123456789ab"},
             {"about", "3 pods"}}}},
          {"history", history},
          {"secret_changed", failed},
          {"previous", {old, gone}}};
}

}  // namespace lemmy::web::sample
