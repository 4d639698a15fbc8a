#include "pods/words.h"

#include <algorithm>
#include <initializer_list>

#include "base/strings.h"

namespace lemmy::pods {
namespace {

bool has_any(const std::string& text, std::initializer_list<std::string_view> words) {
  return std::ranges::any_of(words, [&](std::string_view w) { return text.find(w) != std::string::npos; });
}

// "repo" of registry.example.com/team/repo:tag@sha256:...
std::string_view short_name(std::string_view image) {
  image = image.substr(0, image.find('@'));
  if (const size_t slash = image.rfind('/'); slash != image.npos) image.remove_prefix(slash + 1);
  return image.substr(0, image.find(':'));
}

std::string without_quoted(std::string_view text) {
  std::string out;
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote == 0 && c == '"' && text.find('"', i + 1) != text.npos)
      quote = c;
    else if (quote != 0 && c == quote)
      quote = 0;
    else if (quote == 0)
      out += c;
  }
  return out;
}

// Lower case, and of the error's own words only.
std::string own_words(std::string_view message, std::string_view image) {
  const std::string name = lower(short_name(image));
  const std::string text = lower(without_quoted(message));
  std::string out;
  for (std::string_view word : split(text, ' ')) {
    const bool address = word.find('/') != word.npos || word.starts_with("sha256:");
    const bool of_image = !name.empty() && (word == name || word.starts_with(name + ":"));
    if (!address && !of_image) out.append(word).append(" ");
  }
  return out;
}

}  // namespace

bool image_refused(std::string_view message, std::string_view image) {
  const std::string text = own_words(message, image);
  if (has_any(text, {"toomanyrequests", "too many requests", "rate limit", "timeout", "timed out",
                     "deadline exceeded", "no such host", "connection refused", "connection reset",
                     "unexpected eof", ": eof", "service unavailable", "internal server error", "bad gateway",
                     "gateway time", "server misbehaving", "context canceled", "network is unreachable",
                     "no route to host"}))
    return false;
  return has_any(
      text, {"not found", "code = notfound", "manifest unknown", "name unknown", "name_unknown",
             "does not exist", "denied", "unauthorized", "forbidden", "authorization failed",
             "authentication required", "no basic auth credentials", "no match for platform",
             "no matching manifest", "invalid reference format", "not present with pull policy of never"});
}

bool command_refused(std::string_view message) {
  const std::string text = lower(message);
  return has_any(text, {"exec:", "exec user process", "exec container process", "exec `"}) &&
         has_any(text, {"executable file not found", "no such file or directory", "permission denied",
                        "exec format error", "is a directory", "not a directory"});
}

bool may_be_made(std::string_view message) {
  const std::string text = lower(message);
  const bool of_config = has_any(text, {"secret", "configmap"});
  return of_config &&
         has_any(text, {"not found", "couldn't find key", "non-existent", "references non-existent"});
}

bool cache_is_late(std::string_view message) { return has_any(lower(message), {"failed to sync"}); }

}  // namespace lemmy::pods
