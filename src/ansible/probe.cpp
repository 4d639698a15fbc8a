#include "ansible/probe.h"

#include <filesystem>
#include <set>

#include "ansible/prepare.h"
#include "ansible/text.h"
#include "ansible/variables.h"
#include "async/subprocess.h"
#include "base/crypto.h"
#include "base/files.h"

namespace lemmy::ansible {
namespace fs = std::filesystem;
namespace {

// By the ways that values go in playbooks: variables of variables, facts, results, loops.
constexpr std::string_view kPlay = R"(- hosts: all
  gather_facts: false
  vars: {nested: '{{ lemmy.list }}'}
  tasks:
    - set_fact: {fact: '{{ lemmy }}', json: '{{ lemmy | to_json }}', mixed: 'a {{ lemmy.text }}'}
    - debug: {msg: '{{ lemmy.list[0].deep }}'}
      register: result
    - set_fact: {from_loop: '{{ item.value }}'}
      loop: '{{ lemmy.object | dict2items }}'
    - assert:
        quiet: true
        fail_msg: data-was-templated
        that:
          - lemmy.text | length == 11
          - nested[0].deep | length == 11
          - fact.list[1] | length == 11
          - hostvars[inventory_hostname].fact.text | length == 11
          - result.msg | length == 11
          - (json | from_json).text | length == 11
          - from_loop | length == 11
          - mixed | length == 13
    - debug: {msg: "{{ 'data-stayed' ~ '-data' }}"}
)";
constexpr const char* kText = "{{ 1 * 2 }}";

std::string stamp(const fs::path& file) {
  std::error_code error;
  const auto at = fs::last_write_time(file, error);  // of what a link leads to
  return error ? "none" : std::to_string(at.time_since_epoch().count());
}

// What the answer depends on.
std::string key_of(const Tools& tools, const std::string& ansible_dir) {
  const std::string playbook = found(tools, "ansible-playbook");
  return playbook + "\n" + stamp(playbook) + "\n" +
         read_file(ansible_dir + "/ansible.cfg", 1 << 20).value_or("");
}

Result<Program> prepare_play(const Tools& tools, const std::string& ansible_dir, const std::string& folder) {
  const json::object variables{{"lemmy",
                                {{"text", kText},
                                 {"list", json::array{json::object{{"deep", kText}}, kText}},
                                 {"object", {{"a", kText}}}}}};
  if (auto made = make_private(folder); !made) return fail(made.error());
  if (auto r = write_file(folder + "/play.yml", kPlay, 0600); !r) return fail(r.error());
  if (auto r = write_file(folder + "/variables.yml", extra_vars(variables), 0600); !r) return fail(r.error());
  auto env = ansible_environment(tools, ansible_dir, folder);
  env["ANSIBLE_LOCAL_TEMP"] = folder + "/tmp";
  env["ANSIBLE_STDOUT_CALLBACK"] = "default";
  return Program{{program(tools, "ansible-playbook"), "-i", "lemmy-probe,", "--extra-vars",
                  "@" + folder + "/variables.yml", folder + "/play.yml"},
                 std::move(env),
                 ansible_dir};
}

Task<Result<>> try_out(Pool* pool, Tools tools, std::string ansible_dir, std::string folder) {
  auto play = co_await pool->run([=] { return prepare_play(tools, ansible_dir, folder); });
  if (!play) co_return fail(play.error());
  auto out = co_await run_program(pool, std::move(*play));
  const std::string playbook = program(tools, "ansible-playbook");
  if (!out && out.error().code == ErrorCode::not_found) co_return fail(no_ansible(playbook));
  if (!out) co_return fail(out.error());
  if (out->exit_code == 0 && out->out.contains("data-stayed-data")) co_return Result<>{};
  if (out->out.contains("data-was-templated"))
    co_return fail(ErrorCode::rejected, playbook,
                   "takes what comes from outside for templates, so nothing is run",
                   "install a newer ansible-core; Lemmy is tested with 2.14 to 2.21", tail(out->out, 8192));
  co_return fail(in_its_words(ErrorCode::invalid, "ansible-playbook", out->err + out->out));
}

std::set<std::string>& passed() {  // loop thread
  static std::set<std::string> keys;
  return keys;
}

}  // namespace

Task<Result<>> probe(Pool* pool, Tools tools, std::string ansible_dir, std::string home) {
  const std::string key = co_await pool->run([=] { return key_of(tools, ansible_dir); });
  if (passed().contains(key)) co_return Result<>{};
  const std::string folder = home + "/probe-" + random_hex(8);
  auto tried = co_await try_out(pool, tools, ansible_dir, folder);
  co_await pool->run([folder] {
    std::error_code error;
    fs::remove_all(folder, error);
  });
  if (tried) passed().insert(key);
  co_return tried;
}

}  // namespace lemmy::ansible
