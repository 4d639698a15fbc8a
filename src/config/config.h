#pragma once
// The configuration tree: files that people keep under version control. docs/configuration.md shows every
// key.
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "domain/deploy.h"

namespace lemmy::config {

struct File {  // name relative to its folder
  std::string name;
  std::string text;
  bool operator==(const File&) const = default;
};

struct Link {
  std::string title, url;
};

struct ProjectEnvironment {
  std::string name;
  json::object values;  // environments.json[name], as written
  int line = 0;         // in environments.json; 0 when not known
};

struct Project {
  std::string name;
  Deployer deployer = Deployer::kubernetes;
  std::string description;
  std::vector<std::string> owners;
  std::vector<Link> links;
  milliseconds deadline{600'000};  // without progress
  milliseconds settle{10'000};
  int history = 20;  // deploys listed
  bool service = true;
  std::vector<ProjectEnvironment> environments;  // in the order of the file
  std::vector<File> templates;                   // template.json.j2 and what it includes
  std::vector<File> files;                       // config/ -> ConfigMap; at most 1 MiB together

  const ProjectEnvironment* environment(std::string_view name) const;
};

struct Retire {
  std::optional<milliseconds> zero_after;  // previous deploys are zeroed this long after a new one went live
  std::optional<int> keep;                 // of the zeroed ones, the newest so many; older ones are deleted
};

struct Environment {
  std::string name;
  std::string cluster;        // empty: the only or default one
  bool is_protected = false;  // a deploy asks for confirmation
  Retire retire;
};

struct Cluster {
  std::string name;
  std::string kubeconfig;  // path; empty with in_cluster
  std::string context;
  bool in_cluster = false;
};

struct Config {
  std::string revision;  // hash of all files
  std::filesystem::path dir;
  std::map<std::string, Project> projects;
  std::vector<Environment> environments;  // in order; those found only in projects come last
  std::map<std::string, Cluster> clusters;
  std::vector<File> standards;  // SRE's templates; room manifest has defaults for what is absent

  const Project* project(std::string_view name) const;
  const Environment* environment(std::string_view name) const;
};

// Reads the whole tree. On failure every problem found, each with where = "file:line:column key", what and
// hint. Blocks: not on the loop thread.
using Problems = std::vector<Error>;
std::expected<std::shared_ptr<const Config>, Problems> load(const std::filesystem::path& dir);

}  // namespace lemmy::config
