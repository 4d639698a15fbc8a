#include <fmt/format.h>

#include <cstring>
#include <exception>

#include "cli/command.h"

int main(int argc, char** argv) {
  CLI::App app{"Lemmy, a deployment conduit"};
  app.name("lemmy");
  app.set_version_flag("--version", LEMMY_VERSION);
  app.require_subcommand(0, 1);
  lemmy::cli::Action action;
  lemmy::cli::add_playground(app, action);
  lemmy::cli::add_serve(app, action);
  lemmy::cli::add_validate(app, action);
  lemmy::cli::add_render(app, action);
  lemmy::cli::add_builds(app, action);
  lemmy::cli::add_deploy(app, action);
  lemmy::cli::add_release(app, action);
  lemmy::cli::add_status(app, action);
  lemmy::cli::add_actions(app, action);
  lemmy::cli::add_hook(app, action);
  lemmy::cli::add_instances(app, action);
  lemmy::cli::add_diff(app, action);
  lemmy::cli::add_deliveries(app, action);
  lemmy::cli::add_events(app, action);
  lemmy::cli::add_user(app, action);
  lemmy::cli::add_token(app, action);
  lemmy::cli::add_store(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : lemmy::exit_code(lemmy::ErrorCode::invalid);
  }
  if (!action) {
    fmt::print(stderr, "{}", app.help());
    return lemmy::exit_code(lemmy::ErrorCode::invalid);
  }
  try {
    const int code = action();
    // A full disk or a closed pipe: what was asked for is not there.
    if (std::fflush(stdout) == 0 && !std::ferror(stdout)) return code;
    fmt::print(stderr, "error: standard output: it cannot be written: {}\n", std::strerror(errno));
    return code != 0 ? code : lemmy::exit_code(lemmy::ErrorCode::internal);
  } catch (const std::exception& e) {
    fmt::print(stderr, "error: {}\n", e.what());
    return lemmy::exit_code(lemmy::ErrorCode::internal);
  }
}
