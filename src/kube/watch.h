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

namespace lemmy::kube {

using std::chrono::milliseconds;

class WatchProtocol {
 public:
  struct Sink {
    // A new full list begins / has ended: what was not seen in between is gone.
    std::function<void()> begin_list;
    std::function<void()> end_list;
    std::function<void(const json::object&)> seen;  // listed, added or modified
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

  // What came. Each returns an error when the answer makes no sense or was refused; next() then knows the
  // back-off.
  Result<> on_list(int status, std::string_view body, std::string_view retry_after);
  Result<> on_watch_opened(int status, std::string_view error_body, std::string_view retry_after);
  Result<> on_watch_line(std::string_view line);  // after an error: close the stream and ask next()
  void on_watch_closed();                         // the server ended it: normal
  void on_connection_lost();                      // refused, reset, silent: back off

  bool synced() const { return synced_; }  // a full list has been seen, and no relist is under way
  const std::string& resource_version() const { return version_; }
  uint64_t relists() const { return relists_; }

 private:
  void back_off(std::string_view retry_after = {});
  void relist();
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

}  // namespace lemmy::kube
