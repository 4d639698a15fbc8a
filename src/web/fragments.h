#pragma once
// Rendered fragments of pages, shared by all who watch the same page with the same rights. Loop thread only.
#include <map>

#include "live/shared_views.h"
#include "net/http.h"

namespace lemmy::web {

class Fragments {
 public:
  using Make = std::function<Task<Result<std::string>>()>;
  struct Piece {
    uint64_t version = 0;
    net::Shared event;  // a whole server-sent event of name "main"
  };
  struct Ask {
    std::string key;                          // page, and what decides what it may show
    std::string csrf;                         // stands where placeholder() stood
    std::function<uint64_t()> version;        // of the page's topic now
    std::function<std::string(uint64_t)> id;  // of the event
    Make make;
  };

  explicit Fragments(asio::any_io_executor loop, live::Pace pace = {});
  // The newest fragment, at least as new as version() when called. However many ask, one renders, at most
  // once every `pace`. An error is given to all who ask within a second.
  Task<Result<Piece>> get(Ask ask);
  // Rendered in place of the token against forged forms, which differs from viewer to viewer.
  const std::string& placeholder() const { return placeholder_; }
  size_t size() const { return views_.size(); }

 private:
  struct Fragment {
    std::string html;
    std::map<std::string, net::Shared> events;  // by CSRF token
  };
  live::SharedViews<Fragment> views_;
  std::string placeholder_;
};

}  // namespace lemmy::web
