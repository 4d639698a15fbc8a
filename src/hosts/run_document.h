#pragma once
// Document "hosts" of a deploy: which hosts it is for, and what its run did there. What a host has is what
// the last run that touched it brought, whether that came to its end or not. Pure.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "ansible/progress.h"
#include "domain/instance.h"

namespace lemmy::hosts {

struct RunOnHosts {
  std::vector<std::string> meant;       // hosts, in the inventory's names
  std::map<std::string, bool> touched;  // of those; true: the run came to its end there
  std::optional<Time> began_at;         // nullopt: no run has begun
  bool over = false;  // false after it began: a server died in the middle, all may be touched
};

// began_at, ended_at: of the run; nullopt: not yet.
std::string run_document(const ansible::Progress& progress, std::optional<Time> began_at,
                         std::optional<Time> ended_at);
// Anything may be missing: earlier releases wrote less.
RunOnHosts read_run_document(const std::string& text);

// How many hosts of the serving deploy still have what its run brought, after runs of later deploys, in their
// order, and after those on instances, which are of the target.
int still_there(const RunOnHosts& serving, int64_t number, const std::vector<RunOnHosts>& later,
                const std::vector<Instance>& instances);

}  // namespace lemmy::hosts
