#include "ansible/variables.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"

namespace lemmy::ansible {
namespace {

// The code point at `i`, which moves behind it. The text is valid UTF-8.
char32_t next(std::string_view s, size_t& i) {
  const auto lead = static_cast<unsigned char>(s[i++]);
  if (lead < 0x80) return lead;
  const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
  char32_t c = lead & (0x3F >> more);
  for (int k = 0; k < more && i < s.size(); ++k) c = (c << 6) | (static_cast<unsigned char>(s[i++]) & 0x3F);
  return c;
}

// As both YAML's double quotes and Python's regular expressions write it.
std::string escaped(char32_t c) {
  const auto n = static_cast<uint32_t>(c);
  return n < 0x100     ? fmt::format("\\x{:02x}", n)
         : n < 0x10000 ? fmt::format("\\u{:04x}", n)
                       : fmt::format("\\U{:08x}", n);
}

// Whether YAML 1.1 may take it for a number, a time, a truth value or nothing when it has no quotes: at least
// these do, and none of them can be a template. https://yaml.org/type/
bool resolves(std::string_view s) {
  for (std::string_view word :
       {"", "~", "null", "yes", "no", "true", "false", "on", "off", "y", "n", "<<", "=", "!", "&", "*"})
    if (lower(s) == word) return true;
  const std::string_view first = "0123456789+-.", more = "0123456789abcdefABCDEFxXoO_.:+-tTzZ \tinIN";
  return first.contains(s[0]) && s.find_first_not_of(more) == s.npos;
}

void put_text(std::string_view raw, std::string& out) {
  const std::string text = valid_utf8(raw);
  out += resolves(text) ? "!!str \"" : "!unsafe \"";
  for (size_t i = 0; i < text.size();) {
    const char32_t c = next(text, i);
    if (c < 0x20 || c > 0x7E || c == '"' || c == '\\')
      out += escaped(c);
    else
      out += static_cast<char>(c);
  }
  out += '"';
}

void put(const json::value& v, std::string& out) {
  switch (v.kind()) {
    case json::kind::string:
      return put_text(v.get_string(), out);
    case json::kind::object: {
      out += '{';
      bool first = true;
      for (const auto& [key, value] : v.get_object()) {
        out +=
            std::exchange(first, false) ? "? " : ", ? ";  // a key with a question mark may be of any length
        put_text(key, out);
        out += " : ";
        put(value, out);
      }
      out += '}';
      return;
    }
    case json::kind::array: {
      out += '[';
      bool first = true;
      for (const json::value& item : v.get_array()) {
        if (!std::exchange(first, false)) out += ", ";
        put(item, out);
      }
      out += ']';
      return;
    }
    // YAML 1.1 takes 1E5 for a text unless it is told.
    case json::kind::double_:
      out += "!!float \"" + json::serialize(v) + '"';
      return;
    default:
      out += json::serialize(v);  // null, true, false, 12
  }
}

Result<> check_keys(const json::value& v, const std::string& path) {
  if (const json::array* items = v.if_array()) {
    for (const json::value& item : *items)
      if (auto good = check_keys(item, path + "[]"); !good) return good;
  } else if (const json::object* o = v.if_object()) {
    for (const auto& [key, value] : *o) {
      std::string here = path + (path.empty() ? "" : ".") + std::string(key);
      auto refused = [&](const char* why, const char* hint) {
        return fail(ErrorCode::invalid, shorten(valid_utf8(here), 200), why, hint);
      };
      if (key.starts_with("__ansible_"))
        return refused("this key is Ansible's own", "give it a name that does not begin with __ansible_");
      if (key.contains('{'))
        return refused("Ansible might take this key for a template",
                       "a value may have braces, a key may not");
      if (auto good = check_keys(value, here); !good) return good;
    }
  }
  return {};
}

}  // namespace

Result<> check_variables(const json::object& variables) { return check_keys(variables, ""); }

std::string extra_vars(const json::object& variables) {
  std::string out = "---\n";  // no JSON, which Ansible would try first
  for (const auto& [name, value] : variables) {
    out += name;
    out += ": ";
    put(value, out);
    out += '\n';
  }
  return out;
}

bool plain(std::string_view host) {
  auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  };
  return !host.empty() && host[0] != '-' && host[0] != '.' && std::ranges::all_of(host, good);
}

bool addressable(std::string_view host) {
  auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  return !host.empty() && valid_utf8(host) == host && std::ranges::none_of(host, control);
}

std::string host_patterns(std::span<const std::string> hosts, char separator) {
  std::string out;
  for (const std::string& host : hosts) {
    if (!out.empty()) out += separator;
    if (plain(host)) {  // Ansible takes the name of a host before it looks for patterns
      out += host;
      continue;
    }
    out += "~\\A";  // a regular expression
    for (size_t i = 0; i < host.size();) {
      const char32_t c = next(host, i);
      out +=
          c < 0x80 && std::isalnum(static_cast<int>(c)) ? std::string(1, static_cast<char>(c)) : escaped(c);
    }
    out += "\\Z";
  }
  return out;
}

}  // namespace lemmy::ansible
