#include <algorithm>

#include "base/strings.h"
#include "store/datastore/entity.h"

namespace lemmy::store::datastore {
namespace {

bool made_of(std::string_view text, std::string_view others, size_t most) {
  return text.size() <= most && std::ranges::all_of(text, [&](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || others.contains(c);
         });
}

}  // namespace

Result<Place> parse_url(const std::string& url) {
  constexpr std::string_view scheme = "datastore://";
  auto bad = [&](const std::string& what) {
    return fail(ErrorCode::invalid, "--store", what, "write datastore://PROJECT[/DATABASE][?namespace=NAME]");
  };
  if (!url.starts_with(scheme))
    return bad("'" + shorten(valid_utf8(url), 80) + "' does not begin with datastore://");
  std::string_view rest = std::string_view(url).substr(scheme.size());
  std::string_view query;
  if (size_t mark = rest.find('?'); mark != rest.npos) {
    query = rest.substr(mark + 1);
    rest = rest.substr(0, mark);
  }
  Place p;
  p.url = url;
  size_t slash = rest.find('/');
  p.project = rest.substr(0, slash);
  if (slash != rest.npos) p.database = rest.substr(slash + 1);
  if (p.database == "(default)") p.database.clear();
  if (p.project.empty() || !made_of(p.project, "-.:", 100)) return bad("this is not a project's id");
  if (!made_of(p.database, "-", 63)) return bad("this is not a database's id");
  if (query.empty()) return p;
  for (std::string_view field : split(query, '&')) {
    if (!field.starts_with("namespace="))
      return bad("'" + shorten(valid_utf8(field), 40) + "' is not a setting Lemmy knows");
    p.name_space = field.substr(10);
    if (!made_of(p.name_space, "ABCDEFGHIJKLMNOPQRSTUVWXYZ._-", 100) || p.name_space.starts_with("__"))
      return bad("this is not a namespace: at most 100 letters, digits and . _ -");
  }
  return p;
}

}  // namespace lemmy::store::datastore
