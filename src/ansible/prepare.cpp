#include "ansible/prepare.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "ansible/ends.h"
#include "ansible/text.h"
#include "ansible/variables.h"
#include "base/crypto.h"
#include "base/files.h"
#include "base/printable.h"
#include "base/strings.h"

namespace lemmy::ansible {
namespace fs = std::filesystem;
namespace {

// What only this run's Ansible knows, as a number that JSON and Python keep exactly.
int64_t new_seal() {
  int64_t seal = 0;
  for (const char c : random_bytes(7)) seal = seal << 8 | static_cast<unsigned char>(c);
  return seal | (int64_t{1} << 56);
}

// A pattern within it that begins with '@' would read a file, and show its lines in warnings.
bool is_pattern(std::string_view hosts) {
  if (hosts.empty() || hosts[0] == '-') return false;
  bool begins = true;
  for (const char c : hosts) {
    if (static_cast<unsigned char>(c) < 0x20 || (begins && c == '@')) return false;
    begins = c == ',' || c == ':' || c == ' ';
  }
  return true;
}

}  // namespace

Result<> make_private(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error) fs::permissions(folder, fs::perms::owner_all, error);
  if (error) return fail(ErrorCode::unavailable, folder, "cannot be made: " + error.message());
  return {};
}

std::string program(const Tools& tools, const std::string& name) {
  return tools.bin.empty() ? name : tools.bin + "/" + name;
}

std::string found(const Tools& tools, const std::string& name) {
  const std::string places = tools.bin.empty() ? variable_of_ours("PATH") : tools.bin;
  for (std::string_view place : split(places, ':')) {
    std::string file = (place.empty() ? "." : std::string(place)) + "/" + name;
    if (::access(file.c_str(), X_OK) == 0) return file;
  }
  return {};
}

// In /tmp, where others write too: it must be ours and closed.
std::string private_folder(const std::string& of) {
  std::string path = "/tmp/lemmy-" + std::to_string(::geteuid()) + "-" + sha256_hex(of).substr(0, 8);
  ::mkdir(path.c_str(), 0700);
  struct stat info{};
  if (::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == ::geteuid() &&
      (info.st_mode & 077) == 0)
    return path;
  std::string fresh = "/tmp/lemmy-XXXXXX";
  return ::mkdtemp(fresh.data()) ? fresh : std::string();
}

Error no_ansible(const std::string& program) {
  return {ErrorCode::not_found, program, "Ansible is not installed where Lemmy looks for it",
          "python3 -m venv VENV && VENV/bin/pip install ansible-core ansible-runner, and name VENV/bin; or "
          "apt-get install ansible python3-ansible-runner"};
}

// Of "We were unable to read either as JSON nor YAML, these are the errors we got from each:" and its like.
static std::string inner_words(std::string_view error, const std::string& first) {
  size_t at = error.find("Syntax Error while loading YAML");
  if (at == error.npos) at = error.find('\n');
  if (at == error.npos) return first;
  std::vector<std::string> words;
  for (std::string_view line : split(error.substr(at), '\n')) {
    line = trim(line);
    while (line.ends_with('.')) line.remove_suffix(1);
    if (line.starts_with("The error appears to be in") || words.size() == 3) break;
    // Some versions say the same twice.
    if (size_t dot = line.find(". "); dot != line.npos && line.substr(0, dot) == line.substr(dot + 2))
      line = line.substr(0, dot);
    if (!line.empty() && !line.starts_with("in \"<")) words.emplace_back(line);
  }
  if (size_t in = error.find("The error appears to be in '"); in != error.npos) {
    std::string_view place = error.substr(in + 28);
    place = place.substr(0, place.find('\n'));
    if (size_t comma = place.find(", column"); comma != place.npos) place = place.substr(0, comma);
    std::string text(place);
    if (size_t quote = text.find("': "); quote != text.npos) text.replace(quote, 3, " ");
    words.push_back(text);
  }
  return words.empty() ? first : join(words, ": ");
}

Error in_its_words(ErrorCode code, std::string where, std::string_view words) {
  std::string plain = without_colours(words), error;
  size_t at = plain.find("ERROR! ");
  size_t skip = 7;
  if (at == plain.npos) at = plain.find("[ERROR]: "), skip = 9;
  error = std::string(trim(at == plain.npos ? plain : plain.substr(at + skip)));
  std::string what(trim(error.substr(0, error.find('\n'))));
  if (what.ends_with(':')) what = inner_words(error, what);  // it announces what follows
  if (size_t paths = what.find(" was not found in "); paths != what.npos)
    what.resize(paths + std::string_view(" was not found").size());  // the list is in the detail
  while (what.ends_with('.')) what.pop_back();
  if (what.empty()) what = "Ansible gave no reason";
  return {code, std::move(where), shorten(valid_utf8(what), 1000), hint_for(plain), tail(trim(plain), 8192)};
}

Result<> check(const Plan& plan) {
  auto good = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.'; };
  if (plan.id.empty() || plan.id.size() > 200 || plan.id[0] == '.' || !std::ranges::all_of(plan.id, good))
    return fail(ErrorCode::invalid, plan.id, "is no id of a run: letters, digits, '-' and '.'");
  if (!is_pattern(plan.hosts))
    return fail(ErrorCode::invalid, "hosts", "'" + plan.hosts + "' is no pattern of hosts");
  if (!std::ranges::all_of(plan.only, addressable))
    return fail(ErrorCode::invalid, "hosts", "a host's name is empty, or has control characters");
  if (auto good = check_variables(plan.variables); !good) return good;
  std::error_code error;
  if (!fs::exists(plan.ansible_dir + "/inventory", error))
    return fail(ErrorCode::not_found, plan.ansible_dir + "/inventory", "there is no inventory",
                "a folder or file with the hosts, or the configuration of a cloud's plug-in");
  if (plan.playbook.empty()) return {};  // only hosts are asked for
  fs::path name(plan.playbook);
  if (name.is_absolute() || std::ranges::find(name, fs::path("..")) != name.end())
    return fail(ErrorCode::invalid, "playbook", "'" + plan.playbook + "' is not a file in playbooks/");
  if (fs::is_regular_file(plan.ansible_dir + "/playbooks/" + plan.playbook, error)) return {};
  std::vector<std::string> there;
  const auto files = entries_of(plan.ansible_dir + "/playbooks");
  if (!files) return fail(files.error());
  for (const fs::path& file : *files) there.push_back(file.filename());
  std::string hint = there.empty() ? "playbooks/ has no files" : "there are: " + join(there, ", ");
  if (auto near = nearest(plan.playbook, there)) hint = "did you mean " + *near + "?";
  return fail(ErrorCode::not_found, plan.ansible_dir + "/playbooks/" + plan.playbook,
              "there is no such playbook", shorten(hint, 500));
}

namespace {

// ansible-runner gives Ansible a terminal, at which vars_prompt, pause and modules would wait for an answer
// until the run is over. So it finds one first on its PATH that has no standard input: Ansible then says that
// it does not ask. The PATH.
Result<std::string> without_questions(const Tools& tools, const Folder& folder) {
  const std::string bin = folder.private_data() + "/bin", playbook = found(tools, "ansible-playbook");
  if (playbook.empty()) return fail(no_ansible(program(tools, "ansible-playbook")));
  if (auto made = make_private(bin); !made) return fail(made.error());
  const std::string script =
      "#!/bin/sh\nexec " + shell_word(fs::absolute(playbook).string()) + " \"$@\" </dev/null\n";
  if (auto r = write_file(bin + "/ansible-playbook", script, 0700); !r) return fail(r.error());
  return bin + ":" + (tools.bin.empty() ? "" : tools.bin + ":") + variable_of_ours("PATH");
}

}  // namespace

Result<Command> prepare(const Plan& plan, const Tools& tools, const Folder& folder, const std::string& home) {
  std::error_code error;
  fs::remove_all(folder.root, error);
  for (const std::string& f :
       {home, folder.root, folder.private_data(), folder.private_data() + "/env", folder.temporary()})
    if (auto made = make_private(f); !made) return fail(made.error());
  auto env = ansible_environment(tools, plan.ansible_dir, home);
  Command command;
  env.erase("PATH");
  auto quiet = without_questions(tools, folder);
  if (!quiet) return fail(quiet.error());
  command.environment["PATH"] = *quiet;
  env["ANSIBLE_LOCAL_TEMP"] = folder.temporary();
  json::object variables, settings;
  for (const auto& [k, v] : env) variables[k] = v;
  settings["suppress_output_file"] = true;
  settings["pexpect_timeout"] = 2;
  // A second fence, for a run whose server died.
  settings["job_timeout"] = std::chrono::ceil<seconds>(plan.limit).count() + 60;
  command.seal = new_seal();
  variables["JOB_ID"] = std::to_string(command.seal);
  if (auto r = watch_ends(folder.plugins()); !r) return fail(r.error());
  variables["ANSIBLE_CALLBACK_PLUGINS"] = folder.plugins() + ":" + env["ANSIBLE_CALLBACK_PLUGINS"];
  // Of a larger result ansible-runner keeps nothing: what failed would have no reason.
  variables["MAX_EVENT_RES"] = "8000000";
  auto put = [&](const std::string& name, const std::string& text) {
    return write_file(folder.private_data() + "/env/" + name, text, 0600);
  };
  if (auto r = put("envvars", json::serialize(variables)); !r) return fail(r.error());
  if (auto r = put("settings", json::serialize(settings)); !r) return fail(r.error());
  if (auto r = put("extravars", extra_vars(plan.variables)); !r) return fail(r.error());
  if (auto r = write_file(folder.log(), "", 0600); !r) return fail(r.error());
  std::string limit = plan.only.empty() ? plan.hosts : host_patterns(plan.only, ',');
  if (limit.size() > 32'768 && !plan.only.empty()) {  // too long for one argument
    const std::string file = folder.private_data() + "/hosts";
    if (file.find_first_of(",:[] ") != file.npos)  // Ansible would take it for several
      return fail(ErrorCode::invalid, file,
                  "the folder of runs may not have ',', ':', brackets or blanks in its path");
    if (auto r = write_file(file, host_patterns(plan.only, '\n'), 0600); !r) return fail(r.error());
    limit = "@" + file;
  }
  command.argv = {tools.bin.empty() ? "ansible-runner" : tools.bin + "/ansible-runner",
                  "run",
                  folder.private_data(),
                  "--json",
                  "--ident",
                  "run",
                  "--project-dir",
                  plan.ansible_dir,
                  "--inventory",
                  plan.ansible_dir + "/inventory",
                  "--limit",
                  limit,
                  "--playbook",
                  "playbooks/" + plan.playbook};
  if (plan.check) command.argv.insert(command.argv.end(), {"--cmdline=--check --diff"});
  command.directory = plan.ansible_dir;
  return command;
}

void tidy(const Folder& folder) {
  std::error_code error;
  fs::remove_all(folder.private_data(), error);
  fs::remove_all(folder.temporary(), error);
  fs::remove(folder.identity(), error);
}

}  // namespace lemmy::ansible
