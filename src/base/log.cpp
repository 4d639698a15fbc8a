#include "base/log.h"

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/json.hpp>

#include "base/time.h"

namespace lemmy::log {
namespace {
std::shared_ptr<spdlog::logger> logger;
Level threshold = Level::info;
bool as_json = false;

std::string_view name(Level level) {
  constexpr std::string_view names[] = {"debug", "info", "warning", "error"};
  return names[static_cast<int>(level)];
}

// Fields hold what strangers sent: it must not steer the terminal that shows it, nor look like another line.
std::string plain(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return text;
}
}  // namespace

void start(Level level, Format format) {
  threshold = level;
  as_json = format == Format::json || (format == Format::automatic && !::isatty(STDERR_FILENO));
  spdlog::init_thread_pool(8192, 1);
  logger = std::make_shared<spdlog::async_logger>("lemmy", std::make_shared<spdlog::sinks::stderr_sink_mt>(),
                                                  spdlog::thread_pool(),
                                                  spdlog::async_overflow_policy::overrun_oldest);
  logger->set_pattern("%v");
  logger->set_level(spdlog::level::trace);
  logger->flush_on(spdlog::level::trace);
}

void stop() {
  logger.reset();
  spdlog::shutdown();
}

void write(Level level, std::string_view event, std::initializer_list<Field> fields) {
  if (!logger || level < threshold) return;
  std::string line;
  if (as_json) {
    boost::json::object o{{"time", format_time(now())}, {"level", name(level)}, {"event", event}};
    for (const auto& [key, value] : fields)
      if (!value.empty()) o[key] = value;
    line = boost::json::serialize(o);
  } else {
    line = fmt::format("{} {:7} {}", format_time(now()), name(level), plain(std::string(event)));
    for (const auto& [key, value] : fields)
      if (!value.empty()) line += fmt::format("  {}={}", key, plain(value));
  }
  logger->info(line);
}

}  // namespace lemmy::log
