#pragma once
// Structured logs on standard error: one line an event, with named fields. JSON when standard error is not a
// terminal, text when it is. Never blocks the caller: a thread writes them, within 20 ms, and when standard
// error is not read for long, lines are dropped and counted. Fields named project, environment, build and
// deploy are to be on every line that has them. Never log secrets.
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace lemmy::log {

enum class Level { debug, info, warning, error };
enum class Format { automatic, text, json };

void start(Level level, Format format);  // once, from main; before that, nothing is printed
void stop();                             // flushes

using Field = std::pair<std::string_view, std::string>;
void write(Level level, std::string_view event, std::initializer_list<Field> fields);

inline void debug(std::string_view e, std::initializer_list<Field> f = {}) { write(Level::debug, e, f); }
inline void info(std::string_view e, std::initializer_list<Field> f = {}) { write(Level::info, e, f); }
inline void warning(std::string_view e, std::initializer_list<Field> f = {}) { write(Level::warning, e, f); }
inline void error(std::string_view e, std::initializer_list<Field> f = {}) { write(Level::error, e, f); }

}  // namespace lemmy::log
