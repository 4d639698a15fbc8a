#include "hooks/build_call.h"

#include <algorithm>

#include "base/strings.h"

namespace lemmy::hooks {
namespace {

Result<std::string> text_field(const json::object& body, std::string_view key, bool needed) {
  const json::value* v = body.if_contains(key);
  if (!v || v->is_null()) {
    if (!needed) return std::string();
    return fail(ErrorCode::invalid, std::string(key), "the field is missing",
                "send project, sha and branch; image, url, author and message if you have them");
  }
  if (!v->is_string()) return fail(ErrorCode::invalid, std::string(key), "the field must be a text");
  const std::string_view text = trim(v->get_string());
  if (needed && text.empty()) return fail(ErrorCode::invalid, std::string(key), "the field is empty");
  if (std::find(text.begin(), text.end(), '\0') != text.end())
    return fail(ErrorCode::invalid, std::string(key), "a NUL is not allowed");
  return valid_utf8(text);
}

// nullopt: none was named.
Result<std::optional<Time>> time_field(const json::object& body) {
  const json::value* v = body.if_contains("timestamp");
  if (!v || v->is_null()) return std::nullopt;
  std::optional<Time> at;
  if (v->is_int64() && v->get_int64() >= 0 && v->get_int64() < 100'000'000'000)
    at = from_millis(v->get_int64() * 1000);
  if (const json::string* s = v->if_string()) {
    const std::string_view text = trim(*s);
    if (text.empty()) return std::nullopt;
    at = parse_unix_time(text);
    if (!at) at = parse_time(text);
  }
  if (!at)
    return fail(ErrorCode::invalid, "timestamp", "this is not a time",
                "send RFC 3339 such as 2026-11-24T11:05:32Z, or seconds since 1970");
  return at;
}

}  // namespace

Result<Build> read_build(const json::object& body, Time now) {
  Build b;
  struct Field {
    std::string_view key;
    std::string& to;
    bool needed;
  };
  for (const Field& f :
       {Field{"project", b.project, true}, Field{"sha", b.sha, true}, Field{"branch", b.branch, true},
        Field{"image", b.image, false}, Field{"url", b.url, false}, Field{"author", b.author, false},
        Field{"message", b.message, false}}) {
    auto text = text_field(body, f.key, f.needed);
    if (!text) return fail(text.error());
    f.to = std::move(*text);
  }
  // Git hosts send the whole reference.
  if (b.branch.starts_with("refs/heads/")) b.branch.erase(0, 11);
  auto at = time_field(body);
  if (!at) return fail(at.error());
  b.dated = *at && **at <= now;
  b.first_pushed_at = b.pushed_at = b.dated ? **at : now;
  // The first paragraph says what a build is; a long one is no reason to lose the build.
  b.message = shorten(b.message, 4096);
  if (auto ok = check_build(b); !ok) return fail(ok.error());
  if (b.sha.size() >= 40 && b.sha.find_first_not_of('0') == std::string::npos)
    return fail(ErrorCode::invalid, "sha", "all zeros is no commit",
                "git hosts send it of a branch that was deleted: nothing was built then");
  return b;
}

}  // namespace lemmy::hooks
