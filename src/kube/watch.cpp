#include "kube/watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/strings.h"
#include "net/http.h"

namespace lemmy::kube {
namespace {
constexpr milliseconds kFirst{500}, kMost{30'000}, kMostAsked{120'000};

std::string status_message(std::string_view body) {
  auto v = parse_json(body, "");
  if (v && v->is_object())
    if (auto m = text_or(v->get_object(), "message"); !m.empty()) return std::string(m);
  return shorten(valid_utf8(body), 300);
}
}  // namespace

WatchProtocol::WatchProtocol(std::string path, std::string query, Sink sink, int page, uint64_t seed)
    : path_(std::move(path)),
      query_(std::move(query)),
      sink_(std::move(sink)),
      page_(page),
      random_(seed | 1) {}

WatchProtocol::Step WatchProtocol::next() {
  Step step;
  step.delay = std::exchange(delay_, milliseconds{0});
  std::string query = query_.empty() ? "" : query_ + "&";
  if (!have_list_) {
    step.what = Do::list;
    query += fmt::format("limit={}", page_);
    if (!continue_.empty()) query += "&continue=" + net::percent_encode(continue_);
  } else {
    step.what = Do::watch;
    random_ = random_ * 6364136223846793005u + 1442695040888963407u;
    // A random length keeps many watches from being reopened at one moment.
    query += fmt::format("watch=1&allowWatchBookmarks=true&timeoutSeconds={}&resourceVersion={}",
                         240 + (random_ >> 33) % 120, net::percent_encode(version_));
  }
  step.target = path_ + "?" + query;
  return step;
}

void WatchProtocol::back_off(std::string_view retry_after) {
  failures_ = std::min(failures_ + 1, 16);
  milliseconds d = std::min(kMost, kFirst * (1 << std::min(failures_ - 1, 8)));
  random_ = random_ * 6364136223846793005u + 1442695040888963407u;
  d = d / 2 + milliseconds((random_ >> 33) % (d.count() / 2 + 1));  // half fixed, half jitter
  int64_t asked = 0;
  std::from_chars(retry_after.data(), retry_after.data() + retry_after.size(), asked);
  if (asked > 0) d = std::max(d, std::min(kMostAsked, milliseconds{asked * 1000}));
  delay_ = d;
}

void WatchProtocol::relist() {
  have_list_ = listing_ = synced_ = false;
  continue_.clear();
  ++relists_;
}

Result<> WatchProtocol::refused(int status, std::string_view body, std::string_view retry_after) {
  back_off(retry_after);
  std::string message = status_message(body);
  if (status == 401)
    return fail(ErrorCode::unauthorized, path_, "the cluster does not accept our credentials: " + message,
                "check the user, token or credential plugin of the kubeconfig");
  if (status == 403)
    return fail(ErrorCode::forbidden, path_, message,
                "give Lemmy's account the rights listed in docs/operations.md");
  return fail(status == 429 || status >= 500 ? ErrorCode::unavailable : ErrorCode::rejected, path_,
              fmt::format("HTTP {}: {}", status, message));
}

Result<> WatchProtocol::on_list(int status, std::string_view body, std::string_view retry_after) {
  if (status == 410) {  // the continue token is too old: from the start, and the old picture stays until then
    relist();
    return {};
  }
  if (status != 200) return refused(status, body, retry_after);
  auto v = parse_json(body, path_);
  const json::value* items = v ? find(*v, {"items"}) : nullptr;
  const json::value* meta = v ? find(*v, {"metadata"}) : nullptr;
  if (!items || !items->is_array() || !meta || !meta->is_object()) {
    back_off();
    return fail(ErrorCode::rejected, path_, "the answer is not a Kubernetes list",
                "is this address an API server?");
  }
  if (!std::exchange(listing_, true)) sink_.begin_list();
  for (const json::value& item : items->get_array())
    if (const json::object* o = item.if_object()) sink_.seen(*o);
  continue_ = std::string(text_or(meta->get_object(), "continue"));
  if (!continue_.empty()) return {};
  version_ = std::string(text_or(meta->get_object(), "resourceVersion"));
  sink_.end_list();
  listing_ = false;
  have_list_ = synced_ = true;
  failures_ = 0;
  return {};
}

Result<> WatchProtocol::on_watch_opened(int status, std::string_view body, std::string_view retry_after) {
  if (status == 200) return {};
  if (status == 410) {
    relist();
    return {};
  }
  return refused(status, body, retry_after);
}

Result<> WatchProtocol::on_watch_line(std::string_view line) {
  if (line.empty()) return {};
  auto v = parse_json(line, path_);
  const json::object* o = v ? v->if_object() : nullptr;
  const json::value* inner = o ? o->if_contains("object") : nullptr;
  if (!inner || !inner->is_object()) {
    back_off();  // cut in the middle of a line: go on from the last version
    return fail(ErrorCode::unavailable, path_, "the watch was cut in the middle of an event");
  }
  const json::object& object = inner->get_object();
  std::string_view type = text_or(*o, "type");
  if (type == "ERROR") {
    int64_t code = int_or(object, "code");
    std::string message(text_or(object, "message"));
    if (code == 410)
      relist();
    else
      back_off();
    return fail(ErrorCode::unavailable, path_, message);
  }
  if (type == "ADDED" || type == "MODIFIED") sink_.seen(object);
  if (type == "DELETED") sink_.deleted(object);
  if (const json::value* version = find(*inner, {"metadata", "resourceVersion"});
      version && version->is_string())
    version_ = std::string(version->get_string());
  failures_ = 0;
  return {};
}

void WatchProtocol::on_watch_closed() {
  // A server that closes at once, again and again, must not be hammered.
  if (delay_ == milliseconds{0}) delay_ = milliseconds{50};
}

void WatchProtocol::on_connection_lost() { back_off(); }

}  // namespace lemmy::kube
