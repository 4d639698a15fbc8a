#include "access/lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/strings.h"

namespace lemmy::access {
namespace {

using Lines = std::vector<std::string>;

Lines to_lines(const std::string& text) {
  Lines out;
  for (std::string_view line : split(text, '\n')) out.emplace_back(line);
  while (!out.empty() && trim(out.back()).empty()) out.pop_back();
  return out;
}

std::string to_text(const Lines& lines) {
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

size_t indent(const std::string& line) { return std::min(line.find_first_not_of(' '), line.size()); }
bool is_blank(const std::string& line) { return trim(line).empty(); }
bool is_comment(const std::string& line) { return trim(line).starts_with("#"); }
bool is_content(const std::string& line) { return !is_blank(line) && !is_comment(line); }

// Where the comment behind a value begins, with the space before it.
size_t comment_at(std::string_view rest) {
  char quote = 0;
  for (size_t i = 0; i < rest.size(); ++i) {
    if (quote)
      quote = rest[i] == quote ? 0 : quote;
    else if (rest[i] == '"' || rest[i] == '\'')
      quote = rest[i];
    else if (rest[i] == '#' && (i == 0 || rest[i - 1] == ' ' || rest[i - 1] == '\t'))
      return rest.find_last_not_of(" \t", i ? i - 1 : 0) + 1;
  }
  return rest.size();
}

// The line's text after "key:", when it begins with that key.
std::optional<std::string_view> after_key(std::string_view line, const std::string& key) {
  line = trim(line);
  for (const std::string& form : {key, "\"" + key + "\"", "'" + key + "'"})
    if (line.starts_with(form)) {
      std::string_view rest = line.substr(form.size());
      rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
      if (rest == ":" || rest.starts_with(": ")) return rest.substr(1);
    }
  return std::nullopt;
}

std::string_view value_of(std::string_view rest) { return trim(rest.substr(0, comment_at(rest))); }

struct Range {
  size_t first, end;  // lines; `first` is the one with the key
};

// From the key to the last line that belongs to it; comments that stand further left are the next one's.
std::optional<Range> find_key(const Lines& lines, Range within, size_t at_indent, const std::string& key) {
  for (size_t i = within.first; i < within.end; ++i) {
    if (!is_content(lines[i]) || indent(lines[i]) != at_indent || !after_key(lines[i], key)) continue;
    size_t end = i + 1;
    while (end < within.end && (!is_content(lines[end]) || indent(lines[end]) > at_indent)) ++end;
    while (end > i + 1 &&
           (is_blank(lines[end - 1]) || (is_comment(lines[end - 1]) && indent(lines[end - 1]) <= at_indent)))
      --end;
    return Range{i, end};
  }
  return std::nullopt;
}

// How far the children of a key stand in.
std::optional<size_t> child_indent(const Lines& lines, Range of) {
  for (size_t i = of.first + 1; i < of.end; ++i)
    if (is_content(lines[i])) return indent(lines[i]);
  return std::nullopt;
}

std::unexpected<Error> one_line(const std::string& key) {
  return fail(ErrorCode::invalid, "access.yaml " + key, "it is written on one line with { }",
              "write each key on a line of its own, or change the file by hand");
}

std::optional<Range> find_entry(const Lines& lines, const std::string& section, const std::string& name) {
  Range within{0, lines.size()};
  size_t in = 0;
  for (std::string_view part : split(section, '.')) {
    auto s = find_key(lines, within, in, std::string(part));
    auto deeper = s ? child_indent(lines, *s) : std::nullopt;
    if (!deeper) return std::nullopt;
    within = {s->first + 1, s->end};
    in = *deeper;
  }
  return find_key(lines, within, in, name);
}

}  // namespace

Result<std::string> add_entry(const std::string& text, const std::string& section, const std::string& name,
                              const std::vector<Field>& fields) {
  Lines lines = to_lines(text);
  Range within{0, lines.size()};
  size_t in = 0;
  for (std::string_view name_of_part : split(section, '.')) {
    const std::string part(name_of_part);
    auto s = find_key(lines, within, in, part);
    if (!s) {
      size_t at = within.end;
      if (in == 0 && at > 0) lines.insert(lines.begin() + at++, "");
      lines.insert(lines.begin() + at, std::string(in, ' ') + part + ":");
      s = Range{at, at + 1};
    }
    std::string_view rest = *after_key(lines[s->first], part), value = value_of(rest);
    if (value == "{}" || value == "null" || value == "~")
      lines[s->first] = std::string(in, ' ') + part + ":" + std::string(rest.substr(comment_at(rest)));
    else if (!value.empty())
      return one_line(section);
    within = {s->first + 1, s->end};
    in = child_indent(lines, *s).value_or(in + 2);
  }
  Lines entry{std::string(in, ' ') + name + ":"};
  for (const Field& f : fields)
    entry.push_back(fmt::format("{}{}: {}", std::string(in + 2, ' '), f.key, f.value));
  lines.insert(lines.begin() + within.end, entry.begin(), entry.end());
  return to_text(lines);
}

Result<std::string> remove_entry(const std::string& text, const std::string& section,
                                 const std::string& name) {
  Lines lines = to_lines(text);
  auto e = find_entry(lines, section, name);
  if (!e) return one_line(section);
  lines.erase(lines.begin() + e->first, lines.begin() + e->end);
  return to_text(lines);
}

Result<std::string> set_field(const std::string& text, const std::string& section, const std::string& name,
                              const Field& field) {
  Lines lines = to_lines(text);
  auto e = find_entry(lines, section, name);
  if (!e) return one_line(section);
  if (!value_of(*after_key(lines[e->first], name)).empty()) return one_line(section + "." + name);
  size_t in = child_indent(lines, *e).value_or(indent(lines[e->first]) + 2);
  std::string line = fmt::format("{}{}: {}", std::string(in, ' '), field.key, field.value);
  if (auto old = find_key(lines, {e->first + 1, e->end}, in, field.key)) {
    std::string_view rest = *after_key(lines[old->first], field.key);
    lines[old->first] = line + std::string(rest.substr(comment_at(rest)));
  } else {
    lines.insert(lines.begin() + e->first + 1, line);
  }
  return to_text(lines);
}

}  // namespace lemmy::access
