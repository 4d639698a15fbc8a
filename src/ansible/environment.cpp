// What Ansible is told by its environment.
#include <cstdlib>
#include <filesystem>

#include "ansible/prepare.h"
#include "base/files.h"
#include "base/strings.h"

namespace lemmy::ansible {
namespace fs = std::filesystem;

std::string variable_of_ours(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

namespace {

// The value of a key in ansible.cfg; comments and other sections are left out.
std::string from_config(std::string_view text, std::string_view section, std::string_view key) {
  std::string_view now;
  for (std::string_view line : split(text, '\n')) {
    line = trim(line);
    if (line.starts_with('[') && line.ends_with(']')) now = line.substr(1, line.size() - 2);
    size_t at = line.find_first_of("=:");
    if (now == section && at != line.npos && trim(line.substr(0, at)) == key)
      return std::string(trim(line.substr(at + 1)));
  }
  return {};
}

// The ansible.cfg that holds: the tree's own, else the one that our environment names.
struct Config {
  std::string file, text;  // empty: there is none
  bool own = false;        // it is the tree's
};
Config config_of(const std::string& ansible_dir) {
  Config out{ansible_dir + "/ansible.cfg", "", true};
  std::error_code error;
  if (!fs::exists(out.file, error)) out = {variable_of_ours("ANSIBLE_CONFIG"), "", false};
  if (!out.file.empty()) out.text = read_file(out.file, 1 << 20).value_or("");
  return out;
}

// As Ansible reads a list of paths there: relative to the file.
std::string absolute_paths(const std::string& list, const fs::path& folder) {
  std::vector<std::string> out;
  for (std::string_view path : split(list, ':')) {
    path = trim(path);
    if (path.starts_with("~/"))
      out.push_back(variable_of_ours("HOME") + std::string(path.substr(1)));
    else if (!path.empty())
      out.push_back((folder / path).lexically_normal().string());
  }
  return join(out, ":");
}

struct Plugins {
  const char *setting, *key, *kind;
};
constexpr Plugins kPlugins[] = {
    {"ANSIBLE_ACTION_PLUGINS", "action_plugins", "action"},
    {"ANSIBLE_BECOME_PLUGINS", "become_plugins", "become"},
    {"ANSIBLE_CACHE_PLUGINS", "cache_plugins", "cache"},
    {"ANSIBLE_CONNECTION_PLUGINS", "connection_plugins", "connection"},
    {"ANSIBLE_FILTER_PLUGINS", "filter_plugins", "filter"},
    {"ANSIBLE_INVENTORY_PLUGINS", "inventory_plugins", "inventory"},
    {"ANSIBLE_LOOKUP_PLUGINS", "lookup_plugins", "lookup"},
    {"ANSIBLE_LIBRARY", "library", "modules"},
    {"ANSIBLE_MODULE_UTILS", "module_utils", "module_utils"},
    {"ANSIBLE_STRATEGY_PLUGINS", "strategy_plugins", "strategy"},
    {"ANSIBLE_TEST_PLUGINS", "test_plugins", "test"},
    {"ANSIBLE_VARS_PLUGINS", "vars_plugins", "vars"},
};

// As Ansible's INVENTORY_IGNORE_EXTS, of which these are likely to have hosts.
constexpr std::string_view kSkipped[] = {".ini", ".cfg", ".txt"};

}  // namespace

std::map<std::string, std::string> ansible_environment(const Tools& tools, const std::string& ansible_dir,
                                                       const std::string& home) {
  std::map<std::string, std::string> out;
  if (!tools.bin.empty()) out["PATH"] = tools.bin + ":" + variable_of_ours("PATH");
  const auto [config, text, own] = config_of(ansible_dir);
  if (own) out["ANSIBLE_CONFIG"] = config;
  auto unless_chosen = [&](const char* name, std::string_view section, std::string_view key,
                           std::string value) {
    if (variable_of_ours(name).empty() && from_config(text, section, key).empty())
      out[name] = std::move(value);
  };
  std::string user = variable_of_ours("HOME") + "/.ansible";
  // ANSIBLE_HOME is of runs: what people have installed is where it always is.
  for (const auto& [setting, key, kind] : kPlugins)
    unless_chosen(setting, "defaults", key,
                  user + "/plugins/" + kind + ":/usr/share/ansible/plugins/" + kind);
  // A variable goes before ansible.cfg, and ansible-runner and we set these two.
  std::string callbacks = variable_of_ours("ANSIBLE_CALLBACK_PLUGINS");
  if (callbacks.empty())
    callbacks =
        absolute_paths(from_config(text, "defaults", "callback_plugins"), fs::path(config).parent_path());
  if (callbacks.empty()) callbacks = user + "/plugins/callback:/usr/share/ansible/plugins/callback";
  out["ANSIBLE_CALLBACK_PLUGINS"] = callbacks;
  const std::string printer = from_config(text, "defaults", "stdout_callback");
  if (!printer.empty() && variable_of_ours("ANSIBLE_STDOUT_CALLBACK").empty())
    out["ANSIBLE_STDOUT_CALLBACK"] = printer;
  unless_chosen("ANSIBLE_ROLES_PATH", "defaults", "roles_path",
                ansible_dir + "/roles:" + user + "/roles:/usr/share/ansible/roles:/etc/ansible/roles");
  unless_chosen("ANSIBLE_COLLECTIONS_PATH", "defaults", "collections_path",
                ansible_dir + "/collections:" + user + "/collections:/usr/share/ansible/collections");
  unless_chosen("ANSIBLE_PIPELINING", "ssh_connection", "pipelining", "1");
  unless_chosen("ANSIBLE_SSH_ARGS", "ssh_connection", "ssh_args",
                "-C -o ControlMaster=auto -o ControlPersist=60s -o BatchMode=yes -o ServerAliveInterval=15 "
                "-o ServerAliveCountMax=4");
  // Ansible's own five would make hundreds of hosts wait for each other.
  unless_chosen("ANSIBLE_FORKS", "defaults", "forks", "25");
  std::string sockets = private_folder(home);  // the path of a socket has at most 107 bytes
  if (!sockets.empty())
    unless_chosen("ANSIBLE_SSH_CONTROL_PATH_DIR", "ssh_connection", "control_path_dir", sockets);
  // ansible-runner switches the check off when the variable is not set: Ansible's own default is on.
  std::string checking = from_config(text, "defaults", "host_key_checking");
  if (variable_of_ours("ANSIBLE_HOST_KEY_CHECKING").empty())
    out["ANSIBLE_HOST_KEY_CHECKING"] = checking.empty() ? "True" : checking;
  // Hosts must not go missing because one file of the inventory is broken.
  unless_chosen("ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED", "inventory", "any_unparsed_is_failed", "True");
  out["ANSIBLE_HOME"] = home;
  out["ANSIBLE_FORCE_COLOR"] = "0";
  out["ANSIBLE_NOCOLOR"] = "1";
  out["ANSIBLE_RETRY_FILES_ENABLED"] = "0";
  out["ANSIBLE_DEPRECATION_WARNINGS"] = "0";
  return out;
}

std::vector<std::string> skipped_files(const std::string& ansible_dir) {
  std::vector<std::string> out;
  const std::string inventory = ansible_dir + "/inventory";
  std::error_code error;
  const std::string text = config_of(ansible_dir).text;
  if (!variable_of_ours("ANSIBLE_INVENTORY_IGNORE").empty() ||
      !from_config(text, "inventory", "ignore_extensions").empty() ||
      !from_config(text, "defaults", "inventory_ignore_extensions").empty())
    return out;
  if (const auto all = entries_of(inventory))
    for (const fs::path& file : *all)
      if (std::ranges::find(kSkipped, file.extension().string()) != std::end(kSkipped))
        out.push_back(file.filename());
  return out;
}

}  // namespace lemmy::ansible
