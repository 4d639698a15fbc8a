#include "ansible/probe.h"

#include <filesystem>
#include <mutex>
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

Result<ProcessOutput> play(const Tools& tools, const std::string& ansible_dir, const std::string& folder) {
  const json::object variables{{"lemmy",
                                {{"text", kText},
                                 {"list", json::array{json::object{{"deep", kText}}, kText}},
                                 {"object", {{"a", kText}}}}}};
  if (auto r = write_file(folder + "/play.yml", kPlay, 0600); !r) return fail(r.error());
  if (auto r = write_file(folder + "/variables.yml", extra_vars(variables), 0600); !r) return fail(r.error());
  auto env = ansible_environment(tools, ansible_dir, folder);
  env["ANSIBLE_LOCAL_TEMP"] = folder + "/tmp";
  env["ANSIBLE_STDOUT_CALLBACK"] = "default";
  const std::string playbook = program(tools, "ansible-playbook");
  auto out = run_process(
      {playbook, "-i", "lemmy-probe,", "--extra-vars", "@" + folder + "/variables.yml", folder + "/play.yml"},
      env, ansible_dir, milliseconds(60'000));
  if (!out && out.error().code == ErrorCode::not_found) return fail(no_ansible(playbook));
  return out;
}

Result<> try_out(const Tools& tools, const std::string& ansible_dir, const std::string& home) {
  const std::string folder = home + "/probe-" + random_hex(8);
  if (auto made = make_private(folder); !made) return made;
  auto out = play(tools, ansible_dir, folder);
  std::error_code error;
  fs::remove_all(folder, error);
  if (!out) return fail(out.error());
  if (out->exit_code == 0 && out->out.contains("data-stayed-data")) return {};
  if (out->out.contains("data-was-templated"))
    return fail(ErrorCode::rejected, program(tools, "ansible-playbook"),
                "takes what comes from outside for templates, so nothing is run",
                "install a newer ansible-core; Lemmy is tested with 2.14 to 2.21", tail(out->out, 8192));
  return fail(in_its_words(ErrorCode::invalid, "ansible-playbook", out->err + out->out));
}

}  // namespace

Result<> probe(const Tools& tools, const std::string& ansible_dir, const std::string& home) {
  static std::mutex mutex;
  static std::set<std::string> passed;
  const std::string playbook = program(tools, "ansible-playbook");
  const std::string settings = read_file(ansible_dir + "/ansible.cfg", 1 << 20).value_or("");
  const std::string key = playbook + "\n" + stamp(playbook) + "\n" + settings;
  {
    std::lock_guard lock(mutex);
    if (passed.contains(key)) return {};
  }
  auto tried = try_out(tools, ansible_dir, home);
  if (!tried) return tried;
  std::lock_guard lock(mutex);
  passed.insert(key);
  return {};
}

}  // namespace lemmy::ansible
