#include "ansible/progress.h"

#include <algorithm>

#include "ansible/task_result.h"
#include "ansible/text.h"
#include "base/strings.h"

namespace lemmy::ansible {
namespace {

constexpr size_t kMostHosts = 100'000, kMostCandidates = 128;
constexpr size_t kName = 256, kTask = 512, kTrouble = 8192;

void worsen(Host& host, HostState state) { host.state = std::max(host.state, state); }

}  // namespace

std::string_view name(HostState s) {
  constexpr std::string_view names[] = {"waiting", "running", "skipped", "ok",
                                        "changed", "rescued", "failed",  "unreachable"};
  return names[static_cast<size_t>(s)];
}

Host* Progress::host(std::string_view host_name) {
  if (host_name.empty()) return nullptr;
  std::string key = shorten(host_name, kName);
  auto it = hosts_.find(key);
  if (it == hosts_.end()) {
    if (hosts_.size() >= kMostHosts) return nullptr;
    it = hosts_.emplace(key, Host{.name = key, .meant = !expects_}).first;
  }
  return &it->second;
}

void Progress::expect(const std::vector<std::string>& names) {
  for (auto& [key, h] : hosts_) h.meant = false;
  expects_ = true;
  for (const std::string& name : names)
    if (Host* h = host(name)) h->meant = true;
}

bool Progress::none_reached() const {
  return std::ranges::none_of(
      hosts_, [](const auto& h) { return h.second.meant && h.second.state != HostState::waiting; });
}

bool Progress::in_error() const { return trouble_.starts_with("ERROR!") || trouble_.starts_with("[ERROR]"); }

bool Progress::no_hosts() const { return no_hosts_ && none_reached(); }

bool Progress::no_host_named() const {
  const bool others = std::ranges::any_of(
      hosts_, [](const auto& h) { return !h.second.meant && h.second.state != HostState::waiting; });
  return !no_hosts_ && none_reached() && (none_named_ || (finished_ && others));
}

void Progress::feed(std::string_view line) {
  if (trim(line).empty()) return;
  if (line.front() == '{') {
    json::error_code error;
    json::parse_options options;
    options.max_depth = 512;
    json::value parsed = json::parse(line, error, {}, options);
    if (error) parsed = json::parse(without_half_surrogates(line), error, {}, options);
    if (!error && parsed.is_object() && parsed.get_object().contains("event")) {
      feed(parsed.get_object());
      return;
    }
  }
  text(line);
}

// "ERROR! ..." and the lines that follow it; warnings only until an error comes.
void Progress::text(std::string_view line) {
  if (line.empty()) return;
  std::string plain = without_colours(line);
  std::string_view words = plain;
  bool starts = words.starts_with("ERROR!") || words.starts_with("[ERROR]");
  if (starts && !in_error()) trouble_.clear();
  if (trouble_.size() >= kTrouble) return;
  if (!trouble_.empty()) trouble_ += '\n';
  trouble_ = shorten(trouble_ + valid_utf8(words), kTrouble);
  if (words.find("leaves us with no hosts to target") != words.npos ||
      words.find("does not match any hosts") != words.npos)
    no_hosts_ = true;
  ++version_;
}

void Progress::feed(const json::object& e) {
  std::string_view kind = text_or(e, "event");
  const json::object& data = object_or_empty(e, "event_data");
  ++events_;
  if (kind == "playbook_on_play_start") {
    play_ = shorten(text_or(data, "play", text_or(data, "name")), kTask);
    task_.clear();
    settle();
    in_play_.clear();  // of `serial` each batch is a play
  } else if (kind == "playbook_on_task_start" || kind == "playbook_on_handler_task_start") {
    task_ = shorten(text_or(data, "task", text_or(data, "name")), kTask);
  } else if (kind == "playbook_on_no_hosts_remaining") {  // max_fail_percentage, any_errors_fatal
    broken_off_.insert(in_play_.begin(), in_play_.end());
  } else if (kind == "playbook_on_no_hosts_matched") {  // of one play
    none_named_ = true;
  } else if (kind == "playbook_on_stats") {
    stats(data);
  } else if (kind == "error" || kind == "warning" || kind == "system_warning") {
    std::string said(trim(text_or(e, "stdout")));
    if (!said.empty()) text(said);
    return;
  } else if (kind == "verbose") {
    std::string said = without_colours(text_or(e, "stdout"));
    if (said.starts_with("ERROR!") || said.starts_with("[ERROR]") || said.starts_with("[WARNING]"))
      text(said);
    return;
  } else if (kind.starts_with("runner_")) {
    Host* h = host(text_or(data, "host"));
    if (!h) return;
    if (kind == "runner_on_file_diff") add_diff(text_or(data, "task"), text_or(e, "stdout"), *h);
    result(kind, data, *h);
  } else {
    return;
  }
  ++version_;
}

void Progress::started(Host& h, std::string_view task) {
  // A host that failed and goes on was rescued, or an `always` section runs: the statistics will tell.
  bool went_on = false;
  for (Candidate& c : candidates_)
    if (!c.passed && c.failure.host == h.name) {
      c.passed = went_on = true;
      int& count = c.failure.unreachable ? h.unreachable : h.failed;
      if (count > 0) --count;
      ++(c.failure.unreachable ? h.ignored : h.rescued);
    }
  if (went_on) {
    h.state = by_counts(h);
    h.message.clear();
    h.done = false;
    choose_first();
  }
  h.task = shorten(task, kTask);
  h.working = true;
  if (!h.done) h.message.clear();
  in_play_.insert(h.name);
  began_[h.name] = events_;
  worsen(h, HostState::running);
}

void Progress::result(std::string_view kind, const json::object& data, Host& h) {
  const json::object& res = object_or_empty(data, "res");
  std::string_view task = text_or(data, "task");
  if (kind == "runner_on_start") {
    started(h, task);
  } else if (kind == "runner_on_ok") {
    ++h.ok;
    if (bool_or(res, "changed")) ++h.changed;
    worsen(h, bool_or(res, "changed") ? HostState::changed : HostState::ok);
    if (is_done_by_host(data)) answered_.insert(h.name);
    h.message.clear();
  } else if (kind == "runner_on_skipped") {
    ++h.skipped;
    worsen(h, HostState::skipped);
    h.message.clear();
  } else if (kind == "runner_on_async_failed") {  // runner_on_failed of the same task follows
    h.message = message_of(res);
  } else if (kind == "runner_on_failed") {
    h.task = shorten(task, kTask);
    if (bool_or(data, "ignore_errors")) {
      ++h.ok, ++h.ignored;
      if (bool_or(res, "changed")) ++h.changed;
      worsen(h, bool_or(res, "changed") ? HostState::changed : HostState::ok);
      h.message.clear();
    } else {
      failed(data, h, false);
    }
  } else if (kind == "runner_on_unreachable") {
    h.task = shorten(task, kTask);
    failed(data, h, true);
  } else if (kind == "runner_retry") {
    h.message = "tried " + std::to_string(int_or(res, "attempts")) + " times, trying again";
  } else if (kind == "runner_item_on_failed") {
    h.message = message_of(res);
  } else if (kind.starts_with("runner_item_on_")) {
    if (const std::string item = item_of(res); !item.empty()) h.message = "item " + item;
  }
}

void Progress::failed(const json::object& data, Host& h, bool unreachable) {
  const json::object& res = telling_result(object_or_empty(data, "res"));
  Failure f{.host = h.name,
            .task = shorten(text_or(data, "task"), kTask),
            .role = shorten(text_or(data, "role"), kName),
            .file_line = shorten(relative_path(text_or(data, "task_path"), root_), kTask),
            .message = message_of(res),
            .output = output_of(res),
            .unreachable = unreachable};
  if (f.message.empty() && res.empty())
    f.message = "its result is too large to be kept; the run's log has it";
  ++(unreachable ? h.unreachable : h.failed);
  if (unreachable) unanswered_.insert(h.name);
  worsen(h, unreachable ? HostState::unreachable : HostState::failed);
  h.message = f.message;
  h.done = true;
  if (candidates_.size() >= kMostCandidates) {
    auto passed = std::ranges::find_if(candidates_, &Candidate::passed);
    if (passed == candidates_.end()) return;
    candidates_.erase(passed);
  }
  candidates_.push_back({std::move(f), events_, false});
  choose_first();
}

void Progress::choose_first() {
  auto first = std::ranges::find_if(candidates_, [](const Candidate& c) { return !c.passed; });
  failure_.reset();
  if (first != candidates_.end()) failure_ = first->failure;
}

}  // namespace lemmy::ansible
