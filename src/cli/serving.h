#pragma once
// Inside room cli: running a server until a signal comes.
#include <CLI/CLI.hpp>
#include <functional>

#include "app/app.h"

namespace lemmy::cli {

// Starts it, prints "listening on http://HOST:PORT", runs until SIGINT or SIGTERM. `before` runs on the loop
// first and may change the options; `after` once it listens. Gives the exit code.
using Before = std::function<Task<Result<>>(asio::io_context& loop, app::Options& options)>;
using After = std::function<Task<>(uint16_t port)>;
int run_server(app::Options options, Before before = {}, After after = {});

// What serve and playground both take: data, store, address.
void add_server_options(CLI::App& command, app::Options& options);

}  // namespace lemmy::cli
