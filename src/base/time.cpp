#include "base/time.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "base/strings.h"

namespace lemmy {
using namespace std::chrono;

Time now() { return time_point_cast<milliseconds>(system_clock::now()); }

std::string format_time(Time t) {
  auto day = floor<days>(t);
  year_month_day date{day};
  hh_mm_ss clock{t - day};
  std::string out = "0000-00-00T00:00:00.000Z";
  // By hand, as each build, log line and event has some. Four digits of a year: none beyond 9999.
  auto put = [&out](size_t at, int digits, int64_t value) {
    for (size_t i = at + digits; i-- > at; value /= 10) out[i] = static_cast<char>('0' + value % 10);
  };
  put(0, 4, std::clamp(int(date.year()), 0, 9999));
  put(5, 2, unsigned(date.month()));
  put(8, 2, unsigned(date.day()));
  put(11, 2, clock.hours().count());
  put(14, 2, clock.minutes().count());
  put(17, 2, clock.seconds().count());
  put(20, 3, clock.subseconds().count());
  return out;
}

std::optional<Time> parse_time(std::string_view text) {
  std::string s(text.substr(0, 40));
  int y, mo, d, h, mi, sec, used = 0;
  if (std::sscanf(s.c_str(), "%4d-%2d-%2d%*1[Tt ]%2d:%2d:%2d%n", &y, &mo, &d, &h, &mi, &sec, &used) != 6 ||
      !used)
    return std::nullopt;
  year_month_day date{year{y}, month{unsigned(mo)}, day{unsigned(d)}};
  if (!date.ok() || h > 23 || mi > 59 || sec > 60 || h < 0 || mi < 0 || sec < 0) return std::nullopt;
  std::string_view rest = std::string_view(s).substr(used);
  int64_t ms = 0;
  if (!rest.empty() && rest[0] == '.') {
    rest.remove_prefix(1);
    int scale = 100;
    while (!rest.empty() && rest[0] >= '0' && rest[0] <= '9') {
      ms += (rest[0] - '0') * scale;
      scale /= 10;
      rest.remove_prefix(1);
    }
  }
  minutes offset{0};
  if (rest == "Z" || rest == "z") {
  } else if (rest.size() == 6 && (rest[0] == '+' || rest[0] == '-') && rest[3] == ':') {
    int oh, om;
    if (std::sscanf(std::string(rest.substr(1)).c_str(), "%2d:%2d", &oh, &om) != 2) return std::nullopt;
    offset = minutes{(oh * 60 + om) * (rest[0] == '-' ? -1 : 1)};
  } else {
    return std::nullopt;
  }
  return Time{sys_days{date}} + hours{h} + minutes{mi} + seconds{sec} + milliseconds{ms} - offset;
}

std::optional<Time> parse_unix_time(std::string_view text) {
  const auto n = whole_number(text);
  if (!n || *n < 0 || *n >= 100'000'000'000) return std::nullopt;
  return from_millis(*n * 1000);
}

milliseconds back_off(int failures, milliseconds first, milliseconds longest) {
  return std::min(longest, first * (int64_t{1} << std::clamp(failures - 1, 0, 20)));
}

std::string format_duration(milliseconds d) {
  int64_t ms = d.count();
  if (ms < 0) ms = 0;
  if (ms < 1000) return fmt::format("{} ms", ms);
  int64_t s = ms / 1000;
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return s % 60 ? fmt::format("{} min {} s", s / 60, s % 60) : fmt::format("{} min", s / 60);
  int64_t m = s / 60;
  if (m < 48 * 60) return m % 60 ? fmt::format("{} h {} min", m / 60, m % 60) : fmt::format("{} h", m / 60);
  int64_t h = m / 60;
  return h % 24 ? fmt::format("{} d {} h", h / 24, h % 24) : fmt::format("{} d", h / 24);
}

Result<milliseconds> parse_duration(std::string_view text) {
  auto bad = [&] {
    return fail(ErrorCode::invalid, "", fmt::format("'{}' is not a duration", text),
                "write a number and a unit, such as 500ms, 10s, 10m, 2h or 7d");
  };
  int64_t n = 0;
  size_t i = 0;
  while (i < text.size() && text[i] >= '0' && text[i] <= '9' && i < 9) n = n * 10 + (text[i++] - '0');
  std::string_view unit = text.substr(i);
  if (i == 0) return bad();
  if (unit == "ms") return milliseconds{n};
  if (unit == "s") return milliseconds{n * 1000};
  if (unit == "m") return milliseconds{n * 60'000};
  if (unit == "h") return milliseconds{n * 3'600'000};
  if (unit == "d") return milliseconds{n * 86'400'000};
  return bad();
}

}  // namespace lemmy
