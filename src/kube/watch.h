#pragma once
// The list-and-watch protocol for one resource, without I/O: what to do next, given what came.
// https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "kube/page.h"

namespace lemmy::kube {

using std::chrono::milliseconds;

// A watch that ends sooner has not worked: what ends at once, again and again, is backed off from.
constexpr milliseconds kLived{10'000};

class WatchProtocol {
 public:
  struct Sink {
    // A new full list begins / has ended: what was not seen in between is gone.
    std::function<void()> begin_list;
    std::function<void()> end_list;
    std::function<void(const json::object&)> seen;  // added or modified
    std::function<void(const json::object&)> deleted;
  };
  enum class Do { list, watch };
  struct Step {
    Do what = Do::list;
    std::string target;     // path and query
    milliseconds delay{0};  // wait this long first
  };

  // path: "/api/v1/pods". query: fixed selectors, already encoded, such as "labelSelector=...". page: items a
  // list page. seed: of the jitter.
  WatchProtocol(std::string path, std::string query, Sink sink, int page = 500, uint64_t seed = 1);

  Step next();
  // The same question as the watch's, answered within a second by all that it should have told since.
  std::string probe_target() const;

  // What came. Each returns an error when the answer makes no sense or was refused; next() then knows the
  // back-off. Its growth is over only when a watch lived for kLived.
  // put: hands over the items of the page, between begin_list and end_list.
  void on_page(const PageHead& head, const std::function<void()>& put);
  void on_page_too_large();  // smaller ones are asked for
  void on_no_list();         // 200, but not a list
  Result<> on_list_refused(int status, std::string_view body, std::string_view retry_after);
  Result<> on_watch_refused(int status, std::string_view body, std::string_view retry_after);
  // After an error: close the stream and ask next().
  Result<> on_watch_line(std::string_view line, milliseconds lived);
  void on_watch_closed(milliseconds lived);     // the server ended it, or we did: normal
  void on_connection_lost(milliseconds lived);  // refused, reset, silent

  // The picture may be of another cluster, or too little was asked for: lists again; the old picture stays
  // until then.
  void relist();

  bool synced() const { return synced_; }       // a full list has been seen, and no relist is under way
  bool watching() const { return have_list_; }  // next() is a watch
  const std::string& resource_version() const { return version_; }
  uint64_t relists() const { return relists_; }

 private:
  void back_off(milliseconds most, std::string_view retry_after = {});
  void expired();
  void lived(milliseconds how_long);
  uint64_t random();
  Result<> refused(int status, std::string_view body, std::string_view retry_after);

  std::string path_, query_, version_, continue_;
  Sink sink_;
  int page_;
  uint64_t random_;
  bool have_list_ = false, listing_ = false, synced_ = false;
  int failures_ = 0;
  milliseconds delay_{0};
  uint64_t relists_ = 0;
};

// Of a line of a watch or of the answer to probe_target(): it tells of an object that came, changed or went.
bool tells_of_change(std::string_view line);

}  // namespace lemmy::kube
