#include "async/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

extern char** environ;

namespace lemmy {
namespace {

struct Pipe {
  int ends[2] = {-1, -1};
  bool open() { return ::pipe2(ends, O_CLOEXEC) == 0; }
  void close(int i) {
    if (ends[i] >= 0) ::close(ends[i]);
    ends[i] = -1;
  }
  ~Pipe() { close(0), close(1); }
};

std::vector<std::string> merged(const std::map<std::string, std::string>& added) {
  std::vector<std::string> out;
  for (char** e = environ; *e; ++e) {
    std::string_view line = *e;
    if (!added.contains(std::string(line.substr(0, line.find('='))))) out.emplace_back(line);
  }
  for (const auto& [k, v] : added) out.push_back(k + "=" + v);
  return out;
}

std::vector<char*> pointers(const std::vector<std::string>& v) {
  std::vector<char*> out;
  for (const std::string& s : v) out.push_back(const_cast<char*>(s.c_str()));
  out.push_back(nullptr);
  return out;
}

}  // namespace

Result<ProcessOutput> run_process(const std::vector<std::string>& argv,
                                  const std::map<std::string, std::string>& environment,
                                  const std::string& directory, std::chrono::milliseconds limit,
                                  size_t most) {
  using clock = std::chrono::steady_clock;
  if (argv.empty()) return fail(ErrorCode::invalid, "command", "no program named");
  Pipe out, err, failed;
  if (!out.open() || !err.open() || !failed.open())
    return fail(ErrorCode::unavailable, argv[0], std::string("no pipe: ") + std::strerror(errno));
  auto env = merged(environment);
  auto env_pointers = pointers(env);
  auto arg_pointers = pointers(argv);

  pid_t pid = ::fork();
  if (pid < 0)
    return fail(ErrorCode::unavailable, argv[0], std::string("cannot start: ") + std::strerror(errno));
  if (pid == 0) {  // only async-signal-safe calls from here
    ::setpgid(0, 0);
    int null = ::open("/dev/null", O_RDONLY);
    ::dup2(null, 0);
    ::dup2(out.ends[1], 1);
    ::dup2(err.ends[1], 2);
    ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);  // listening sockets and databases are not for it
    if (directory.empty() || ::chdir(directory.c_str()) == 0)
      ::execvpe(arg_pointers[0], arg_pointers.data(), env_pointers.data());
    int e = errno;
    [[maybe_unused]] ssize_t n = ::write(failed.ends[1], &e, sizeof e);
    ::_exit(127);
  }
  out.close(1), err.close(1), failed.close(1);
  int start_error = 0;
  bool did_start = ::read(failed.ends[0], &start_error, sizeof start_error) != sizeof start_error;

  ProcessOutput result;
  auto deadline = clock::now() + limit;
  bool late = false, large = false;
  int open_ends = 2;
  pollfd fds[2] = {{out.ends[0], POLLIN, 0}, {err.ends[0], POLLIN, 0}};
  while (did_start && open_ends > 0 && !late && !large) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock::now()).count();
    late = left <= 0;
    if (late || (::poll(fds, 2, static_cast<int>(left)) < 0 && errno != EINTR)) break;
    for (int i = 0; i < 2; ++i) {
      if (fds[i].fd < 0 || !fds[i].revents) continue;
      char buffer[8192];
      ssize_t n = ::read(fds[i].fd, buffer, sizeof buffer);
      if (n > 0) {
        (i == 0 ? result.out : result.err).append(buffer, n);
      } else if (n == 0 || errno != EINTR) {
        fds[i].fd = -1;
        --open_ends;
      }
    }
    large = result.out.size() + result.err.size() > most;
  }
  if (late || large) ::kill(-pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!did_start)
    return fail(start_error == ENOENT ? ErrorCode::not_found : ErrorCode::unavailable, argv[0],
                std::string("cannot start: ") + std::strerror(start_error), "is it installed and on PATH?");
  if (late)
    return fail(ErrorCode::timeout, argv[0], "did not end within " + std::to_string(limit.count()) + " ms");
  if (large)
    return fail(ErrorCode::too_large, argv[0], "printed more than " + std::to_string(most) + " bytes");
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace lemmy
