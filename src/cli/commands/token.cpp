#include <fmt/format.h>

#include "cli/access_file.h"
#include "cli/command.h"
#include "cli/table.h"
#include "domain/names.h"

namespace lemmy::cli {
namespace {

constexpr const char* kTokenManual =
    R"(Tokens are for programs that call the API, and with --instances for hosts that ask for the build of one target
when they boot. They stand in access.yaml of a configuration folder. A new token is printed once, on standard output:
only its hash is kept.
Exit codes: 0, 2 something is malformed, 4 no such token or folder, 5 the name is taken.)";

struct TokenArguments {
  std::string dir = "config", name, role, expires, output = "table";
  std::vector<std::string> projects;
  std::string target;      // of --instances PROJECT/ENVIRONMENT
  bool instances = false;  // remove --instances
};

// "30d", or a time.
Result<std::optional<Time>> read_expiry(const std::string& text) {
  if (text.empty()) return std::optional<Time>();
  std::optional<Time> at = parse_time(text);
  if (!at) {
    auto after = parse_duration(text);
    if (!after)
      return fail(ErrorCode::invalid, "--expires", "this is neither a duration nor a time",
                  "such as 90d, or 2027-01-31T00:00:00Z");
    // access.yaml has seconds.
    at = std::chrono::time_point_cast<seconds>(now() + *after);
  }
  if (*at <= now()) return fail(ErrorCode::invalid, "--expires", "this time is over");
  return at;
}

Result<Target> read_target(const std::string& text) {
  const size_t slash = text.find('/');
  if (slash == text.npos)
    return fail(ErrorCode::invalid, "--instances", "this is no target",
                "PROJECT/ENVIRONMENT, such as web/production");
  Target target{text.substr(0, slash), text.substr(slash + 1)};
  for (auto ok : {check_project_name(target.project), check_environment_name(target.environment)})
    if (!ok) return fail(ok.error());
  return target;
}

void show(const TokenArguments& a, json::object made, const std::string& token, const char* use) {
  made["token"] = token;
  if (a.output == "json")
    print_json(made);
  else
    fmt::print("{}\n", token);
  fmt::print(stderr, "token {} is shown this once; {}\n", a.name, use);
}

int add_for_instances(const TokenArguments& a) {
  auto target = read_target(a.target);
  if (!target) return report(target.error());
  if (auto config = config::load(a.dir)) {
    const config::Project* p = (*config)->project(target->project);
    const config::ProjectEnvironment* e = p ? p->environment(target->environment) : nullptr;
    if (e && e->deployer != Deployer::ansible)
      fmt::print(stderr, "warning: {} is deployed to pods, and only hosts ask for their build\n", a.target);
  }
  const access::NewToken made = access::make_token();
  const config::InstanceToken token{a.name, target->project, target->environment, made.hash};
  auto done = edit_access(a.dir, [&](const std::string& t) { return access::add_instance_token(t, token); });
  if (!done) return report(done.error());
  show(a, {{"name", a.name}, {"project", target->project}, {"environment", target->environment}}, made.token,
       "hosts send it to /hooks/instance as Authorization: Bearer");
  return 0;
}

int add(const TokenArguments& a) {
  if (!a.target.empty()) return add_for_instances(a);
  if (a.role.empty())
    return report({ErrorCode::invalid, "--role", "a token of the API needs a role",
                   "viewer, deployer or admin; --instances makes a token for hosts"});
  auto role = read_role(a.role);
  if (!role) return report(role.error());
  auto expires = read_expiry(a.expires);
  if (!expires) return report(expires.error());
  const access::NewToken made = access::make_token();
  const config::Token token{a.name, *role, made.hash, a.projects, *expires};
  auto done = edit_access(a.dir, [&](const std::string& t) { return access::add_token(t, token); });
  if (!done) return report(done.error());
  show(a, {{"name", a.name}, {"role", config::name(*role)}}, made.token,
       "use it as LEMMY_TOKEN or --token-file");
  return 0;
}

int remove(const TokenArguments& a) {
  auto done = edit_access(a.dir, [&](const std::string& t) {
    return a.instances ? access::remove_instance_token(t, a.name) : access::remove_token(t, a.name);
  });
  if (!done) return report(done.error());
  fmt::print("token {} is gone\n", a.name);
  return 0;
}

int list(const TokenArguments& a) {
  auto known = load_access(a.dir);
  if (!known) return report(known.error());
  if (a.output != "json") {
    fmt::print("{}", access::list_tokens(*known, now()));
    return 0;
  }
  json::array tokens;
  for (const config::Token& t : known->tokens) {
    json::array projects;
    for (const std::string& p : t.projects) projects.emplace_back(p);
    tokens.push_back({{"name", t.name},
                      {"role", config::name(t.role)},
                      {"projects", std::move(projects)},
                      {"expires", t.expires ? json::value(format_time(*t.expires)) : json::value(nullptr)}});
  }
  json::array instances;
  for (const config::InstanceToken& t : known->instance_tokens)
    instances.push_back({{"name", t.name}, {"project", t.project}, {"environment", t.environment}});
  print_json(json::object{{"tokens", std::move(tokens)}, {"instances", std::move(instances)}});
  return 0;
}

}  // namespace

void add_token(CLI::App& app, Action& action) {
  auto* token = app.add_subcommand("token", "Add, remove and list tokens of the API and of instances");
  token->require_subcommand(1);
  auto a = std::make_shared<TokenArguments>();
  auto command = [&](const char* name, const char* summary, int (*run)(const TokenArguments&), bool named) {
    auto* c = token->add_subcommand(name, summary);
    c->footer(kTokenManual);
    if (named) c->add_option("NAME", a->name)->required();
    c->add_option("--config", a->dir, "the configuration folder")->capture_default_str();
    c->add_option("--output", a->output, "table or json")->check(CLI::IsMember({"table", "json"}));
    c->callback([&action, a, run] { action = [a, run] { return run(*a); }; });
    return c;
  };
  auto* c = command("add", "Make a token", add, true);
  auto* role = c->add_option("--role", a->role, "viewer, deployer or admin");
  c->add_option("--project", a->projects, "the only projects it is for; may be repeated");
  c->add_option("--expires", a->expires, "90d, or 2027-01-31T00:00:00Z; never unless given");
  c->add_option("--instances", a->target, "PROJECT/ENVIRONMENT: a token for hosts, which need no role")
      ->excludes(role)
      ->excludes(c->get_option("--project"))
      ->excludes(c->get_option("--expires"));
  command("remove", "Remove a token", remove, true)
      ->add_flag("--instances", a->instances, "the token is one of instances");
  command("list", "List the tokens", list, false);
}

}  // namespace lemmy::cli
