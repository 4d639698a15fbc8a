#include <algorithm>
#include <set>
#include <span>

#include "ansible/prepare.h"
#include "ansible/run.h"
#include "ansible/variables.h"
#include "async/subprocess.h"
#include "base/strings.h"

namespace lemmy::ansible {
namespace {

// "  hosts (2):\n    one\n    two"
std::vector<std::string> listed(std::string_view out) {
  std::vector<std::string> hosts;
  bool inside = false;
  for (std::string_view line : split(out, '\n')) {
    if (trim(line).starts_with("hosts (")) {
      inside = true;
    } else if (inside && line.starts_with("    ") && !trim(line).empty()) {
      hosts.emplace_back(trim(line));
    }
  }
  return hosts;
}

constexpr milliseconds kInventoryLimit{120'000};

// What a program of Ansible says about the plan's inventory; its output when it ended well.
Task<Result<std::string>> ask(Pool* pool, Tools tools, Plan plan, std::vector<std::string> argv) {
  auto asked = co_await pool->run([tools, plan, argv]() -> Result<Program> {
    Plan of_hosts = plan;
    of_hosts.id = "hosts";
    of_hosts.playbook.clear();
    if (auto good = check(of_hosts); !good) return fail(good.error());
    const std::string home = private_folder(plan.ansible_dir);
    auto env = ansible_environment(tools, plan.ansible_dir, plan.ansible_dir);
    env["ANSIBLE_HOME"] = home;
    env["ANSIBLE_LOCAL_TEMP"] = home + "/tmp";
    return Program{argv, std::move(env), plan.ansible_dir, kInventoryLimit, 64u << 20};
  });
  if (!asked) co_return fail(asked.error());
  auto out = co_await run_program(pool, std::move(*asked));
  if (!out && out.error().code == ErrorCode::not_found) co_return fail(no_ansible(argv[0]));
  if (!out) co_return fail(out.error());
  if (out->exit_code == 0) co_return std::move(out->out);
  co_return fail(in_its_words(ErrorCode::invalid, plan.ansible_dir + "/inventory", out->err + out->out));
}

}  // namespace

namespace {

// As the inventory plug-ins of clouds and of people name them.
constexpr std::string_view kIds[] = {"instance_id", "ec2_instance_id", "id", "vm_id"};
constexpr std::string_view kAddresses[] = {"ansible_host",      "ansible_ssh_host", "private_ip_address",
                                           "public_ip_address", "private_ip",       "public_ip",
                                           "private_dns_name",  "public_dns_name"};

void collect(const json::object& variables, std::span<const std::string_view> names,
             std::vector<std::string>& out) {
  for (std::string_view name : names) {
    const json::value* v = variables.if_contains(name);
    if (!v) continue;
    if (const json::string* text = v->if_string(); text && !text->empty()) out.emplace_back(*text);
    if (v->is_int64() || v->is_uint64()) out.push_back(json::serialize(*v));
  }
}

// Of group to the names of hosts below it, through children of children.
void add_hosts(const json::object& all, std::string_view group, std::set<std::string>& seen,
               std::set<std::string>& hosts) {
  if (!seen.insert(std::string(group)).second) return;
  const json::value* g = all.if_contains(group);
  if (!g || !g->is_object()) return;
  for (const char* kind : {"hosts", "children"}) {
    const json::value* names = g->get_object().if_contains(kind);
    if (!names || !names->is_array()) continue;
    for (const json::value& n : names->get_array()) {
      if (!n.is_string()) continue;
      if (kind[0] == 'h')
        hosts.emplace(n.get_string());
      else
        add_hosts(all, n.get_string(), seen, hosts);
    }
  }
}

}  // namespace

Result<std::vector<InventoryHost>> read_inventory(std::string_view text) {
  auto parsed = parse_json(text, "ansible-inventory --list", 256);
  if (!parsed) return fail(parsed.error());
  if (!parsed->is_object())
    return fail(ErrorCode::invalid, "ansible-inventory --list", "an object of groups is expected");
  const json::object& all = parsed->get_object();
  std::set<std::string> seen, names;
  add_hosts(all, "all", seen, names);
  const json::value* variables = lemmy::find(*parsed, {"_meta", "hostvars"});
  std::vector<InventoryHost> out;
  for (const std::string& name : names) {
    // No run could be limited to exactly these.
    if (!addressable(name) || (!plain(name) && seen.contains(name))) continue;
    InventoryHost host{name, {}, {}};
    if (variables && variables->is_object())
      if (const json::value* v = variables->get_object().if_contains(name); v && v->is_object()) {
        collect(v->get_object(), kIds, host.ids);
        collect(v->get_object(), kAddresses, host.addresses);
      }
    out.push_back(std::move(host));
  }
  return out;
}

Result<> installed(const Tools& tools) {
  for (const char* name : {"ansible-runner", "ansible-playbook"}) {
    if (found(tools, name).empty()) return fail(no_ansible(program(tools, name)));
  }
  return {};
}

Task<Result<std::string>> version(Pool* pool, Tools tools) {
  for (const char* name : {"ansible-runner", "ansible-playbook"}) {
    Program asked;
    asked.argv = {program(tools, name), "--version"};
    auto out = co_await run_program(pool, std::move(asked));
    if (!out && out.error().code == ErrorCode::not_found) co_return fail(no_ansible(program(tools, name)));
    if (!out) co_return fail(out.error());
    if (out->exit_code != 0) co_return fail(in_its_words(ErrorCode::unavailable, name, out->err));
    size_t at = out->out.find("[core ");  // "ansible-playbook [core 2.18.19]"
    if (at == std::string::npos) continue;
    co_return out->out.substr(at + 6, out->out.find(']', at) - at - 6);
  }
  co_return fail(ErrorCode::unavailable, "ansible-playbook --version", "does not say its version",
                 "Lemmy needs ansible-core 2.14 or newer");
}

Task<Result<std::vector<std::string>>> matching_hosts(Pool* pool, Tools tools, Plan plan) {
  std::vector<std::string> argv{program(tools, "ansible"), "--list-hosts", "-i",
                                plan.ansible_dir + "/inventory", plan.hosts};
  auto out = co_await ask(pool, std::move(tools), std::move(plan), std::move(argv));
  if (!out) co_return fail(out.error());
  co_return listed(*out);
}

Task<Result<std::vector<InventoryHost>>> inventory_hosts(Pool* pool, Tools tools, Plan plan) {
  std::vector<std::string> argv{program(tools, "ansible-inventory"), "--list",  "-i",
                                plan.ansible_dir + "/inventory",     "--limit", plan.hosts};
  auto out = co_await ask(pool, std::move(tools), std::move(plan), std::move(argv));
  if (!out) co_return fail(out.error());
  co_return co_await pool->run([text = std::move(*out)] { return read_inventory(text); });
}

}  // namespace lemmy::ansible
