#pragma once
// Inside room kube: kubeconfig files as text, before anything in them is believed.
#include <yaml-cpp/yaml.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace lemmy::kube {

// An entry of a named list: what it says, the file that says it, and its name for people.
struct Entry {
  YAML::Node node;
  std::string file;
  std::string title;  // "user 'ada'"

  // Of the entry's key; "" when it is absent. invalid: it is no text, number or boolean.
  Result<std::string> text(const std::string& key) const;
  Result<bool> flag(const std::string& key) const;  // false when it is absent
  std::optional<YAML::Node> at(const std::string& key) const;
  std::unexpected<Error> bad(std::string what, std::string hint = "") const;
};

struct Merged {
  std::string current_context;
  std::string files;  // for people
  std::map<std::string, Entry> clusters, users, contexts;
  std::vector<std::string> unknown;  // as of ClusterAccess
};

// As JSON, plain scalars as YAML 1.2 reads them; null for what is too large (aliases of aliases).
json::value as_json(const YAML::Node& node);

// As clientcmd's ClientConfigLoadingRules: of files that are not there none is read, and one must be.
Result<Merged> merge_kubeconfigs(const std::vector<std::string>& files);

}  // namespace lemmy::kube
