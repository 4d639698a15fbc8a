#pragma once
// The rules for instances that ask for their build. No I/O and no clock: docs/hosts.md describes them.
#include <map>
#include <set>
#include <vector>

#include "ansible/run.h"
#include "domain/instance.h"
#include "hosts/run_document.h"

namespace lemmy::hosts {

// What hosts of a target are to have now.
struct Desired {
  int64_t deploy = 0;  // 0: nothing was deployed, and the project wants the newest build all the same
  std::string sha;
};

inline constexpr seconds kFirstTry{5}, kLongestTry{300};
// For hosts that do not show up or cannot be reached; by their back-offs about an hour, whatever clocks say.
inline constexpr int kGiveUpTries = 18;
inline constexpr int kFailures = 3;  // runs that fail on a host for one call

// The name of a run, as kept in InstanceResult: "<deploy>-<milliseconds>".
std::string run_name(int64_t deploy, Time at);
int64_t deploy_of_run(std::string_view run);  // 0: none

// Which host of the inventory an instance is: by its id, else by its address.
class Directory {
 public:
  explicit Directory(std::vector<ansible::InventoryHost> hosts);
  // not_found: not there (yet); conflict: several hosts fit.
  Result<std::string> find(const Instance& instance) const;

 private:
  std::multimap<std::string, std::string> by_id_, by_address_;
};

// It called, or its next try has come, or a server died while it ran.
bool is_due(const Instance& instance, Time now);

// Each gives back what is to be recorded.
Instance begun(Instance instance, std::string host, std::string run, Time now);
// `host`: what the run said of it; nullptr: the run never came to it.
Instance ended(Instance instance, const ansible::Host* host, const Desired& desired, const std::string& why,
               Time now);
// The inventory does not have it, or cannot be read.
Instance not_there(Instance instance, const Error& why, Time now);
// The run was cut, by a deploy or a restart: at once again.
Instance interrupted(Instance instance, Time now);
// It stays as it is until something changes; nullopt: that is known already.
std::optional<Instance> held(Instance instance, const Error& why);
// As people count it: a call that is not answered waits, and what the inventory has given up for so long that
// nobody waits for it is gone.
InstanceState shown_state(const Instance& instance, Time now);
inline constexpr std::chrono::hours kWaitedFor{24};
// The machine is no more. nullopt: a run is on it.
std::optional<Instance> let_go(Instance instance);
// It called and has not been answered by a run, or that run was cut or could not come to it.
bool awaits_run(const Instance& instance);
// What the run of a deploy that went live did: the hosts on which it went well, and when it began.
struct Reached {
  std::set<std::string> hosts;
  Time began_at{};
};
// Another deploy is live now: what its own run brought it, or that it must be run again. Calls from before
// that run are answered by it. `host`: its name in the inventory; empty: not known. nullopt: nothing.
std::optional<Instance> after_deploy(Instance instance, const std::string& host, const Desired& desired,
                                     const Reached& reached, Time now);

// Another deploy failed or was cancelled, after its run had begun on hosts: it was the last that touched
// them. nullopt: it did not touch this one, or something later did.
std::optional<Instance> after_broken(Instance instance, const Deploy& broken, const RunOnHosts& run);

}  // namespace lemmy::hosts
