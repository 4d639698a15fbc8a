#include <algorithm>

#include "template/template.h"

namespace lemmy::tmpl {
namespace {

class Locator {
 public:
  explicit Locator(std::string_view text) : text_(text) {}

  Located value() {
    space();
    Located v;
    v.start = at_;
    const char c = peek();
    if (c == '{' || c == '[') {
      ++at_;
      for (space(); peek() != '}' && peek() != ']' && peek(); space()) {
        size_t key_start = at_, key_end = at_;
        if (c == '{') {
          string();
          key_end = at_;
          space();
          ++at_;  // ':'
        }
        v.items.push_back(value());
        if (c == '{') v.items.back().key_start = key_start, v.items.back().key_end = key_end;
        space();
        if (peek() == ',') ++at_;
      }
      ++at_;
    } else if (c == '"') {
      string();
    } else {
      at_ = std::min(text_.find_first_of(",]} \t\r\n", at_), text_.size());
    }
    v.end = at_;
    return v;
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void space() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }
  void string() {
    for (++at_; peek() && peek() != '"'; ++at_)
      if (peek() == '\\') ++at_;
    ++at_;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Located locate_json(std::string_view text) { return Locator(text).value(); }

std::vector<Range> writers(const Traced& traced, size_t start, size_t end) {
  std::vector<Range> out;
  auto piece = std::upper_bound(traced.pieces.begin(), traced.pieces.end(), start,
                                [](size_t at, const Piece& p) { return at < p.end; });
  for (; piece != traced.pieces.end() && piece->start < end; ++piece) {
    Range r{piece->source, piece->from, piece->until, piece->literal};
    if (piece->literal) {  // as long in the text as in the template: the very characters are known
      if (start > piece->start) r.from += start - piece->start;
      if (end < piece->end) r.until -= piece->end - end;
    }
    auto same = std::find_if(out.begin(), out.end(), [&](const Range& o) { return o.source == r.source; });
    if (same == out.end()) {
      out.push_back(r);
    } else {
      same->from = std::min(same->from, r.from);
      same->until = std::max(same->until, r.until);
      same->literal = same->literal && r.literal;
    }
  }
  return out;
}

}  // namespace lemmy::tmpl
