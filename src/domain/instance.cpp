#include "domain/instance.h"

#include <algorithm>

#include "base/strings.h"
#include "domain/names.h"

namespace lemmy {
namespace {

constexpr std::string_view kStates[] = {"waiting", "unknown", "running", "converged", "failed", "gone"};

bool made_of(std::string_view text, std::string_view others) {
  return std::ranges::all_of(
      text, [&](char c) { return std::isalnum(static_cast<unsigned char>(c)) || others.contains(c); });
}

}  // namespace

std::string_view name(InstanceState s) { return kStates[static_cast<size_t>(s)]; }

std::optional<InstanceState> instance_state_from(std::string_view text) {
  for (size_t i = 0; i < std::size(kStates); ++i)
    if (kStates[i] == text) return static_cast<InstanceState>(i);
  return std::nullopt;
}

Result<> check_instance_call(const InstanceCall& c) {
  if (auto ok = check_project_name(c.target.project); !ok) return fail(ok.error());
  if (auto ok = check_environment_name(c.target.environment); !ok) return fail(ok.error());
  if (c.id.empty() || c.id.size() > 128 || !made_of(c.id, "-._:/"))
    return fail(ErrorCode::invalid, "instance_id",
                "'" + shorten(valid_utf8(c.id), 80) + "' is no instance id",
                "1 to 128 letters, digits and - . _ : /, as the cloud names the instance");
  if (c.address.size() > 255 || !made_of(c.address, "-.:%"))
    return fail(ErrorCode::invalid, "address", "'" + shorten(valid_utf8(c.address), 80) + "' is no address",
                "an IP address or a host's name, or leave it out");
  return {};
}

Instance with_call(const std::optional<Instance>& was, const InstanceCall& call) {
  Instance i;
  if (was) i = *was;
  i.target = call.target;
  i.id = call.id;
  if (!call.address.empty()) i.address = call.address;
  i.identity = call.identity;
  if (i.asked++ == 0) i.first_asked_at = call.at;
  i.asked_at = std::max(i.asked_at, call.at);
  if (call.launched_at) i.launched_at = std::max(i.launched_at, call.launched_at);
  return i;
}

json::object to_json(const Instance& i) {
  const InstanceResult& r = i.result;
  return {{"project", i.target.project},
          {"environment", i.target.environment},
          {"instance_id", i.id},
          {"address", i.address},
          {"identity", i.identity},
          {"asked", i.asked},
          {"first_asked_at", format_time(i.first_asked_at)},
          {"asked_at", format_time(i.asked_at)},
          {"launched_at", time_or_null(i.launched_at)},
          {"state", name(r.state)},
          {"answered", r.answered},
          {"host", r.host},
          {"build", r.sha},
          {"deploy", r.deploy},
          {"run", r.run},
          {"why", r.why},
          {"tries", r.tries},
          {"next_try", time_or_null(r.next_try)},
          {"run_at", time_or_null(r.run_at)}};
}

Result<Instance> instance_from_json(const json::value& v) {
  const json::object* o = v.if_object();
  if (!o) return fail(ErrorCode::internal, "stored instance", "it is not a JSON object");
  auto text = [&](std::string_view key) { return std::string(text_or(*o, key)); };
  auto state = instance_state_from(text("state"));
  if (!state)
    return fail(ErrorCode::internal, "stored instance " + text("instance_id"),
                "unknown state '" + text("state") + "'", "was it written by a newer Lemmy?");
  Instance i;
  i.target = {text("project"), text("environment")};
  i.id = text("instance_id");
  i.address = text("address");
  i.identity = text("identity");
  i.asked = int_or(*o, "asked");
  i.first_asked_at = parse_time(text("first_asked_at")).value_or(Time{});
  i.asked_at = parse_time(text("asked_at")).value_or(Time{});
  i.launched_at = parse_time(text("launched_at"));
  InstanceResult& r = i.result;
  r.state = *state;
  r.answered = int_or(*o, "answered");
  r.host = text("host");
  r.sha = text("build");
  r.deploy = int_or(*o, "deploy");
  r.run = text("run");
  r.why = text("why");
  r.tries = static_cast<int>(int_or(*o, "tries"));
  r.next_try = parse_time(text("next_try"));
  r.run_at = parse_time(text("run_at"));
  return i;
}

}  // namespace lemmy
