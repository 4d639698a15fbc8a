#include "async/child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <set>

#include "base/open_files.h"

extern char** environ;

namespace lemmy {
namespace {

struct Pipe {
  Fd read, write;
  bool open() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return false;
    read.reset(ends[0]), write.reset(ends[1]);
    return true;
  }
};

std::vector<char*> pointers(const std::vector<std::string>& v) {
  std::vector<char*> out;
  for (const std::string& s : v) out.push_back(const_cast<char*>(s.c_str()));
  out.push_back(nullptr);
  return out;
}

struct Kept {
  std::mutex mutex;
  // Of libpq and Google's libraries, which the store needs, and of Lemmy's own commands.
  std::set<std::string, std::less<>> names{"PGPASSWORD", "PGPASSFILE", "GOOGLE_APPLICATION_CREDENTIALS",
                                           "LEMMY_TOKEN", "LEMMY_HOOK_SECRET"};
};
Kept& kept() {
  static Kept* all = new Kept;
  return *all;
}

template <class F>
auto again(F f) {  // while a signal interrupts it
  decltype(f()) r;
  while ((r = f()) < 0 && errno == EINTR) {
  }
  return r;
}

// In the child: only async-signal-safe calls.
[[noreturn]] void become(const ChildOptions& o, char** args, char** env, const Pipe& out, const Pipe& err,
                         const Pipe& gate, const Pipe& failed) {
  o.session ? ::setsid() : ::setpgid(0, 0);
  sigset_t none;
  ::sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::signal(SIGINT, SIG_DFL);
  restore_open_files();
  if (o.dies_with_thread) ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  ::dup2(::open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
  ::dup2(out.write.get(), 1);
  ::dup2(o.one_output ? out.write.get() : err.write.get(), 2);
  ::close(gate.write.get());  // or the gate would never close when the server dies
  char go = 0;
  if (again([&] { return ::read(gate.read.get(), &go, 1); }) != 1) ::_exit(126);
  // Listening sockets and databases of the server are not for a process that may outlive it.
  ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  if (o.directory.empty() || ::chdir(o.directory.c_str()) == 0) ::execvpe(args[0], args, env);
  int e = errno;
  [[maybe_unused]] ssize_t told = ::write(failed.write.get(), &e, sizeof e);
  ::_exit(127);
}

}  // namespace

void keep_from_children(const std::vector<std::string>& names) {
  std::lock_guard lock(kept().mutex);
  kept().names.insert(names.begin(), names.end());
}

std::vector<std::string> child_environment(const std::map<std::string, std::string>& added) {
  constexpr std::string_view kGranted = "LEMMY_CHILD_";
  std::map<std::string, std::string> all;
  std::set<std::string> granted;
  std::lock_guard lock(kept().mutex);
  for (char** e = environ; *e; ++e) {
    const std::string_view line = *e;
    const size_t end = line.find('=');
    if (end == line.npos) continue;
    std::string name(line.substr(0, end));
    const bool grant = name.starts_with(kGranted) && name.size() > kGranted.size();
    if (grant) granted.insert(name.erase(0, kGranted.size()));
    if (grant || (!granted.contains(name) && !kept().names.contains(name)))
      all.insert_or_assign(std::move(name), std::string(line.substr(end + 1)));
  }
  for (const auto& [name, value] : added) all.insert_or_assign(name, value);
  std::vector<std::string> out;
  for (const auto& [name, value] : all) out.push_back(name + "=" + value);
  return out;
}

Child& Child::operator=(Child&& other) noexcept {
  if (this == &other) return *this;
  kill();
  pid_ = std::exchange(other.pid_, 0);
  out_ = std::move(other.out_);
  err_ = std::move(other.err_);
  return *this;
}

std::optional<int> Child::ended() {
  int status = 0;
  const pid_t pid = again([&] { return ::waitpid(pid_, &status, WNOHANG); });
  if (pid == 0) return std::nullopt;
  const bool ours = pid == std::exchange(pid_, 0);
  if (!ours) return 255;  // somebody else reaped it
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void Child::kill() {
  if (pid_ <= 0) return;
  ::kill(-pid_, SIGKILL);
  ::kill(pid_, SIGKILL);  // it may not have its group yet
  again([&] { return ::waitpid(pid_, nullptr, 0); });
  pid_ = 0;
}

Result<Child> start_child(const ChildOptions& o, const std::function<Result<>(pid_t)>& before) {
  if (o.argv.empty() || o.argv[0].empty()) return fail(ErrorCode::invalid, "command", "no program is named");
  Pipe out, err, gate, failed;
  if (!out.open() || (!o.one_output && !err.open()) || !gate.open() || !failed.open())
    return fail(ErrorCode::unavailable, o.argv[0], std::string("no pipe: ") + std::strerror(errno));
  auto args = pointers(o.argv), env = pointers(o.environment);
  const pid_t pid = ::fork();
  if (pid == 0) become(o, args.data(), env.data(), out, err, gate, failed);
  if (pid < 0)
    return fail(ErrorCode::unavailable, o.argv[0], std::string("cannot start: ") + std::strerror(errno));
  out.write.reset(), err.write.reset(), gate.read.reset(), failed.write.reset();
  Child child(pid, std::move(out.read), std::move(err.read));
  if (before)
    if (auto ready = before(pid); !ready) return fail(ready.error());
  [[maybe_unused]] ssize_t n = ::write(gate.write.get(), "g", 1);
  int e = 0;
  if (again([&] { return ::read(failed.read.get(), &e, sizeof e); }) != sizeof e) return child;
  return fail(e == ENOENT ? ErrorCode::not_found : ErrorCode::unavailable, o.argv[0],
              std::string("cannot start: ") + std::strerror(e),
              e == ENOENT ? "is it installed and on PATH?" : "");
}

}  // namespace lemmy
