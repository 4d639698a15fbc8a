#pragma once
// A host that booted and asked for its build by POST /hooks/instance. Two halves that never overwrite each
// other: what it asked for is written by the hook, what came of it by whoever runs playbooks.
#include <optional>
#include <string>

#include "base/json.h"
#include "base/time.h"
#include "domain/deploy.h"

namespace lemmy {

enum class InstanceState {
  waiting,    // to be run
  unknown,    // the inventory does not have it yet, or not in this target's groups
  running,    // a playbook runs on it
  converged,  // it has the build of `deploy`
  failed,     // the last run failed on it; tried again at next_try, if there is one
  gone        // somebody let go of it; kept, so that its proofs are no use to others; a call brings it back
};
std::string_view name(InstanceState s);
std::optional<InstanceState> instance_state_from(std::string_view name);

struct InstanceResult {
  InstanceState state = InstanceState::waiting;
  int64_t answered = 0;  // as many of the calls were there when the last run that it got began
  std::string host;      // its name in the inventory
  std::string sha;       // the build that it has
  int64_t deploy = 0;    // the deploy whose build and configuration it has; 0: none
  std::string run;       // id of the last run
  std::string why;       // why it has not what it asked for, for people
  int tries = 0;         // since the last call
  std::optional<Time> next_try;
  std::optional<Time> run_at;  // when the last run on it began
  bool operator==(const InstanceResult&) const = default;
};

struct Instance {
  Target target;
  std::string id;        // as its cloud names it: 1 to 128 of [-A-Za-z0-9._:/]
  std::string address;   // as it said, else where the call came from
  std::string identity;  // how the last call proved itself: "token web", "aws 123456789012", "hook ci"
  int64_t asked = 0;     // calls so far
  Time first_asked_at{};
  Time asked_at{};
  std::optional<Time> launched_at;  // by its cloud's signed word; an older one is a replay
  InstanceResult result;

  // A call came after its last run began: what is pending is never forgotten, however often it calls.
  bool pending() const { return asked > result.answered; }
  bool operator==(const Instance&) const = default;
};

struct InstanceCall {
  Target target;
  std::string id, address, identity;
  Time at{};
  std::optional<Time> launched_at = {};
};
// Project, environment, id and address by the naming standard. Errors: invalid, with the field as where.
Result<> check_instance_call(const InstanceCall& call);
// What a call makes of it; `was` may be empty.
Instance with_call(const std::optional<Instance>& was, const InstanceCall& call);

json::object to_json(const Instance& instance);
Result<Instance> instance_from_json(const json::value& v);

}  // namespace lemmy
