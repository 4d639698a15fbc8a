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
#include "base/networks.h"
#include "base/time.h"
#include "domain/deploy.h"
#include "domain/workload.h"

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
  json::object values;               // environments.json[name], as written
  int line = 0;                      // in environments.json; 0 when not known
  std::map<std::string, int> lines;  // of everything in `values`, by JSON pointer (RFC 6901)
  Deployer deployer = Deployer::kubernetes;
  Workload workload = Workload::replication_controller;
};

// One step of a JSON pointer: "/" and the key, with ~ and / escaped.
std::string pointer_step(std::string_view key);

struct Project {
  std::string name;
  Deployer deployer = Deployer::kubernetes;              // of environments that do not say otherwise
  Workload workload = Workload::replication_controller;  // as `deployer`; a template may say otherwise
  std::string description;
  std::vector<std::string> owners;
  std::vector<Link> links;
  milliseconds deadline{600'000};   // without progress
  milliseconds timeout{3'600'000};  // of a playbook run, in all
  milliseconds settle{10'000};
  int crash_loops = 3;  // a container that was started again so often, and crashes, has failed
  milliseconds wait_for_config{60'000};  // for a Secret, a ConfigMap or a key that is not there
  int history = 20;                      // deploys listed
  bool service = true;
  std::string hosts;         // Ansible host pattern; empty: the default, see hosts_pattern
  std::string playbook;      // in ansible/playbooks/; "<project>.yml" unless said
  bool boot_newest = false;  // hosts that boot get the newest build, not the one deployed last
  std::string boot_branch;   // of boot_newest: only builds of this branch; empty: any
  std::vector<ProjectEnvironment> environments;  // in the order of the file
  std::vector<File> templates;                   // template.json.j2 and what it includes
  std::vector<File> files;                       // config/ -> ConfigMap; at most 1 MiB together

  const ProjectEnvironment* environment(std::string_view name) const;
};

// Of viewer < deployer < admin each may do what the one before may.
enum class Role { viewer, deployer, admin };
std::string_view name(Role role);
std::optional<Role> role_from(std::string_view name);

struct Retire {
  std::optional<milliseconds> zero_after;  // previous deploys are zeroed this long after a new one went live
  std::optional<int> keep;                 // of the zeroed ones, the newest so many; older ones are deleted
};

// What becomes of the pods of a deploy that failed.
enum class Failed {
  quarantine,  // they stay to be looked at, and get no requests
  zero,
  keep  // they stay, and those that are ready get requests
};

struct Environment {
  std::string name;
  std::string cluster;        // empty: there is no clusters.yaml, or nothing here needs a cluster
  bool is_protected = false;  // a deploy asks for confirmation
  Retire retire;
  Role role = Role::deployer;  // the least role that may act here
  Failed failed = Failed::quarantine;
};

// environments.yaml retention: how much of what is over stays in the store. Of a kind all is kept when one of
// its limits is absent.
struct Retention {
  milliseconds every{3'600'000};
  std::optional<int> deploys = 200;  // the newest of each target
  std::optional<milliseconds> deploys_for = std::chrono::days{90};
  std::optional<int> builds = 1000;  // the newest of each project
  std::optional<milliseconds> builds_for = std::chrono::days{180};
  std::optional<milliseconds> deliveries_for = std::chrono::days{30};
  // Of the feed goes what is older and was done by all who read it; and, done or not, the oldest of more than
  // these.
  std::optional<milliseconds> feed_for = std::chrono::days{90};
  std::optional<int> feed_most = 1'000'000;
  bool operator==(const Retention&) const = default;
};

struct Cluster {
  std::string name;
  std::string kubeconfig;  // path; empty with in_cluster
  std::string context;
  bool in_cluster = false;
  std::vector<std::string> namespaces;  // that are watched and deployed to; empty: all
};

struct User {
  std::string name;
  Role role = Role::viewer;
  std::string password_hash;  // "$argon2id$..."; empty: may not sign in
  bool operator==(const User&) const = default;
};

struct Token {
  std::string name;
  Role role = Role::viewer;
  std::string hash;                   // SHA-256 of the token, 64 hex digits
  std::vector<std::string> projects;  // empty: all
  std::optional<Time> expires;
  bool operator==(const Token&) const = default;
};

// The least that a hook's signature must cover (docs/configuration.md#signatures).
enum class Signs { body, timestamp, all };

// Who may call /hooks. Exactly one of the three says how the caller proves itself.
struct Hook {
  std::string name;
  std::string secret_file;            // path of a file with the HMAC key
  std::string secret_env;             // name of an environment variable with the HMAC key
  std::string token_hash;             // SHA-256 of a bearer token, 64 hex digits
  std::vector<std::string> projects;  // empty: all
  Signs sign = Signs::body;
  bool operator==(const Hook&) const = default;
};

// access.yaml instances: how hosts that boot prove themselves to POST /hooks/instance.
struct InstanceToken {
  std::string name;
  std::string project, environment;
  std::string token_hash;  // SHA-256 of a bearer token, 64 hex digits
  bool operator==(const InstanceToken&) const = default;
};
// Signed instance identity documents of AWS. The certificates are those that AWS publishes for its regions.
struct AwsIdentity {
  std::vector<std::string> accounts;      // 12 digits each; never empty
  std::vector<std::string> regions;       // empty: all
  std::vector<std::string> certificates;  // PEM files
  std::vector<std::string> projects;      // that these instances may ask for; empty: all
  bool check_address = true;              // the call must come from the document's privateIp
  milliseconds max_age{3'600'000};        // since pendingTime, when the instance was launched
  bool operator==(const AwsIdentity&) const = default;
};
// Instance identity tokens of Google Compute Engine (JWT, RS256, format=full).
struct GceIdentity {
  std::vector<std::string> google_projects;  // Google's project ids; never empty
  std::string audience;
  std::string keys_file;              // JWKS
  std::vector<std::string> projects;  // that these instances may ask for; empty: all
  bool operator==(const GceIdentity&) const = default;
};

// Where people reach the server, as browsers see it.
struct PublicUrl {
  std::string text;  // "https://deploy.example.com/lemmy", without a '/' at its end; empty: not said
  std::string host;  // lower case, without the port: "deploy.example.com", "[::1]"
  std::string path;  // "/lemmy": what a proxy has before all paths; may be empty
  bool operator==(const PublicUrl&) const = default;
};

struct Access {
  std::vector<InstanceToken> instance_tokens;
  std::optional<AwsIdentity> aws;
  std::optional<GceIdentity> gce;
  std::vector<User> users;  // in the order of the file, like the others
  std::vector<Token> tokens;
  std::vector<Hook> hooks;
  std::optional<Role> anonymous;              // of people who are not signed in; none: they must
  milliseconds session_lifetime{43'200'000};  // 12 h
  int logins_per_minute = 10;                 // access/log_ins.h
  int hooks_per_minute = 600;                 // of one address
  PublicUrl public_url;
  std::vector<Network> trusted_proxies;  // whose X-Forwarded-For is believed, beside this machine's

  const User* user(std::string_view name) const;
  bool operator==(const Access&) const = default;
};

struct Config {
  std::string revision;  // hash of all files
  std::filesystem::path dir;
  std::map<std::string, Project> projects;
  std::vector<Environment> environments;  // in order; those found only in projects come last
  Retention retention;
  std::map<std::string, Cluster> clusters;
  std::vector<File> standards;  // SRE's templates; room manifest has defaults for what is absent
  // standards/final.schema.json: a JSON Schema that narrows what projects' templates may render.
  std::optional<File> final_schema;

  bool has_access = false;    // there is an access.yaml
  bool blank_access = false;  // there is no key in it
  Access access;
  std::vector<Error> warnings;  // the configuration is usable in spite of them

  const Project* project(std::string_view name) const;  // nullptr: none
  const Environment* environment(std::string_view name) const;
  std::filesystem::path ansible_dir() const { return dir / "ansible"; }
};

// Reads the whole tree. On failure every problem found, each with where = "file:line:column key", what and
// hint. Blocks: not on the loop thread.
using Problems = std::vector<Error>;
std::expected<std::shared_ptr<const Config>, Problems> load(const std::filesystem::path& dir);

// access.yaml alone, as text; names of projects are not looked up.
std::expected<Access, Problems> parse_access(const std::string& text, const std::string& file);

// The hosts of (project, environment): the project's pattern with {project} and {environment} filled in, else
// project_<p>:&environment_<e>. Inventory groups have no '-', so it becomes '_'.
std::string hosts_pattern(const Project& project, std::string_view environment);

}  // namespace lemmy::config
