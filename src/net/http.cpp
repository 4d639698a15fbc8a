#include "net/http.h"

#include <algorithm>

#include "base/strings.h"

namespace lemmy::net {
namespace {

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

bool NoCase::operator()(std::string_view a, std::string_view b) const {
  auto low = [](unsigned char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; };
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                      [&](unsigned char x, unsigned char y) { return low(x) < low(y); });
}

std::string_view header(const Headers& headers, std::string_view name) {
  auto it = headers.find(name);
  return it == headers.end() ? std::string_view() : std::string_view(it->second);
}

std::string media_type(const Headers& headers) {
  const std::string_view all = header(headers, "Content-Type");
  return lower(trim(all.substr(0, all.find(';'))));
}

std::string_view Request::query_value(std::string_view name) const {
  for (const auto& [k, v] : query)
    if (k == name) return v;
  return {};
}

Result<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '+' && plus_is_space) c = ' ';
    if (text[i] == '%') {
      bool whole = i + 2 < text.size();
      int high = whole ? hex(text[i + 1]) : -1;
      int low = whole ? hex(text[i + 2]) : -1;
      if (high < 0 || low < 0) return fail(ErrorCode::invalid, "", "a % must be followed by two hex digits");
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') return fail(ErrorCode::invalid, "", "NUL is not allowed");
    out += c;
  }
  return out;
}

Result<std::vector<std::pair<std::string, std::string>>> parse_form(std::string_view body) {
  std::vector<std::pair<std::string, std::string>> out;
  if (body.empty()) return out;
  for (std::string_view field : split(body, '&')) {
    if (field.empty()) continue;
    if (out.size() == 1000) return fail(ErrorCode::too_large, "form", "more than 1,000 fields");
    size_t eq = field.find('=');
    auto key = percent_decode(field.substr(0, eq), true);
    auto value = percent_decode(eq == field.npos ? std::string_view() : field.substr(eq + 1), true);
    if (!key || !value) return fail(ErrorCode::invalid, "form", (key ? value : key).error().what);
    out.emplace_back(std::move(*key), std::move(*value));
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (unsigned char c : text) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                 c == '_' || c == '.' || c == '~';
    if (plain)
      out += static_cast<char>(c);
    else
      out += {'%', digits[c >> 4], digits[c & 15]};
  }
  return out;
}

Result<> set_target(Request& request, std::string target) {
  const std::string_view all = target;
  const size_t mark = all.find('?');
  auto path = percent_decode(all.substr(0, mark));
  if (!path) return fail(path.error());
  if (!path->starts_with('/')) return fail(ErrorCode::invalid, "", "the address is not a path");
  if (mark != all.npos) {
    auto query = parse_form(all.substr(mark + 1));
    if (!query) return fail(query.error());
    request.query = std::move(*query);
  }
  // They go into pages, logs and answers, which are UTF-8.
  auto good = [](const std::string& text) { return valid_utf8(text) == text; };
  if (!good(*path) ||
      !std::ranges::all_of(request.query, [&](const auto& q) { return good(q.first) && good(q.second); }))
    return fail(ErrorCode::invalid, "", "the address is not UTF-8");
  request.path = std::move(*path);
  request.target = std::move(target);
  return {};
}

std::string sse_event(std::string_view event, std::string_view id, std::string_view data) {
  std::string out;
  out.reserve(data.size() + 64);
  if (!event.empty()) out.append("event: ").append(event).append("\n");
  if (!id.empty()) out.append("id: ").append(id).append("\n");
  for (std::string_view line : split(data, '\n')) out.append("data: ").append(line).append("\n");
  return out += '\n';
}

}  // namespace lemmy::net
