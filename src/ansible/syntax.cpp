// Whether Ansible can read a playbook, without hosts.
#include <cstdlib>
#include <filesystem>

#include "ansible/prepare.h"
#include "ansible/run.h"
#include "ansible/variables.h"
#include "async/subprocess.h"
#include "base/files.h"

namespace lemmy::ansible {

Task<Result<>> check_syntax(Pool* pool, Tools tools, Plan plan) {
  namespace fs = std::filesystem;
  struct Removed {
    std::string folder;
    ~Removed() {
      std::error_code error;
      if (!folder.empty()) fs::remove_all(folder, error);
    }
  } home;
  auto made = co_await pool->run([plan, tools]() -> Result<std::pair<std::string, Program>> {
    if (auto good = check(plan); !good) return fail(good.error());
    std::string folder = fs::temp_directory_path() / "lemmy-syntax-XXXXXX";
    if (!::mkdtemp(folder.data()))
      return fail(ErrorCode::unavailable, folder, "cannot be made: is there room for temporary files?");
    if (auto r = write_file(folder + "/variables", extra_vars(plan.variables), 0600); !r)
      return fail(r.error());
    auto env = ansible_environment(tools, plan.ansible_dir, folder);
    env["ANSIBLE_LOCAL_TEMP"] = folder + "/tmp";
    // No inventory: its programs may ask clouds, and need their keys.
    return std::pair(folder,
                     Program{{program(tools, "ansible-playbook"), "--syntax-check", "-i", "localhost,", "-e",
                              "@" + folder + "/variables", "playbooks/" + plan.playbook},
                             std::move(env),
                             plan.ansible_dir});
  });
  if (!made) co_return fail(made.error());
  home.folder = made->first;
  auto out = co_await run_program(pool, std::move(made->second));
  if (!out && out.error().code == ErrorCode::not_found)
    co_return fail(no_ansible(program(tools, "ansible-playbook")));
  if (!out) co_return fail(out.error());
  if (out->exit_code == 0) co_return Result<>{};
  co_return fail(in_its_words(ErrorCode::invalid, "ansible/playbooks/" + plan.playbook, out->err + out->out));
}

}  // namespace lemmy::ansible
