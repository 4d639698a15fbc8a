#include "ansible/prepare.h"
#include "ansible/run.h"
#include "async/subprocess.h"
#include "base/strings.h"

namespace lemmy::ansible {
namespace {

std::string program(const Tools& tools, const std::string& name) {
  return tools.bin.empty() ? name : tools.bin + "/" + name;
}

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

Result<ProcessOutput> ask(const Tools& tools, const Plan& plan, std::vector<std::string> argv) {
  std::string home = private_folder(plan.ansible_dir);
  auto env = ansible_environment(tools, plan.ansible_dir, home);
  env["ANSIBLE_LOCAL_TEMP"] = home + "/tmp";
  auto out = run_process(argv, env, plan.ansible_dir, milliseconds(120'000), 64u << 20);
  if (!out && out.error().code == ErrorCode::not_found) return fail(no_ansible(argv[0]));
  return out;
}

}  // namespace

Task<Result<std::string>> version(Pool* pool, Tools tools) {
  co_return co_await pool->run([tools]() -> Result<std::string> {
    for (const char* name : {"ansible-runner", "ansible-playbook"}) {
      auto out = run_process({program(tools, name), "--version"}, {}, "", milliseconds(60'000));
      if (!out && out.error().code == ErrorCode::not_found) return fail(no_ansible(program(tools, name)));
      if (!out) return fail(out.error());
      if (out->exit_code != 0) return fail(in_its_words(ErrorCode::unavailable, name, out->err));
      size_t at = out->out.find("[core ");  // "ansible-playbook [core 2.18.19]"
      if (at == std::string::npos) continue;
      return out->out.substr(at + 6, out->out.find(']', at) - at - 6);
    }
    return fail(ErrorCode::unavailable, "ansible-playbook --version", "does not say its version",
                "Lemmy needs ansible-core 2.11 or newer");
  });
}

Task<Result<std::vector<std::string>>> matching_hosts(Pool* pool, Tools tools, Plan plan) {
  co_return co_await pool->run([tools, plan]() -> Result<std::vector<std::string>> {
    Plan asked = plan;
    asked.id = "hosts";
    asked.playbook.clear();
    if (auto good = check(asked); !good) return fail(good.error());
    std::string inventory = plan.ansible_dir + "/inventory";
    auto out = ask(tools, plan, {program(tools, "ansible"), "--list-hosts", "-i", inventory, plan.hosts});
    if (!out) return fail(out.error());
    if (out->exit_code == 0) return listed(out->out);
    return fail(in_its_words(ErrorCode::invalid, inventory, out->err + out->out));
  });
}

}  // namespace lemmy::ansible
