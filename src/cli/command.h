#pragma once
// One command a file in commands/; each adds itself to the program and leaves what to run.
#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "base/error.h"
#include "config/config.h"

namespace lemmy::cli {

// What the chosen command does after the arguments were read; its value is the exit code (base/error.h).
using Action = std::function<int()>;

void add_validate(CLI::App& app, Action& action);
void add_render(CLI::App& app, Action& action);
void add_playground(CLI::App& app, Action& action);
void add_serve(CLI::App& app, Action& action);
void add_builds(CLI::App& app, Action& action);
void add_accept_cluster(CLI::App& app, Action& action);
void add_whoami(CLI::App& app, Action& action);
void add_deploy(CLI::App& app, Action& action);
void add_release(CLI::App& app, Action& action);
void add_status(CLI::App& app, Action& action);
void add_logs(CLI::App& app, Action& action);
void add_actions(CLI::App& app, Action& action);
void add_hook(CLI::App& app, Action& action);
void add_diff(CLI::App& app, Action& action);
void add_deliveries(CLI::App& app, Action& action);
void add_events(CLI::App& app, Action& action);
void add_instances(CLI::App& app, Action& action);
void add_user(CLI::App& app, Action& action);
void add_token(CLI::App& app, Action& action);
void add_store(CLI::App& app, Action& action);

// For options: a deploy's number.
CLI::Validator number_from_1();

// Prints "error: where: what", the hint and the detail to standard error; gives the exit code.
int report(const Error& error);
// The same for programs: one line of JSON on standard error, {"error": {"code", "where", "what", "hint",
// "detail"}, "exit_code"}.
int report_json(const Error& error);
int report(const config::Problems& problems);
// Its "error" is the first of "problems", which are in the same form.
int report_json(const config::Problems& problems);

}  // namespace lemmy::cli
