#pragma once
// What a page shows, as it goes to its viewers: whole, or as what differs from what they have.
#include <map>

#include "base/json.h"
#include "net/http.h"
#include "web/outline.h"

namespace lemmy::web {

// Made on any thread, then read on the loop thread only, by all who watch the page with the same rights.
class Fragment {
 public:
  Fragment(std::string page, std::string html);
  const std::string& page() const { return page_; }
  const std::shared_ptr<const Outline>& outline() const { return outline_; }

  // Events that many streams share, each made once. "main": {"page", "to", "title", "html"}.
  net::SharedPiece whole() const;
  // "patch": {"page", "from", "to", "title" (when it differs), "gone": [id], "set": [html], "put": [[parent,
  // after, html]]}, as Patch says; or whole(), when that is not longer. Made from what was before last by the
  // one who made this, on its thread.
  net::SharedPiece since(const Outline& old) const;

 private:
  std::string page_, html_;
  std::shared_ptr<const Outline> outline_;
  mutable net::SharedPiece whole_;
  mutable std::map<std::string, net::SharedPiece> since_;  // by the old one's id
};

}  // namespace lemmy::web
