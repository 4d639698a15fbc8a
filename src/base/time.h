#pragma once
// Wall-clock time, UTC, in milliseconds: what the store keeps and people see. Waits use steady_clock instead.
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace lemmy {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Time = std::chrono::sys_time<milliseconds>;

Time now();
inline int64_t to_millis(Time t) { return t.time_since_epoch().count(); }
inline Time from_millis(int64_t ms) { return Time{milliseconds{ms}}; }

// RFC 3339 in UTC with milliseconds: 2026-11-24T11:05:32.120Z
std::string format_time(Time t);
// RFC 3339 with any fraction; only Z or a numeric offset; nullopt when it is not one.
std::optional<Time> parse_time(std::string_view text);

// Seconds since 1970, whole and in decimal, as callers write them; nullopt when it is not that, or past 5138.
std::optional<Time> parse_unix_time(std::string_view text);

// The wait after so many failures in a row, from 1: `first`, doubled with each, at most `longest`. Without
// jitter.
milliseconds back_off(int failures, milliseconds first, milliseconds longest);

// For people: "850 ms", "12 s", "3 min 5 s", "2 h 10 min", "4 d 3 h".
std::string format_duration(milliseconds d);
// From people, as in configuration: "500ms", "10s", "10m", "2h", "7d".
Result<milliseconds> parse_duration(std::string_view text);

}  // namespace lemmy
