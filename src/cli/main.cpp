#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <exception>

#include "base/strings.h"
#include "cli/command.h"

namespace {

// The command that was meant, when a word is none.
void suggest(const CLI::App& app, const std::string& word) {
  std::vector<std::string> names;
  for (const CLI::App* c : app.get_subcommands({})) names.push_back(c->get_name());
  if (word.starts_with("-") || std::ranges::find(names, word) != names.end()) return;
  if (auto near = lemmy::nearest(word, names)) fmt::print(stderr, "Did you mean 'lemmy {}'?\n", *near);
}

}  // namespace

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
  lemmy::cli::add_whoami(app, action);
  lemmy::cli::add_deploy(app, action);
  lemmy::cli::add_release(app, action);
  lemmy::cli::add_status(app, action);
  lemmy::cli::add_logs(app, action);
  lemmy::cli::add_actions(app, action);
  lemmy::cli::add_hook(app, action);
  lemmy::cli::add_instances(app, action);
  lemmy::cli::add_diff(app, action);
  lemmy::cli::add_deliveries(app, action);
  lemmy::cli::add_events(app, action);
  lemmy::cli::add_accept_cluster(app, action);
  lemmy::cli::add_user(app, action);
  lemmy::cli::add_token(app, action);
  lemmy::cli::add_store(app, action);
  std::string called = argc > 1 ? argv[1] : "";
  try {
    // `lemmy help` and `lemmy help COMMAND`, as people try them.
    std::vector<std::string> words(argv + 1, argv + argc);
    if (!words.empty() && words[0] == "help") {
      words.erase(words.begin());
      words.resize(std::min<size_t>(words.size(), 1));
      // Of a command that there is not, as if it were called.
      called = words.empty() ? "" : words[0];
      const auto all = app.get_subcommands({});
      if (words.empty() ||
          std::ranges::find(all, called, [](CLI::App* c) { return c->get_name(); }) != all.end())
        words.emplace_back("--help");
    }
    std::ranges::reverse(words);  // as CLI11 takes them
    app.parse(std::move(words));
  } catch (const CLI::ParseError& e) {
    const int code = app.exit(e);
    if (code != 0 && argc > 1) suggest(app, called);
    return code == 0 ? 0 : lemmy::exit_code(lemmy::ErrorCode::invalid);
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
