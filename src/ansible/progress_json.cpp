#include "ansible/progress.h"

namespace lemmy::ansible {
namespace {

struct Known {
  std::string_view words, hint;
};
constexpr Known kKnown[] = {
    {"no vault secrets found",
     "give the server the vault's password: vault_password_file in ansible.cfg, or "
     "ANSIBLE_VAULT_PASSWORD_FILE"},
    {"Decryption failed", "the vault password that the server has is not the one that encrypted this"},
    {"Connection refused", "nothing answers on the SSH port of that address: is sshd running there?"},
    {"Host key verification failed",
     "the host's key is not known to the server's user: add it to known_hosts, or set host_key_checking in "
     "ansible.cfg"},
    {"REMOTE HOST IDENTIFICATION HAS CHANGED",
     "the host at that address has another key than before: a new machine, or somebody between"},
    {"Permission denied (", "the host does not accept the server's SSH key for that user"},
    {"Could not resolve hostname", "the inventory's name or ansible_host does not resolve on the server"},
    {"Connection timed out", "no answer: is the host up, and may the server reach it?"},
    {"Operation timed out", "no answer: is the host up, and may the server reach it?"},
    {"No route to host", "no answer: is the host up, and may the server reach it?"},
    {"Network is unreachable", "the server has no way to that network"},
    {"Data could not be sent to remote host",
     "the SSH connection broke before it began: is sshd running there, and may the server reach it?"},
    {"Missing sudo password", "the task wants root; let the user use sudo without a password"},
    {"ssh: not found", "install an SSH client where Lemmy runs"},
    {"couldn't resolve module/action", "a misspelt module, or a collection that is not installed"},
    {"Unable to parse", "run ansible-inventory --list -i inventory in the Ansible folder"},
};

}  // namespace

std::string hint_for(std::string_view words) {
  for (const Known& known : kKnown)
    if (words.find(known.words) != words.npos) return std::string(known.hint);
  return {};
}

Error to_error(const Failure& f) {
  std::string where = f.host;
  if (!f.file_line.empty()) where += ": " + f.file_line;
  std::string what = f.message;
  if (!f.task.empty()) what = "task '" + f.task + "': " + what;
  return {f.unreachable ? ErrorCode::unavailable : ErrorCode::rejected, where, what,
          hint_for(f.message + "\n" + f.output), f.output};
}

// What it had so far is no verdict while it works.
static std::string_view shown(const Host& h) {
  return name(h.working && h.state < HostState::failed && h.state > HostState::waiting ? HostState::running
                                                                                       : h.state);
}

json::object to_json(const Host& h) {
  return {{"name", h.name},
          {"state", shown(h)},
          {"task", h.task},
          {"message", h.message},
          {"ok", h.ok},
          {"changed", h.changed},
          {"failed", h.failed},
          {"skipped", h.skipped},
          {"rescued", h.rescued},
          {"ignored", h.ignored},
          {"unreachable", h.unreachable},
          {"done", h.done},
          {"complete", h.complete},
          {"meant", h.meant},
          {"diff", h.diff}};
}

json::object to_json(const Failure& f) {
  return {{"host", f.host},
          {"task", f.task},
          {"role", f.role},
          {"file_line", f.file_line},
          {"message", f.message},
          {"output", f.output},
          {"hint", hint_for(f.message + "\n" + f.output)},
          {"unreachable", f.unreachable}};
}

json::object to_json(const Progress& p) {
  json::array hosts;
  json::object counts;
  for (const auto& [key, h] : p.hosts()) {
    hosts.push_back(to_json(h));
    json::value& count = counts[shown(h)];
    count = count.is_int64() ? count.get_int64() + 1 : 1;
  }
  json::value failure = nullptr;
  if (p.first_failure()) failure = to_json(*p.first_failure());
  return {{"play", p.play()},          {"task", p.task()},   {"finished", p.finished()},
          {"hosts", std::move(hosts)}, {"failure", failure}, {"counts", std::move(counts)}};
}

}  // namespace lemmy::ansible
