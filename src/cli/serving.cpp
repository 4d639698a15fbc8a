#include "cli/serving.h"

#include <fmt/format.h>

#include <csignal>

#include "base/log.h"
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

}  // namespace

int run_server(app::Options options, Before before, After after) {
  log::start(log::Level::info, log::Format::automatic);
  std::signal(SIGPIPE, SIG_IGN);
  Run run{.options = std::move(options), .before = std::move(before), .after = std::move(after)};
  asio::co_spawn(run.loop, main_task(&run), [&run](std::exception_ptr error) {
    if (error) {
      run.code = exit_code(ErrorCode::internal);
      try {
        std::rethrow_exception(error);
      } catch (const std::exception& e) {
        fmt::print(stderr, "error: {}\n", e.what());
      }
    }
    run.loop.stop();
  });
  run.loop.run();
  run.app.reset();
  log::stop();
  return run.code;
}

}  // namespace lemmy::cli
