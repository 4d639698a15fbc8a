#include "cli/serving.h"

#include <fmt/format.h>

#include <csignal>
#include <cstdlib>

#include "base/log.h"
#include "base/strings.h"
#include "cli/command.h"

namespace lemmy::cli {
namespace {

struct Run {
  asio::io_context loop{1};
  app::Options options;
  Before before;
  After after;
  std::unique_ptr<app::App> app;
  Group background{loop.get_executor()};
  int code = 0;
};

Task<> main_task(Run* run) {
  if (run->before) {
    auto ready = co_await run->before(run->loop, run->options);
    if (!ready) {
      run->code = report(ready.error());
      co_return;
    }
  }
  run->app = std::make_unique<app::App>(run->loop, run->options);
  auto port = co_await run->app->start();
  if (port) {
    // Before it says that it listens: who reads that may stop it at once.
    asio::signal_set signals(run->loop, SIGINT, SIGTERM);
    std::string host =
        run->options.host.find(':') == std::string::npos ? run->options.host : "[" + run->options.host + "]";
    fmt::print("listening on http://{}:{}\n", host, *port);
    std::fflush(stdout);
    if (run->after) run->background.spawn("after start", run->after(*port));
    int signal = co_await signals.async_wait(asio::use_awaitable);
    log::info("stopping", {{"signal", std::to_string(signal)}});
    run->background.cancel();
    co_await run->background.join(seconds{2});
  } else {
    run->code = report(port.error());
  }
  co_await run->app->stop();
}

// What was cancelled ends by itself, a little later. False: something does not, and what it uses must not be
// destroyed under it: then the process just ends. Everything that was accepted is on disk.
bool let_end(Run& run) {
  const auto end = Clock::now() + seconds{1};
  run.loop.restart();
  while (!running_coroutines().empty() && Clock::now() < end && run.loop.run_one_for(milliseconds{50}) > 0) {
  }
  const auto left = running_coroutines();
  const bool idle = !run.app || run.app->idle();
  if (left.empty() && idle) return true;
  log::warning("ended without waiting", {{"still", join(left, ", ")}, {"threads", idle ? "none" : "busy"}});
  return false;
}

}  // namespace

int run_server(app::Options options, Before before, After after) {
  log::start(log::Level::info, log::Format::automatic);
  std::signal(SIGPIPE, SIG_IGN);
  Run run{.options = std::move(options), .before = std::move(before), .after = std::move(after)};
  spawn(run.loop.get_executor(), "server", main_task(&run), {}, [&run](std::exception_ptr error) {
    if (error) run.code = exit_code(ErrorCode::internal);
    run.loop.stop();
  });
  run.loop.run();
  if (!let_end(run)) {
    log::stop();
    std::fflush(nullptr);
    std::_Exit(run.code);
  }
  run.app.reset();
  log::stop();
  return run.code;
}

}  // namespace lemmy::cli
