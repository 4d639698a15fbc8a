#include "ansible/job.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "ansible/ends.h"
#include "ansible/task_result.h"
#include "ansible/text.h"
#include "base/files.h"
#include "base/log.h"
#include "base/printable.h"
#include "base/strings.h"

namespace lemmy::ansible {
namespace {
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr size_t kLargeLine = 256 << 10;  // parsed elsewhere
constexpr size_t kMostLine = 64 << 20;    // what is longer is cut, and then no event
constexpr std::string_view kLeftOut = "(what came before this is left out";
constexpr off_t kMostLog = 64 << 20, kKeptLog = 16 << 20;  // of a longer one the end is kept

Result<> shorten_log(const std::string& file) {
  auto end = end_of_file(file, kKeptLog);
  if (!end) return fail(end.error());
  return write_file(file, *end, 0600);
}

Result<> append(const std::string& file, const std::string& text) {
  int fd = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    return fail(ErrorCode::unavailable, file, std::string("cannot be written: ") + std::strerror(errno));
  size_t done = 0;
  while (done < text.size()) {
    ssize_t n = ::write(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    done += n;
  }
  int error = errno;
  struct stat info{};
  const bool large = ::fstat(fd, &info) == 0 && info.st_size > kMostLog;
  ::close(fd);
  if (done == text.size() && large) return shorten_log(file);
  if (done == text.size()) return {};
  return fail(ErrorCode::unavailable, file, std::string("cannot be written: ") + std::strerror(error));
}

// What people would have seen of the line.
struct Line {
  json::object event;  // empty: it is text
  std::string log;
};
Line understand(std::string_view line, int64_t seal) {
  Line out;
  if (line.starts_with('{')) {
    json::error_code error;
    json::parse_options options;
    options.max_depth = 512;
    json::value v = json::parse(line, error, {}, options);
    if (error) v = json::parse(without_half_surrogates(line), error, {}, options);
    if (!error && v.is_object() && v.get_object().contains("event")) {
      out.event = std::move(v.get_object());
      out.log = without_colours(text_or(out.event, "stdout"));
      take_printed_result(out.event, out.log);
      if (!out.log.empty()) out.log += '\n';
      // "verbose" is text that ansible-runner met between events.
      if (text_or(out.event, "event") != "verbose" && int_or(out.event, "job_id") != seal) out.event.clear();
      return out;
    }
  }
  out.log = without_colours(line) + "\n";
  return out;
}

Task<> read_output(Pool* pool, std::shared_ptr<Job> job) {
  std::string pending;
  std::vector<char> buffer(64 << 10);
  bool complained = false;
  for (bool open = true; open;) {
    auto [error, n] =
        co_await job->out.async_read_some(asio::buffer(buffer), asio::as_tuple(asio::use_awaitable));
    open = !error;
    job->heard = Clock::now();
    pending.append(buffer.data(), n);
    if (!open && !pending.empty()) pending += '\n';
    if (pending.size() > kMostLine && pending.find('\n') == pending.npos) pending.resize(kMostLine / 2);
    std::string log;
    uint64_t before = job->progress->version();
    size_t start = 0;
    for (size_t end; (end = pending.find('\n', start)) != pending.npos; start = end + 1) {
      std::string line = pending.substr(start, end - start);
      Line understood;
      if (line.size() > kLargeLine)
        understood =
            co_await pool->run([line = std::move(line), seal = job->seal] { return understand(line, seal); });
      else
        understood = understand(line, job->seal);
      log += understood.log;
      if (understood.event.empty())
        job->progress->text(trim(understood.log));
      else
        job->progress->feed(understood.event);
      const bool sealed = int_or(understood.event, "job_id") == job->seal;
      if (auto pid = int_or(understood.event, "pid"); pid > 1 && sealed && job->identity.sessions.empty()) {
        job->identity.sessions.insert(static_cast<pid_t>(pid));
        co_await pool->run([file = job->folder.identity(), identity = job->identity] {
          return write_identity(file, identity);
        });
      }
    }
    pending.erase(0, start);
    if (!log.empty()) {
      auto written =
          co_await pool->run([file = job->folder.log(), log = std::move(log)] { return append(file, log); });
      if (!written && !complained) {
        complained = true;
        log::error("the log of a run is not complete",
                   {{"run", job->plan.id}, {"why", written.error().str()}});
      }
    }
    if (job->progress->version() != before && job->changed) job->changed();
  }
}

// True when it has ended; its exit code is then in the outcome.
bool reap(Job& job) {
  int status = 0;
  pid_t pid = ::waitpid(job.identity.pid, &status, WNOHANG);
  if (pid == 0 || (pid < 0 && errno == EINTR)) return false;
  job.exited = true;
  if (pid == job.identity.pid)
    job.outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  else
    job.outcome.exit_code = 255;
  return true;
}

// Until the process is gone and its output read; ends it when asked or when its time is over.
Task<> watch(Pool* pool, std::shared_ptr<Job> job) {
  const auto most = Clock::now() + job->plan.limit;
  auto limit = most;
  auto never = Clock::time_point::max();
  auto kill_at = never, give_up_at = never;
  bool ending = false;
  while (!job->exited || (!job->end_of_output && Clock::now() < give_up_at)) {
    auto now = Clock::now();
    if (job->plan.silence > 0ms) limit = std::min(most, job->heard + job->plan.silence);
    if (!ending && (job->cancel_asked || job->abandoned || now >= limit)) {
      ending = true;
      job->outcome.cancelled = job->cancel_asked || job->abandoned;
      job->outcome.timed_out = !job->cancel_asked && !job->abandoned;
      job->outcome.silent = job->outcome.timed_out && now < most;
      kill_at = job->abandoned ? now : now + 10s;
      auto sessions = co_await pool->run([identity = job->identity] { return interrupt(identity); });
      job->identity.sessions.merge(sessions);
    } else if (now >= kill_at) {
      kill_at = now + 5s;
      co_await pool->run([identity = job->identity] { kill_all(identity); });
    }
    if (!job->exited && reap(*job)) give_up_at = Clock::now() + 2s;
    if (job->exited && job->end_of_output) break;
    auto wait = job->end_of_output || job->exited ? 10ms : 500ms;
    if (!ending) wait = std::min(wait, std::chrono::ceil<milliseconds>(limit - Clock::now()));
    if (wait > 0ms && !(job->cancel_asked && !ending)) co_await job->wake.wait(wait);
  }
  boost::system::error_code ignored;
  if (!job->end_of_output) job->out.close(ignored);  // something that was started holds the pipe
}

}  // namespace

Task<> work_on(Pool* pool, Tools tools, std::string home, std::shared_ptr<Job> job) {
  auto started = co_await pool->run([job, tools, home]() -> Result<Started> {
    auto command = prepare(job->plan, tools, job->folder, home);
    if (!command) return fail(command.error());
    job->seal = command->seal;
    auto s = start_process(command->argv, command->environment, command->directory, job->folder.identity());
    if (!s && s.error().code == ErrorCode::not_found) return fail(no_ansible(command->argv[0]));
    return s;
  });
  job->outcome.log_file = job->folder.log();
  if (started) {
    job->identity = started->identity;
    job->out.assign(started->out.release());
    auto loop = co_await asio::this_coro::executor;
    spawn(loop, "output of run " + job->plan.id, read_output(pool, job), {}, [job](std::exception_ptr) {
      job->end_of_output = true;
      job->wake.notify();
    });
    co_await watch(pool, job);
    while (!job->end_of_output) co_await job->wake.wait(100ms);
  } else {
    job->trouble = started.error();
  }
  // What a playbook that came to its end left running on this machine was meant to run on.
  bool own_end = job->progress->finished() && !job->outcome.cancelled && !job->outcome.timed_out;
  auto off = co_await pool->run([job, own_end] {
    if (job->identity.pid > 0 && !own_end) kill_all(job->identity);
    auto told = broken_off(job->folder.plugins());
    if (!job->abandoned) tidy(job->folder);
    return told;
  });
  if (off) job->progress->broken_off(*off);
  job->progress->over();
}

Result<Outcome> judge(const Job& job) {
  const Progress& p = *job.progress;
  if (job.trouble) return fail(*job.trouble);
  Outcome outcome = job.outcome;
  outcome.finished = p.finished();
  if (outcome.cancelled || outcome.timed_out) return outcome;
  std::string playbook = "playbooks/" + job.plan.playbook;
  if (p.no_hosts())
    return fail(ErrorCode::not_found, job.plan.hosts, "no host of the inventory matches",
                "run ansible --list-hosts -i inventory " + shell_word(shorten(job.plan.hosts, 200)) + " in " +
                    job.plan.ansible_dir);
  if (p.no_host_named())
    return fail(ErrorCode::invalid, playbook, "its plays are for none of the hosts of " + job.plan.hosts,
                "say hosts: all there, or groups that these hosts are in: Lemmy gives the hosts by --limit");
  if (job.outcome.exit_code == 127 && p.trouble().find("not found") != std::string::npos)
    return fail(no_ansible("ansible-playbook"));
  const bool reached =
      std::ranges::any_of(p.hosts(), [](const auto& h) { return h.second.state != HostState::waiting; });
  if (job.outcome.exit_code != 0 && !reached)
    return fail(p.in_error() || outcome.finished
                    ? in_its_words(ErrorCode::invalid, playbook, p.trouble())
                    : Error{ErrorCode::unavailable, playbook,
                            "ansible-playbook ended before its first task: it was killed, or the machine has "
                            "no memory left",
                            "", p.trouble()});
  if (!outcome.finished && outcome.exit_code == 0) outcome.exit_code = 137;  // ansible-runner hides a signal
  return outcome;
}

Result<std::string> end_of_file(const std::string& path, size_t most_bytes) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) return fail(ErrorCode::not_found, path, "there is no log");
  auto size = static_cast<size_t>(in.tellg());
  size_t from = size > most_bytes ? size - most_bytes : 0;
  in.seekg(static_cast<std::streamoff>(from));
  std::string text(size - from, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(in.gcount()));
  if (from == 0) return valid_utf8(text);
  std::string_view end = text;
  if (end.starts_with(kLeftOut)) end.remove_prefix(std::min(end.find('\n'), end.size() - 1) + 1);
  return std::string(kLeftOut) + ", for the log is longer than is kept)\n" + tail(end, end.size() - 1);
}

}  // namespace lemmy::ansible
