#include "kube/watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/strings.h"
#include "net/http.h"

namespace lemmy::kube {
namespace {
// An API server that is away answers at no cost when it is back: it is asked more often than one that
// refuses.
constexpr milliseconds kFirst{500}, kMostRefused{30'000}, kMostLost{8'000}, kMostAsked{120'000};

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

uint64_t WatchProtocol::random() {
  random_ = random_ * 6364136223846793005u + 1442695040888963407u;
  return random_ >> 33;
}

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
    // A random length keeps many watches from being reopened at one moment.
    query += fmt::format("watch=1&allowWatchBookmarks=true&timeoutSeconds={}&resourceVersion={}",
                         240 + random() % 120, net::percent_encode(version_));
  }
  step.target = path_ + "?" + query;
  return step;
}

std::string WatchProtocol::probe_target() const {
  return fmt::format("{}?{}{}watch=1&timeoutSeconds=1&resourceVersion={}", path_, query_,
                     query_.empty() ? "" : "&", net::percent_encode(version_));
}

void WatchProtocol::back_off(milliseconds most, std::string_view retry_after) {
  failures_ = std::min(failures_ + 1, 16);
  milliseconds d = lemmy::back_off(failures_, kFirst, most);
  d = d / 2 + milliseconds(random() % (d.count() / 2 + 1));  // half fixed, half jitter
  int64_t asked = 0;
  std::from_chars(retry_after.data(), retry_after.data() + retry_after.size(), asked);
  if (asked > 0) d = std::max(d, std::min(kMostAsked, milliseconds{std::min<int64_t>(asked, 3600) * 1000}));
  delay_ = d;
}

void WatchProtocol::relist() {
  have_list_ = listing_ = synced_ = false;
  continue_.clear();
  ++relists_;
}

// The version or the continue token is too old. At once the first time; a server that says so of each list
// that it has just given is backed off from.
void WatchProtocol::expired() {
  if (failures_ > 0) {
    back_off(kMostRefused);
  } else {
    failures_ = 1;
  }
  relist();
}

void WatchProtocol::lived(milliseconds how_long) {
  if (how_long >= kLived) failures_ = 0;
}

Result<> WatchProtocol::refused(int status, std::string_view body, std::string_view retry_after) {
  back_off(kMostRefused, retry_after);
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

void WatchProtocol::on_page(const PageHead& head, const std::function<void()>& put) {
  if (!std::exchange(listing_, true)) sink_.begin_list();
  put();
  continue_ = head.next;
  if (!continue_.empty()) return;
  version_ = head.version;
  sink_.end_list();
  listing_ = false;
  have_list_ = synced_ = true;
}

void WatchProtocol::on_page_too_large() {
  if (page_ == 1) back_off(kMostRefused);
  page_ = std::max(1, page_ / 4);
}

void WatchProtocol::on_no_list() { back_off(kMostRefused); }

Result<> WatchProtocol::on_list_refused(int status, std::string_view body, std::string_view retry_after) {
  if (status != 410) return refused(status, body, retry_after);
  expired();  // the continue token: from the start, and the old picture stays until then
  return {};
}

Result<> WatchProtocol::on_watch_refused(int status, std::string_view body, std::string_view retry_after) {
  if (status != 410) return refused(status, body, retry_after);
  expired();
  return {};
}

Result<> WatchProtocol::on_watch_line(std::string_view line, milliseconds how_long) {
  lived(how_long);
  if (line.empty()) return {};
  Result<> out;
  auto read = read_object(line, path_, [&](const json::object& o) {
    const json::value* inner = o.if_contains("object");
    const json::object* object = inner ? inner->if_object() : nullptr;
    std::string_view type = text_or(o, "type");
    if (!object) {
      out = fail(ErrorCode::unavailable, path_, "the watch told of no object");
    } else if (type == "ERROR") {
      const bool old = int_or(*object, "code") == 410;
      out = fail(ErrorCode::unavailable, path_, std::string(text_or(*object, "message")));
      if (old) out.error().code = ErrorCode::conflict;
    } else {
      if (type == "ADDED" || type == "MODIFIED") sink_.seen(*object);
      if (type == "DELETED") sink_.deleted(*object);
      const json::value* version = find(*inner, {"metadata", "resourceVersion"});
      if (version && version->is_string()) version_ = std::string(version->get_string());
    }
  });
  if (!read) out = fail(ErrorCode::unavailable, path_, "the watch was cut in the middle of an event");
  if (out) return {};
  if (out.error().code == ErrorCode::conflict) {
    out.error().code = ErrorCode::unavailable;
    expired();
  } else {
    back_off(kMostRefused);  // and go on from the last version
  }
  return out;
}

void WatchProtocol::on_watch_closed(milliseconds how_long) {
  lived(how_long);
  if (how_long < kLived) back_off(kMostRefused);
}

void WatchProtocol::on_connection_lost(milliseconds how_long) {
  lived(how_long);
  back_off(kMostLost);
}

bool tells_of_change(std::string_view line) {
  bool out = false;
  (void)read_object(line, "", [&](const json::object& o) {
    std::string_view type = text_or(o, "type");
    out = type == "ADDED" || type == "MODIFIED" || type == "DELETED";
  });
  return out;
}

}  // namespace lemmy::kube
