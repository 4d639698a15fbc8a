#include "ansible/process.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "async/child.h"
#include "base/crypto.h"
#include "base/files.h"
#include "base/json.h"
#include "base/strings.h"

namespace lemmy::ansible {
namespace {

std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

struct Process {
  pid_t parent = 0, group = 0, session = 0;
  uint64_t start_time = 0;
  bool ours = false;     // has the token
  bool ansible = false;  // ansible-playbook or ansible-runner
};

bool read_stat(pid_t pid, Process& p) {
  std::string text = slurp("/proc/" + std::to_string(pid) + "/stat");
  size_t name_end = text.rfind(')');  // the name may hold anything
  if (name_end == text.npos) return false;
  std::istringstream in(text.substr(name_end + 1));
  char state = 0;
  in >> state >> p.parent >> p.group >> p.session;
  std::string skipped;
  for (int field = 7; field < 22; ++field) in >> skipped;
  in >> p.start_time;
  return !in.fail() && state != 'Z' && state != 'X';
}

std::map<pid_t, Process> all_processes(const std::string& token) {
  std::map<pid_t, Process> out;
  DIR* dir = ::opendir("/proc");
  if (!dir) return out;
  const std::string mark = std::string(kTokenVariable) + "=" + token;
  while (dirent* entry = ::readdir(dir)) {
    pid_t pid = std::atoi(entry->d_name);
    Process p;
    if (pid <= 0 || !read_stat(pid, p)) continue;
    struct stat info{};
    std::string path = "/proc/" + std::to_string(pid);
    if (::stat(path.c_str(), &info) == 0 && (info.st_uid == ::geteuid() || ::geteuid() == 0)) {
      std::string environment = slurp(path + "/environ");
      p.ours = !token.empty() && ('\0' + environment + '\0').find('\0' + mark + '\0') != std::string::npos;
    }
    if (p.ours) {
      std::string command = slurp(path + "/cmdline");
      p.ansible = command.find("ansible-playbook") != std::string::npos ||
                  command.find("ansible-runner") != std::string::npos;
    }
    out[pid] = p;
  }
  ::closedir(dir);
  return out;
}

bool is_first(const Identity& identity, pid_t pid, const Process& p, const std::string& boot) {
  return pid == identity.pid && p.start_time == identity.start_time && boot == identity.boot;
}

std::string boot_id() { return std::string(trim(slurp("/proc/sys/kernel/random/boot_id"))); }

}  // namespace

std::vector<pid_t> processes_of(const Identity& identity) {
  std::string boot = boot_id();
  if (boot != identity.boot) return {};
  auto all = all_processes(identity.token);
  std::set<pid_t> found, sessions;
  for (const auto& [pid, p] : all)
    if (is_first(identity, pid, p, boot) || (p.ours && p.ansible)) {
      found.insert(pid);
      if (p.session == pid) sessions.insert(pid);
    }
  sessions.insert(identity.pid);
  sessions.insert(identity.sessions.begin(), identity.sessions.end());
  for (const auto& [pid, p] : all)
    if (p.ours && sessions.contains(p.session)) found.insert(pid);
  for (bool more = true; more;) {  // and their children
    more = false;
    for (const auto& [pid, p] : all)
      if (found.contains(p.parent)) more |= found.insert(pid).second;
  }
  found.erase(::getpid());
  return {found.begin(), found.end()};
}

Result<> write_identity(const std::string& file, const Identity& i) {
  json::array sessions(i.sessions.begin(), i.sessions.end());
  json::object o{{"pid", i.pid},
                 {"start_time", i.start_time},
                 {"boot", i.boot},
                 {"token", i.token},
                 {"sessions", std::move(sessions)}};
  return write_file(file, json::serialize(o), 0600);
}

Result<Identity> read_identity(const std::string& file) {
  auto text = read_file(file, 1 << 16);
  if (!text) return fail(text.error());
  auto parsed = parse_json(*text, file);
  if (!parsed) return fail(parsed.error());
  if (!parsed->is_object()) return fail(ErrorCode::invalid, file, "is not a JSON object");
  const json::object& o = parsed->get_object();
  Identity i;
  i.pid = static_cast<pid_t>(int_or(o, "pid"));
  i.start_time = static_cast<uint64_t>(int_or(o, "start_time"));
  if (const json::value* sessions = find(o, "sessions"); sessions && sessions->is_array())
    for (const json::value& s : sessions->get_array())
      if (s.is_int64() && s.get_int64() > 1) i.sessions.insert(static_cast<pid_t>(s.get_int64()));
  i.boot = text_or(o, "boot");
  i.token = text_or(o, "token");
  if (i.pid <= 1 || i.token.size() < 16) return fail(ErrorCode::invalid, file, "names no process");
  return i;
}

Result<Started> start_process(const std::vector<std::string>& argv,
                              const std::map<std::string, std::string>& added, const std::string& directory,
                              const std::string& identity_file) {
  Started started;
  started.identity.boot = boot_id();
  started.identity.token = random_hex(16);
  auto environment = added;
  environment[kTokenVariable] = started.identity.token;
  // Another server may take over within seconds: a run must not go on beside that one's.
  ChildOptions options{.argv = argv,
                       .environment = child_environment(environment),
                       .directory = directory,
                       .session = true,
                       .dies_with_thread = true,
                       .one_output = true};
  auto child = start_child(options, [&](pid_t pid) {
    Process p;
    read_stat(pid, p);
    started.identity.pid = pid;
    started.identity.start_time = p.start_time;
    return write_identity(identity_file, started.identity);
  });
  if (!child) {
    ::unlink(identity_file.c_str());
    return fail(child.error());
  }
  started.out = std::move(child->out());
  child->let_go();
  return started;
}

std::set<pid_t> interrupt(const Identity& identity) {
  auto all = all_processes(identity.token);
  auto sessions = identity.sessions;
  for (pid_t pid : processes_of(identity))
    if (auto it = all.find(pid); it != all.end()) sessions.insert(it->second.session);
  sessions.erase(::getsid(0));
  bool told = false;
  for (const auto& [pid, p] : all)
    if (p.ours && p.ansible && pid == p.session && pid != identity.pid) told |= ::kill(-pid, SIGINT) == 0;
  auto first = all.find(identity.pid);
  if (!told && first != all.end() && first->second.start_time == identity.start_time)
    ::kill(-identity.pid, SIGINT);
  return sessions;
}

void kill_all(const Identity& identity) {
  for (int round = 0; round < 5; ++round) {  // what is killed may just have started something
    auto alive = processes_of(identity);
    if (alive.empty()) return;
    for (pid_t pid : alive) ::kill(pid, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

bool end_processes(Identity identity) {
  if (processes_of(identity).empty()) return false;
  identity.sessions = interrupt(identity);
  for (int i = 0; i < 30 && !processes_of(identity).empty(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  kill_all(identity);
  return true;
}

}  // namespace lemmy::ansible
