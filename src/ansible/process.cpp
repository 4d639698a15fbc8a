#include "ansible/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
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
  auto changed = added;
  changed[kTokenVariable] = started.identity.token;
  std::vector<std::string> environment = child_environment(changed);
  auto pointers = [](const std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (const std::string& s : texts) out.push_back(const_cast<char*>(s.c_str()));
    out.push_back(nullptr);
    return out;
  };
  auto env = pointers(environment), args = pointers(argv);

  int out[2], gate[2], failed[2];
  auto no_pipe = [&] {
    return fail(ErrorCode::unavailable, argv[0], std::string("no pipe: ") + std::strerror(errno));
  };
  if (::pipe2(out, O_CLOEXEC) != 0) return no_pipe();
  if (::pipe2(gate, O_CLOEXEC) != 0) return ::close(out[0]), ::close(out[1]), no_pipe();
  if (::pipe2(failed, O_CLOEXEC) != 0)
    return ::close(out[0]), ::close(out[1]), ::close(gate[0]), ::close(gate[1]), no_pipe();
  pid_t pid = ::fork();
  if (pid == 0) {  // only async-signal-safe calls from here
    ::setsid();
    sigset_t none;
    ::sigemptyset(&none);
    ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    ::signal(SIGINT, SIG_DFL);
    // Another server may take over within seconds: a run must not go on beside that one's. The thread that
    // forks is of a pool that lives as long as the server.
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    ::dup2(::open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
    ::dup2(out[1], 1);
    ::dup2(out[1], 2);
    ::close(gate[1]);  // or the gate would never close when the server dies
    char go = 0;
    ssize_t n = 0;
    while ((n = ::read(gate[0], &go, 1)) < 0 && errno == EINTR) {
    }
    if (n != 1) ::_exit(126);
    // Listening sockets and databases of the server are not for a process that may outlive it.
    ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    if (directory.empty() || ::chdir(directory.c_str()) == 0) ::execvpe(args[0], args.data(), env.data());
    int e = errno;
    [[maybe_unused]] ssize_t told = ::write(failed[1], &e, sizeof e);
    ::_exit(127);
  }
  int fork_error = errno;
  ::close(out[1]), ::close(gate[0]), ::close(failed[1]);
  auto give_up = [&](Error e) -> Result<Started> {
    ::close(out[0]), ::close(gate[1]), ::close(failed[0]);
    while (pid > 0 && ::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    return fail(std::move(e));
  };
  if (pid < 0)
    return give_up(
        {ErrorCode::unavailable, argv[0], std::string("cannot start: ") + std::strerror(fork_error)});
  started.identity.pid = pid;
  Process p;
  read_stat(pid, p);
  started.identity.start_time = p.start_time;
  if (auto written = write_identity(identity_file, started.identity); !written)
    return give_up(written.error());
  [[maybe_unused]] ssize_t n = ::write(gate[1], "g", 1);
  int e = 0;
  if (::read(failed[0], &e, sizeof e) == sizeof e) {
    ::unlink(identity_file.c_str());
    return give_up({e == ENOENT ? ErrorCode::not_found : ErrorCode::unavailable, argv[0],
                    std::string("cannot start: ") + std::strerror(e)});
  }
  ::close(gate[1]), ::close(failed[0]);
  started.out = out[0];
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
