#pragma once
// For the tests of runs: a real Ansible, a tree of their own, and a loop.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "ansible/prepare.h"
#include "ansible/run.h"
#include "base/files.h"
#include "base/source_dir_test.h"

namespace lemmy::ansible {
namespace fs = std::filesystem;
using namespace std::chrono_literals;

class Sample : public testing::Test {
 protected:
  void SetUp() override {
    const char* bin = std::getenv("LEMMY_ANSIBLE_BIN");
    tools.bin = bin ? bin : kSourceDir + std::string("/build/ansible-venv/bin");
    if (!fs::exists(tools.bin + "/ansible-runner"))
      GTEST_SKIP() << "no Ansible in " << tools.bin << ": run tools/ansible.sh, or set LEMMY_ANSIBLE_BIN";
    std::string name = fs::temp_directory_path() / "lemmy-ansible-XXXXXX";
    root = ::mkdtemp(name.data());
    tree = root + "/ansible";
    put("inventory/hosts.yml", R"(
all:
  vars: {ansible_connection: local, ansible_python_interpreter: "{{ ansible_playbook_python }}"}
  children:
    project_demo: {hosts: {one: , two: , three: }}
    environment_staging: {hosts: {one: , two: }}
    gone: {hosts: {far: {ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1}}}
)");
    put("ansible.cfg", "[defaults]\nhost_key_checking = False\n");
  }
  void TearDown() override {
    std::error_code error;
    if (root.empty()) return;
    for (const std::string& of : {root + "/runs/.ansible", tree}) fs::remove_all(private_folder(of), error);
    fs::remove_all(root, error);
  }
  void put(const std::string& name, std::string_view text) {
    fs::create_directories(fs::path(tree + "/" + name).parent_path());
    ASSERT_TRUE(write_file(tree + "/" + name, text));
  }
  // A playbook of these tasks, which are indented by four spaces.
  Plan plan(const std::string& name, const std::string& tasks, const std::string& hosts) {
    put("playbooks/" + name + ".yml", "- hosts: all\n  gather_facts: false\n  tasks:\n" + tasks);
    Plan p;
    p.id = name + "-1";
    p.ansible_dir = tree;
    p.playbook = name + ".yml";
    p.hosts = hosts;
    p.variables = {{"lemmy", {{"project", "demo"}, {"build", {{"sha", "abcdef1"}}}}}};
    p.limit = 60s;
    return p;
  }
  template <class T>
  T wait(Task<T> task) {
    auto result = asio::co_spawn(loop, std::move(task), asio::use_future);
    loop.restart();
    loop.run();
    return result.get();
  }
  Result<Outcome> run(Plan p) {
    progress = std::make_shared<Progress>();
    changes = 0;
    return wait(runs().run(std::move(p), progress, [this] { ++changes; }));
  }
  Runs& runs() {
    if (!runs_) runs_.emplace(loop.get_executor(), &pool, tools, root + "/runs");
    return *runs_;
  }
  std::string log(const std::string& id) { return wait(runs().log(id, 1 << 20)).value_or(""); }
  const Host& host(const std::string& name) { return progress->hosts().at(name); }

  Tools tools;
  std::string root, tree;
  asio::io_context loop;
  Pool pool{2};
  std::shared_ptr<Progress> progress;
  int changes = 0;
  std::optional<Runs> runs_;
};

}  // namespace lemmy::ansible
