#include "ansible/task_result.h"

#include <algorithm>

#include "ansible/text.h"
#include "base/strings.h"

namespace lemmy::ansible {
namespace {

constexpr size_t kMessage = 2048, kOutput = 8192;
// Actions that Ansible does by itself, whatever host they are for.
constexpr std::string_view kByAnsible[] = {
    "add_host",     "assert",        "debug",        "fail",
    "group_by",     "import_role",   "import_tasks", "include",
    "include_role", "include_tasks", "include_vars", "meta",
    "pause",        "set_fact",      "set_stats",    "validate_argument_spec"};

// Modules put numbers and lists where a text is expected.
std::string as_text(const json::object& o, std::string_view key) {
  const json::value* v = find(o, key);
  if (!v || v->is_null()) return {};
  if (v->is_string()) return std::string(v->get_string());
  return json::serialize(*v);
}

bool hidden(const json::object& res) { return res.contains("censored") || bool_or(res, "_ansible_no_log"); }

std::string last_line(std::string_view text) {
  text = trim(text);
  size_t at = text.rfind('\n');
  return std::string(trim(at == text.npos ? text : text.substr(at + 1)));
}

// Of a module whose result Ansible could not read, as when it is not UTF-8: what was printed. The result also
// has the task's arguments, which are nobody's to see.
std::string of_module(std::string_view text) {
  constexpr std::string_view kKept = "(the module's result, which has the task's arguments, is not shown)";
  const size_t begin = text.find('{'), end = text.rfind('}');
  if (begin == text.npos || end == text.npos || end < begin) return std::string(kKept);
  json::error_code error;
  const json::value v = json::parse(without_half_surrogates(text.substr(begin, end + 1 - begin)), error);
  if (error || !v.is_object()) return std::string(kKept);
  std::string out;
  for (std::string_view key : {"stdout", "stderr"}) {
    const std::string part = as_text(v.get_object(), key);
    if (!part.empty()) out += (out.empty() ? "" : "\n") + part;
  }
  return out;
}

}  // namespace

std::string item_of(const json::object& res) {
  if (hidden(res)) return {};
  std::string label = as_text(res, "_ansible_item_label");
  if (label.empty()) label = as_text(res, "item");
  return shorten(valid_utf8(without_colours(label)), 100);
}

const json::object& object_or_empty(const json::object& o, std::string_view key) {
  static const json::object none;
  const json::value* v = find(o, key);
  return v && v->is_object() ? v->get_object() : none;
}

bool is_done_by_host(const json::object& data) {
  std::string_view action = text_or(data, "task_action");
  for (std::string_view of : {"ansible.builtin.", "ansible.legacy."})
    if (action.starts_with(of)) action.remove_prefix(of.size());
  const json::object& res = object_or_empty(data, "res");
  return std::ranges::find(kByAnsible, action) == std::end(kByAnsible) &&
         !res.contains("_ansible_delegated_vars") && !res.contains("_ansible_delegated_to");
}

const json::object& telling_result(const json::object& res) {
  for (const auto& [module, failed] : object_or_empty(res, "failed_modules"))  // of gathering facts
    if (failed.is_object()) return failed.get_object();
  const json::value* results = find(res, "results");
  if (!results || !results->is_array()) return res;
  for (const json::value& item : results->get_array())
    if (item.is_object() &&
        (bool_or(item.get_object(), "failed") || bool_or(item.get_object(), "unreachable")))
      return item.get_object();
  return res;
}

std::string message_of(const json::object& res) {
  if (hidden(res)) return "hidden: the task has no_log";
  std::string message(trim(without_colours(as_text(res, "msg"))));
  // Where it is stands beside it.
  message = trim(std::string_view(message).substr(0, message.find("\n\nThe error appears to be in")));
  if (std::string that = as_text(res, "assertion"); !that.empty() && message == "Assertion failed") {
    message += ": " + without_colours(that);
    if (std::string item = item_of(res); !item.empty()) message += " (item " + item + ")";
  }
  if (message == "non-zero return code") {  // of command and shell: the code, and what it said last
    message = "exit code " + std::to_string(int_or(res, "rc"));
    std::string said = last_line(without_colours(as_text(res, "stderr")));
    if (said.empty()) said = last_line(without_colours(as_text(res, "stdout")));
    if (!said.empty()) message += ": " + said;
  }
  for (std::string_view key : {"stderr", "module_stderr", "exception", "reason", "stdout"})
    if (message.empty()) message = last_line(without_colours(as_text(res, key)));
  return shorten(valid_utf8(message), kMessage);
}

std::string output_of(const json::object& res) {
  if (hidden(res)) return {};
  std::string all;
  for (std::string_view key : {"stdout", "module_stdout", "stderr", "module_stderr"}) {
    std::string text = as_text(res, key);
    if (key.starts_with("module_") && text.contains("\"module_args\"")) text = of_module(text);
    std::string part(trim(tail(without_colours(text), kOutput / 2)));
    if (!part.empty()) all += (all.empty() ? "" : "\n") + part;
  }
  return tail(all, kOutput);
}

void take_printed_result(json::object& event, std::string_view printed) {
  json::value* data = event.if_contains("event_data");
  if (!text_or(event, "event").starts_with("runner_on_failed") || !data || !data->is_object() ||
      !object_or_empty(data->get_object(), "res").empty())
    return;
  const size_t at = printed.find(" => {");
  if (at == printed.npos) return;
  json::error_code error;
  json::value res = json::parse(without_half_surrogates(trim(printed.substr(at + 4))), error);
  if (!error) data->get_object()["res"] = std::move(res);
}

}  // namespace lemmy::ansible
