#include "domain/build.h"

#include <fmt/format.h>

#include <algorithm>

#include "domain/names.h"

namespace lemmy {

Result<> check_build(const Build& b) {
  if (auto r = check_project_name(b.project); !r) return r;
  if (auto r = check_sha(b.sha); !r) return r;
  struct Limit {
    const char* name;
    const std::string& value;
    size_t most;
  };
  for (const Limit& l :
       {Limit{"branch", b.branch, 255}, Limit{"image", b.image, 512}, Limit{"url", b.url, 2048},
        Limit{"author", b.author, 255}, Limit{"message", b.message, 4096}})
    if (l.value.size() > l.most)
      return fail(ErrorCode::invalid, l.name, fmt::format("{} bytes are too long", l.value.size()),
                  fmt::format("at most {} bytes", l.most));
  if (b.branch.empty())
    return fail(ErrorCode::invalid, "branch", "the branch is missing", "name the branch built");
  for (unsigned char c : b.branch + b.image + b.url)
    if (c < 0x20 || c == 0x7f)
      return fail(ErrorCode::invalid, "branch, image or url", "control characters are not allowed");
  if (b.image.find(' ') != b.image.npos)
    return fail(ErrorCode::invalid, "image", "an image reference has no spaces");
  if (!b.url.empty() && !b.url.starts_with("https://") && !b.url.starts_with("http://"))
    return fail(ErrorCode::invalid, "url", "only http and https addresses are taken");
  return {};
}

Build merged(std::optional<Build> kept, Build announced) {
  if (!kept) {
    if (announced.first_pushed_at == Time{}) announced.first_pushed_at = announced.pushed_at;
    announced.dated = false;
    return announced;
  }
  const bool older = announced.dated && announced.pushed_at < kept->pushed_at;
  Build out = older ? *kept : announced;
  const Build& otherwise = older ? announced : *kept;
  for (auto field : {&Build::branch, &Build::image, &Build::url, &Build::author, &Build::message})
    if ((out.*field).empty()) out.*field = otherwise.*field;
  out.first_pushed_at = kept->first_pushed_at;
  out.pushed_at = std::max(kept->pushed_at, announced.pushed_at);
  out.dated = false;
  return out;
}

json::object to_json(const Build& b) {
  return {{"project", b.project},
          {"sha", b.sha},
          {"branch", b.branch},
          {"image", b.image},
          {"url", b.url},
          {"author", b.author},
          {"message", b.message},
          {"first_pushed_at", format_time(b.first_pushed_at)},
          {"pushed_at", format_time(b.pushed_at)}};
}

Build build_from_json(const json::object& o) {
  auto text = [&](std::string_view key) { return std::string(text_or(o, key)); };
  Build b{text("project"), text("sha"),    text("branch"), text("image"),
          text("url"),     text("author"), text("message")};
  b.first_pushed_at = parse_time(text("first_pushed_at")).value_or(Time{});
  b.pushed_at = parse_time(text("pushed_at")).value_or(Time{});
  return b;
}

}  // namespace lemmy
