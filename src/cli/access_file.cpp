#include "cli/access_file.h"

#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <iostream>

#include "config/access_edits.h"

namespace lemmy::cli {
namespace {

// Echo is off while it lives.
class Quiet {
 public:
  Quiet() {
    tcgetattr(STDIN_FILENO, &before_);
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
  }
  ~Quiet() { tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_); }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;

 private:
  termios before_{};
};

std::string ask(const char* prompt) {
  Quiet quiet;
  fmt::print(stderr, "{}: ", prompt);
  std::string line;
  std::getline(std::cin, line);
  fmt::print(stderr, "\n");
  return line;
}

}  // namespace

std::string access_file(const std::string& config_dir) { return config_dir + "/access.yaml"; }

Result<config::Access> load_access(const std::string& config_dir) {
  const std::string file = access_file(config_dir);
  auto text = access::read_access(file);
  if (!text) return fail(text.error());
  if (text->empty()) return config::Access{};
  auto parsed = config::parse_access(*text, file);
  if (!parsed) return fail(parsed.error().front());
  return std::move(*parsed);
}

Result<> edit_access(const std::string& config_dir, const Edit& edit) {
  if (std::error_code ec; !std::filesystem::is_directory(config_dir, ec))
    return fail(ErrorCode::not_found, config_dir, "there is no such folder",
                "--config names the configuration");
  const std::string file = access_file(config_dir);
  auto text = access::read_access(file);
  if (!text) return fail(text.error());
  auto changed = edit(*text);
  if (!changed) return fail(changed.error());
  // A running server would take nothing of the folder any more.
  if (auto problems = config::problems_of_access(config_dir, *changed); !problems.empty())
    return fail(ErrorCode::invalid, file, problems.front().what, problems.front().hint);
  return access::write_access(file, *changed);
}

Result<config::Role> read_role(const std::string& text) {
  if (auto role = config::role_from(text)) return *role;
  return fail(ErrorCode::invalid, "--role", fmt::format("there is no role '{}'", text),
              "there are: viewer, deployer, admin");
}

Result<std::string> read_new_password() {
  std::string password;
  if (isatty(STDIN_FILENO)) {
    password = ask("new password");
    if (ask("again") != password) return fail(ErrorCode::invalid, "password", "the two are not the same");
  } else {
    std::getline(std::cin, password);
    if (password.ends_with('\r')) password.pop_back();
  }
  if (auto ok = access::check_password(password); !ok) return fail(ok.error());
  return password;
}

}  // namespace lemmy::cli
