#include "cli/table.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/printable.h"

namespace lemmy::cli {
namespace {

std::string_view colour_of(std::string_view word) {
  for (std::string_view w : {"ok", "live", "accepted"})
    if (word == w) return "\x1b[32m";
  for (std::string_view w : {"bad", "failed", "refused"})
    if (word == w) return "\x1b[31m";
  for (std::string_view w :
       {"busy", "queued", "preparing", "applying", "rolling_out", "settling", "unknown", "unknown_project"})
    if (word == w) return "\x1b[33m";
  return "";
}

}  // namespace

size_t width(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

std::string fitting(std::string_view text, size_t columns) {
  if (columns == 0 || width(text) <= columns) return std::string(text);
  size_t end = 0;
  for (size_t seen = 0; end < text.size(); ++end)
    if ((text[end] & 0xC0) != 0x80 && ++seen == columns) break;
  return std::string(text.substr(0, end)) + "…";
}

size_t terminal_columns(int fd) {
  winsize size{};
  return isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

std::string clean(std::string_view text) { return printable_line(text); }

std::string field(const json::object& o, std::string_view key) {
  const json::value* v = o.if_contains(key);
  if (!v || v->is_null()) return "";
  if (const json::string* s = v->if_string()) return clean(*s);
  return clean(json::serialize(*v));
}

const json::object& object_in(const json::object& o, std::string_view key) {
  static const json::object none;
  const json::value* v = o.if_contains(key);
  return v && v->is_object() ? v->get_object() : none;
}

const json::array& array_in(const json::object& o, std::string_view key) {
  static const json::array none;
  const json::value* v = o.if_contains(key);
  return v && v->is_array() ? v->get_array() : none;
}

// Of a terminal that is narrower than all but the last column: a row is some lines, one for each of its
// fields.
std::string Table::records(size_t columns) const {
  size_t names = 0;
  for (const std::string& heading : headings_) names = std::max(names, width(heading));
  std::string out;
  for (const auto& row : rows_) {
    if (!out.empty()) out += "\n";
    for (size_t i = 0; i < row.size(); ++i) {
      if (row[i].empty() || (row[i] == "-" && i > 0)) continue;
      const bool own_line = names + 2 + width(row[i]) > columns && !headings_[i].empty();
      out += i == 0 || headings_[i].empty()
                 ? row[i] + "\n"
                 : fmt::format(
                       "  {}{}{}\n", headings_[i],
                       own_line ? std::string("\n    ") : std::string(names + 1 - width(headings_[i]), ' '),
                       row[i]);
    }
  }
  return out;
}

std::string Table::text(bool colour, size_t columns) const {
  std::vector<size_t> widths(headings_.size());
  for (size_t i = 0; i < widths.size(); ++i) {
    widths[i] = width(headings_[i]);
    for (const auto& row : rows_) widths[i] = std::max(widths[i], i < row.size() ? width(row[i]) : 0);
  }
  std::string out;
  size_t before_last = 0;
  for (size_t i = 0; i + 1 < widths.size(); ++i) before_last += widths[i] + 2;
  const bool fits = columns == 0 || before_last + widths.back() <= columns;
  auto line = [&](const std::vector<std::string>& row, bool heading) {
    std::string text;
    const bool below = !heading && !fits && !row.back().empty();
    for (size_t i = 0; i < row.size(); ++i) {
      if (i > 0 && i + 1 == row.size() && below) {
        text = text.substr(0, text.find_last_not_of(' ') + 1) + "\n    ";
      }
      const std::string_view on = !colour ? "" : heading ? "\x1b[1m" : colour_of(row[i]);
      text += fmt::format("{}{}{}", on, row[i], on.empty() ? "" : "\x1b[0m");
      if (i + 1 < row.size()) text.append(widths[i] - width(row[i]) + 2, ' ');
    }
    out += text.substr(0, text.find_last_not_of(' ') + 1) + "\n";
  };
  if (columns != 0 && before_last > columns) return records(columns);
  line(headings_, true);
  for (const auto& row : rows_) line(row, false);
  return out;
}

void Table::print() const {
  fmt::print("{}", text(colour_wanted(STDOUT_FILENO), terminal_columns(STDOUT_FILENO)));
}

bool colour_wanted(int fd) {
  const char* term = std::getenv("TERM");
  const char* no = std::getenv("NO_COLOR");
  return isatty(fd) && !(no && *no) && term && std::string_view(term) != "dumb";
}

void print_json(const json::value& value) { fmt::print("{}\n", printable_json(pretty_json(value))); }

}  // namespace lemmy::cli
