#pragma once
// Contexts of releases, dry runs and instances, for tests of templates.
#include "web/sample_test.h"

namespace lemmy::web::sample {

inline json::object release(std::string_view state, bool may = true) {
  json::object pods = deploy(Phase::live), hosts = deploy(Phase::failed, 3, "hosts");
  hosts["deployer"] = "ansible";
  pods["way_back"] = json::object{{"kind", "goes"}, {"to", 11}, {"why", ""}};
  hosts["way_back"] = json::object{{"kind", "cannot"}, {"to", 0}, {"why", "nothing <served> before #3"}};
  json::object r{{"id", "0123456789ab"},
                 {"project", "hello-world"},
                 {"build", "0123abc456"},
                 {"short_sha", "0123abc"},
                 {"branch", "main"},
                 {"who", "ada"},
                 {"reason", "<b>"},
                 {"created_at", format_time(now())},
                 {"age", "3 s"},
                 {"url", "/projects/hello-world/releases/0123456789ab"},
                 {"rollback", false},
                 {"state", state},
                 {"title", "failed in hosts"},
                 {"finished", state != "in_progress"},
                 {"can_go_back", true},
                 {"all_can_go_back", false}};
  return {{"frame", frame()},
          {"page", page("/projects/hello-world/releases/0123456789ab", false, may)},
          {"release", r},
          {"deploys", json::array{pods, hosts}}};
}

inline json::object dry_run(std::string_view state, std::string_view diff) {
  json::object host{
      {"name", "web-1"}, {"state", "changed"},          {"task", ""}, {"message", ""}, {"changed", 1},
      {"done", true},    {"lines", unified_lines(diff)}};
  json::object hosts{{"task", "Copy"}, {"counts", {{"changed", 1}}}, {"hosts", json::array{host}}};
  json::object run{{"id", "0123456789ab"},
                   {"project", "hello-world"},
                   {"environment", "hosts"},
                   {"build", "0123abc456"},
                   {"short_sha", "0123abc"},
                   {"branch", "main"},
                   {"deployer", "ansible"},
                   {"who", "ada"},
                   {"state", state},
                   {"finished", state != "running"},
                   {"started_at", format_time(now())},
                   {"note", ""},
                   {"cause", nullptr},
                   {"hosts", hosts},
                   {"objects", json::array{}},
                   {"url", "/x"}};
  return {{"frame", frame()}, {"page", page("/x")}, {"run", run}, {"protected", false}, {"after", 4}};
}

inline json::object instance(const std::string& id, std::string_view state) {
  const bool failed = state == "failed";
  return {{"project", "hello-world"},
          {"environment", "hosts"},
          {"instance_id", id},
          {"host", "web-1"},
          {"address", "10.0.0.1"},
          {"identity", "hook ci"},
          {"asked", 2},
          {"asked_at", format_time(now())},
          {"age", "3 s"},
          {"state", state},
          {"state_text", failed ? "failed on web-1; next try in 20 s" : "web-1 has build 0123abc"},
          {"state_words", failed ? "failed on web-1" : "web-1 has build 0123abc"},
          {"next_try", failed ? json::value("2026-11-25T10:00:00.000Z") : json::value(nullptr)},
          {"next_in", failed ? "in 20 s" : ""},
          {"pending", false},
          {"task", ""},
          {"why", failed ? "no space" : ""},
          {"build", "0123abc4567890"},
          {"short_sha", "0123abc"},
          {"deploy", 3},
          {"deploy_url", "/d"},
          {"log", "/l"},
          {"may", {{"ok", true}, {"why", ""}}}};
}

inline json::object instances() {
  json::object page_of = page("/instances");
  page_of["project"] = "";
  page_of["environment"] = "";
  page_of["query"] = "";
  page_of["state"] = "";
  return {{"frame", frame()},
          {"page", page_of},
          {"instances", json::array{instance("i-1", "failed"), instance("i-2", "converged")}},
          {"counts", {{"failed", 1}, {"converged", 1}}},
          {"next", ""}};
}

// A deploy to hosts while its playbook runs.
inline json::object hosts() {
  json::object o = status(Phase::applying);
  o["deploy"].as_object()["deployer"] = "ansible";
  json::object host{{"name", "web-1"}, {"state", "running"}, {"task", "Copy"}, {"message", ""}, {"ok", 1},
                    {"changed", 0},    {"failed", 0},        {"skipped", 2},   {"rescued", 0}};
  o["hosts"] = json::object{
      {"task", "Copy"}, {"finished", false}, {"counts", {{"running", 1}}}, {"hosts", json::array{host}}};
  return o;
}

}  // namespace lemmy::web::sample
