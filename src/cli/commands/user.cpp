#include <fmt/format.h>

#include "cli/access_file.h"
#include "cli/command.h"
#include "cli/table.h"
#include "config/access_edits.h"

namespace lemmy::cli {
namespace {

constexpr const char* kUserManual =
    R"(Changes access.yaml of a configuration folder; its comments stay. A server takes it over within seconds. A password
is asked for on the terminal, or is the first line of standard input; only its hash is kept.
Exit codes: 0, 2 something is malformed, 4 no such user or folder, 5 the name is taken.)";

struct UserArguments {
  std::string dir = "config", name, role, output = "table";
};

int add(const UserArguments& a) {
  auto role = read_role(a.role);
  if (!role) return report(role.error());
  // Before anybody types a password.
  if (auto ok = config::check_access_name(a.name); !ok) return report(ok.error());
  auto known = load_access(a.dir);
  if (!known) return report(known.error());
  if (known->user(a.name))
    return report(Error{ErrorCode::conflict, access_file(a.dir),
                        fmt::format("there is already a user '{}'", a.name),
                        "lemmy user password changes it"});
  auto password = read_new_password();
  if (!password) return report(password.error());
  auto hash = access::hash_password(*password);
  auto done =
      edit_access(a.dir, [&](const std::string& t) { return access::add_user(t, a.name, *role, hash); });
  if (!done) return report(done.error());
  fmt::print("{} is {} now\n", a.name, config::name(*role));
  return 0;
}

int password(const UserArguments& a) {
  auto known = load_access(a.dir);
  if (!known) return report(known.error());
  if (!known->user(a.name))
    return report(
        Error{ErrorCode::not_found, access_file(a.dir), fmt::format("there is no user '{}'", a.name), ""});
  auto password = read_new_password();
  if (!password) return report(password.error());
  auto hash = access::hash_password(*password);
  auto done = edit_access(a.dir, [&](const std::string& t) { return access::set_password(t, a.name, hash); });
  if (!done) return report(done.error());
  fmt::print("{} has a new password; whoever was signed in with the old one is not any more\n", a.name);
  return 0;
}

int remove(const UserArguments& a) {
  auto done = edit_access(a.dir, [&](const std::string& t) { return access::remove_user(t, a.name); });
  if (!done) return report(done.error());
  fmt::print("{} is gone\n", a.name);
  return 0;
}

int list(const UserArguments& a) {
  auto known = load_access(a.dir);
  if (!known) return report(known.error());
  if (a.output != "json") {
    fmt::print("{}", access::list_users(*known));
    return 0;
  }
  json::array users;
  for (const config::User& u : known->users)
    users.push_back(
        {{"name", u.name}, {"role", config::name(u.role)}, {"may_sign_in", !u.password_hash.empty()}});
  print_json(json::object{{"users", std::move(users)}});
  return 0;
}

}  // namespace

void add_user(CLI::App& app, Action& action) {
  auto* user = app.add_subcommand("user", "Add, change and list users");
  user->require_subcommand(1);
  auto a = std::make_shared<UserArguments>();
  auto command = [&](const char* name, const char* summary, int (*run)(const UserArguments&), bool named) {
    auto* c = user->add_subcommand(name, summary);
    c->footer(kUserManual);
    if (named) c->add_option("NAME", a->name)->required();
    c->add_option("--config", a->dir, "the configuration folder")->capture_default_str();
    c->callback([&action, a, run] { action = [a, run] { return run(*a); }; });
    return c;
  };
  command("add", "Add a user", add, true)
      ->add_option("--role", a->role, "viewer, deployer or admin")
      ->required();
  command("password", "Give a user a new password", password, true);
  command("remove", "Remove a user", remove, true);
  command("list", "List the users", list, false)
      ->add_option("--output", a->output, "table or json")
      ->check(CLI::IsMember({"table", "json"}));
}

}  // namespace lemmy::cli
