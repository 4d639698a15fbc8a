#include "hosts/run_document.h"

namespace lemmy::hosts {

std::string run_document(const ansible::Progress& progress, std::optional<Time> began_at,
                         std::optional<Time> ended_at) {
  json::object o = to_json(progress);
  if (began_at) o["began_at"] = format_time(*began_at);
  if (ended_at) o["ended_at"] = format_time(*ended_at);
  return json::serialize(o);
}

RunOnHosts read_run_document(const std::string& text) {
  RunOnHosts out;
  auto parsed = parse_json(text, "stored hosts");
  if (!parsed || !parsed->is_object()) return out;
  const json::object& o = parsed->get_object();
  if (auto at = parse_time(text_or(o, "began_at"))) out.began_at = *at;
  out.over = !text_or(o, "ended_at").empty() || bool_or(o, "finished");
  const json::value* hosts = find(o, "hosts");
  if (!hosts || !hosts->is_array()) return out;
  for (const json::value& v : hosts->get_array()) {
    if (!v.is_object() || !bool_or(v.get_object(), "meant", true)) continue;
    const json::object& h = v.get_object();
    const std::string name(text_or(h, "name"));
    const std::string_view state = text_or(h, "state");
    out.meant.push_back(name);
    if (!out.began_at || (out.over && state == "waiting")) continue;
    const json::value* complete = h.if_contains("complete");
    const bool good = state == "ok" || state == "changed" || state == "rescued" || state == "skipped";
    out.touched[name] = out.over && (complete ? *complete == true : good);
  }
  return out;
}

int still_there(const RunOnHosts& serving, int64_t number, const std::vector<RunOnHosts>& later,
                const std::vector<Instance>& instances) {
  struct Last {
    bool has;
    Time at;
  };
  std::map<std::string, Last> last;
  for (const std::string& host : serving.meant) {
    auto it = serving.touched.find(host);
    last[host] = {it != serving.touched.end() && it->second, serving.began_at.value_or(Time{})};
  }
  for (const RunOnHosts& run : later)
    for (const auto& [host, complete] : run.touched)
      if (auto it = last.find(host); it != last.end()) it->second = {false, run.began_at.value_or(Time{})};
  for (const Instance& i : instances) {
    auto it = last.find(i.result.host);
    if (it == last.end() || !i.result.run_at || *i.result.run_at < it->second.at) continue;
    // One that runs, or waits for its turn, says nothing yet.
    if (i.result.state == InstanceState::converged && i.result.deploy == number)
      it->second = {true, *i.result.run_at};
    else if (i.result.state == InstanceState::failed)
      it->second = {false, *i.result.run_at};
  }
  return static_cast<int>(std::ranges::count_if(last, [](const auto& l) { return l.second.has; }));
}

}  // namespace lemmy::hosts
