#include "pods/failure.h"

#include <algorithm>

#include "base/log.h"
#include "base/strings.h"
#include "pods/place.h"

namespace lemmy::pods {
namespace {

constexpr size_t kRoles = 5, kLines = 25;
constexpr size_t kLogBytes = 8192;        // of each end
constexpr size_t kWholeLog = 16'000;      // the client gives no more than 16 KiB of a beginning
constexpr milliseconds kLogLimit{3'000};  // of one call
// Its target waits for the explanation of a failure: what hangs may hold it up no longer.
constexpr milliseconds kExplain{6'000}, kLogsLimit{6'000}, kSecretLimit{2'000};

json::object role_json(const Role& r) {
  json::object sample = pod_json(*r.sample);
  sample.stable_erase("age");
  return {{"summary", r.cause.summary},
          {"reason", r.cause.reason},
          {"container", r.cause.container},
          {"exit_code", r.cause.exit_code ? json::value(*r.cause.exit_code) : json::value(nullptr)},
          {"message", r.cause.message},
          {"hint", r.cause.hint},
          {"fatal", r.fatal},
          {"pods", r.pods},
          {"sample", std::move(sample)},
          {"logs", json::array{}}};
}

std::string lines_of(const std::vector<std::string_view>& all, size_t from, size_t to) {
  std::string out;
  for (size_t i = from; i < to; ++i) out.append(all[i]).append("\n");
  return out;
}

std::vector<std::string_view> split_lines(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  return text.empty() ? std::vector<std::string_view>{} : split(text, '\n');
}

// The end matters: its beginning is cut.
std::string last_bytes(std::string text) {
  if (text.size() <= kLogBytes) return text;
  return "…" + valid_utf8(std::string_view(text).substr(text.size() - kLogBytes));
}

// nullopt: there is none, its node is gone, or time ran out.
Task<std::optional<json::object>> read_log(kube::Client* client, std::string ns, std::string pod,
                                           std::string container, bool previous, Clock::time_point end) {
  auto left = [&] {
    return std::min<milliseconds>(kLogLimit, std::chrono::duration_cast<milliseconds>(end - Clock::now()));
  };
  if (left() <= milliseconds{0}) co_return std::nullopt;
  auto begin = co_await with_deadline(client->log(ns, pod, container, previous, 0), left(), "log");
  if (!begin || begin->empty()) co_return std::nullopt;
  const bool complete = begin->size() < kWholeLog;
  std::string tail;
  if (!complete && left() > milliseconds{0}) {
    auto got = co_await with_deadline(client->log(ns, pod, container, previous, int(kLines)), left(), "log");
    if (got) tail = std::move(*got);
  }
  Excerpt e = excerpt_of(*begin, complete, tail);
  co_return json::object{{"previous", previous}, {"first", e.first}, {"last", e.last}, {"whole", e.whole}};
}

}  // namespace

Excerpt excerpt_of(const std::string& begin, bool complete, const std::string& end) {
  const auto all = split_lines(begin);
  if (complete && all.size() <= 2 * kLines)
    return {last_bytes(lines_of(all, 0, all.size())), "", begin.size() <= kLogBytes};
  Excerpt out;
  out.first = shorten(lines_of(all, 0, std::min(kLines, all.size())), kLogBytes);
  const auto tail = complete ? all : split_lines(end);
  out.last = last_bytes(lines_of(tail, tail.size() > kLines ? tail.size() - kLines : 0, tail.size()));
  return out;
}

json::object pods_now(const std::vector<const kube::Pod*>& pods, const std::string& first) {
  int there = 0, ready = 0;
  for (const kube::Pod* p : pods)
    if (!p->meta.deleting) ++there, ready += p->ready;
  const std::vector<Role> all = roles(pods, first);
  json::array shown;
  for (size_t i = 0; i < std::min(all.size(), kRoles); ++i) shown.push_back(role_json(all[i]));
  const size_t left_out = all.size() - shown.size();
  return {{"pods", there}, {"ready", ready}, {"roles", std::move(shown)}, {"roles_left_out", left_out}};
}

Task<> add_logs(kube::Client* client, std::string ns, json::object* pods, milliseconds limit) {
  const auto end = Clock::now() + limit;
  for (json::value& v : (*pods)["roles"].as_array()) {
    json::object& role = v.get_object();
    const json::object& sample = role["sample"].get_object();
    const std::string pod(text_or(sample, "name")), name(text_or(role, "container"));
    for (const json::value& c : sample.at("containers").get_array()) {
      const json::object& container = c.get_object();
      if (name.empty() || text_or(container, "name") != name) continue;
      const bool restarted = int_or(container, "restarts") > 0;
      const bool running = text_or(container, "state") == "running";
      for (bool previous : {true, false}) {
        // Of one that waits for its next start the kubelet gives the same log for both.
        const bool wanted = previous ? restarted : running || role["logs"].as_array().empty();
        if (!wanted) continue;
        auto log = co_await read_log(client, ns, pod, name, previous, end);
        if (log) role["logs"].as_array().push_back(std::move(*log));
      }
    }
  }
}

// The words of the container itself, and what Kubernetes said about the pod.
Task<Cause> Place::explain(Deploy d, Cause cause) {
  const std::string ns = d.target.environment;
  const auto end = Clock::now() + kExplain;
  // The verdict is often sooner than the event that explains it.
  auto warned = [&] {
    auto all = cluster_.events_about(cause.pod, ns);
    return std::any_of(all.begin(), all.end(), [](const EventGroup& e) { return e.type == "Warning"; });
  };
  for (int i = 0; i < 8 && !cause.pod.empty() && !warned(); ++i) co_await sleep_for(milliseconds{250});
  cause.events = cluster_.events_about(d.object_name, ns);
  if (!cause.pod.empty()) {
    auto of_pod = cluster_.events_about(cause.pod, ns);
    cause.events.insert(cause.events.end(), of_pod.begin(), of_pod.end());
  }
  std::erase_if(cause.events, [](const EventGroup& e) { return e.type != "Warning"; });
  std::sort(cause.events.begin(), cause.events.end(),
            [](const EventGroup& a, const EventGroup& b) { return a.last > b.last; });
  if (cause.events.size() > 20) cause.events.resize(20);
  if (cause.pod.empty() || cause.container.empty()) co_return cause;
  for (bool previous : {false, true}) {
    const auto left = std::chrono::ceil<milliseconds>(end - Clock::now());
    if (left <= milliseconds{0}) break;
    auto text = co_await with_deadline(client()->log(ns, cause.pod, cause.container, previous, int(kLines)),
                                       std::min(left, kLogLimit), "log");
    if (!text) continue;  // there is none, or its node is gone
    (previous ? cause.previous_log_tail : cause.log_tail) = last_bytes(std::move(*text));
  }
  co_return cause;
}

json::object Place::roles(const Deploy& d, const std::string& first_pod) const {
  return pods_now(pods_of(cluster_, {d.target, d.number}), first_pod);
}

Task<json::object> Place::failure(Deploy d, json::object roles) {
  co_await add_logs(client(), d.target.environment, &roles, kLogsLimit);
  json::array events = events_json(cluster_, d);
  for (json::value& e : events) e.get_object().stable_erase("age");
  roles["events"] = std::move(events);
  co_return roles;
}

// It failed before its manifests were kept, or they were refused: what it would have sent, as far as that
// renders.
Task<deploy::Made> Place::made(deploy::Made made) {
  Deploy& d = made.deploy;
  if (!made.manifests.empty()) {
    if (made.origins.empty())  // it failed before it was applied
      if (auto sent = parse_json(made.manifests, "manifests"); sent && sent->is_array())
        made.origins = co_await keep_origins(d, std::move(sent->get_array()));
    if (d.phase != Phase::preparing) co_return made;  // what it was sent with is known
  } else {
    if (d.rollback_of) co_return made;  // it has those of its earlier deploy
    auto m = co_await render(d);
    if (!m) co_return made;
    json::array sent = m->manifests.in_order();
    made.manifests = json::serialize(sent);
    made.final = json::serialize(m->manifests.final);
    made.origins = co_await origins_of(std::move(m->from), d, std::move(sent));
    if (const json::object* copy = m->manifests.find(manifest::Role::files_copy))
      d.config_map = kube::parse_meta(*copy).name;
  }
  const bool known = !d.secret_version.empty() && d.secret_version != kUnknownSecret;
  if (known) co_return made;
  auto secret = co_await with_deadline(client()->secret_version(d.target.environment, d.target.project),
                                       kSecretLimit, "secret");
  d.secret_version = secret ? *secret : kUnknownSecret;
  co_return made;
}

}  // namespace lemmy::pods
