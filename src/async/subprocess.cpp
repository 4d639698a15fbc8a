#include "async/subprocess.h"

#include <sys/syscall.h>

#include "async/child.h"

namespace lemmy {
namespace {

using Stream = asio::posix::stream_descriptor;
// What a program left running may hold its output open; after its own end nobody waits longer.
constexpr std::chrono::milliseconds kAfterEnd{200}, kLook{20};

struct Ongoing {
  Ongoing(asio::any_io_executor loop, Child c, Program p)
      : child(std::move(c)),
        program(std::move(p)),
        out(loop, child.out().release()),
        err(loop, child.err().release()),
        exit(loop),
        news(loop) {}
  Child child;
  const Program program;
  ProcessOutput output;
  Stream out, err;
  Stream exit;  // a pidfd, where the kernel has them
  Signal news;
  int open_ends = 2;
  bool large = false;
};

Task<> read_all(std::shared_ptr<Ongoing> r, bool of_err) {
  Stream& from = of_err ? r->err : r->out;
  std::string& into = of_err ? r->output.err : r->output.out;
  char buffer[16384];
  while (!r->large) {
    auto [error, n] =
        co_await from.async_read_some(asio::buffer(buffer), asio::as_tuple(asio::use_awaitable));
    if (error) break;
    into.append(buffer, n);
    r->large = r->output.out.size() + r->output.err.size() > r->program.most;
  }
  --r->open_ends;
  r->news.notify();
}

Task<> watch_exit(std::shared_ptr<Ongoing> r) {
  co_await r->exit.async_wait(Stream::wait_read, asio::as_tuple(asio::use_awaitable));
  r->news.notify();
}

}  // namespace

Task<Result<ProcessOutput>> run_program(Pool* starters, Program program) {
  const auto deadline = Clock::now() + program.limit;
  const std::string name = program.argv.empty() ? "command" : program.argv[0];
  ChildOptions options{program.argv, child_environment(program.environment), program.directory};
  // Its result owns the child: abandoned, it is killed.
  auto started = co_await starters->run([options]() -> Result<std::shared_ptr<Child>> {
    auto child = start_child(options);
    if (!child) return fail(child.error());
    return std::make_shared<Child>(std::move(*child));
  });
  if (!started) co_return fail(started.error());
  auto loop = co_await asio::this_coro::executor;
  auto r = std::make_shared<Ongoing>(loop, std::move(**started), std::move(program));
  // However this ends, the readers end too: they hold what they read into.
  struct Closed {
    Ongoing* r;
    ~Closed() {
      boost::system::error_code ignored;
      r->out.close(ignored), r->err.close(ignored), r->exit.close(ignored);
      r->child.kill();
    }
  };
  const Closed closed{r.get()};
#ifdef SYS_pidfd_open
  if (const int fd = static_cast<int>(::syscall(SYS_pidfd_open, r->child.pid(), 0)); fd >= 0) {
    r->exit.assign(fd);
    spawn(loop, "exit of " + name, watch_exit(r));
  }
#endif
  spawn(loop, "output of " + name, read_all(r, false));
  spawn(loop, "errors of " + name, read_all(r, true));

  std::optional<int> code;
  auto give_up = Clock::time_point::max();
  while (!r->large && !(code && (r->open_ends == 0 || Clock::now() >= give_up))) {
    if (!code && (code = r->child.ended())) give_up = Clock::now() + kAfterEnd;
    if (code && r->open_ends == 0) break;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(std::min(deadline, give_up) - Clock::now());
    if (left.count() <= 0 && !code)
      co_return fail(ErrorCode::timeout, name,
                     "did not end within " + std::to_string(r->program.limit.count()) + " ms");
    if (left.count() <= 0) break;
    const bool told = r->exit.is_open() && r->open_ends > 0;
    co_await r->news.wait(told ? left : std::min(left, kLook));
  }
  if (r->large)
    co_return fail(ErrorCode::too_large, name,
                   "printed more than " + std::to_string(r->program.most) + " bytes");
  ProcessOutput output = std::move(r->output);
  output.exit_code = *code;
  co_return output;
}

Result<ProcessOutput> run_process(Program program) {
  Pool starters(1, "programs");
  return block_on(run_program(&starters, std::move(program)));
}

}  // namespace lemmy
