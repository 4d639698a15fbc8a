#include "web/outline.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "base/crypto.h"
#include "base/strings.h"

namespace lemmy::web {
namespace {

Hash hash_of(std::string_view text) {
  Hash h;
  std::memcpy(h.data(), sha256(text).data(), h.size());
  return h;
}

bool blank(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f'; }

// Elements without an end tag (WHATWG HTML, 13.1.2), as far as pages have them.
bool is_void(std::string_view name) {
  constexpr std::string_view all[] = {"input", "br", "img", "hr", "meta", "link", "wbr", "col"};
  return std::ranges::find(all, name) != std::end(all);
}

// Of an attribute as the template engine escapes it.
std::string unescape(std::string_view text) {
  constexpr std::pair<std::string_view, char> known[] = {{"&amp;", '&'},  {"&lt;", '<'},    {"&gt;", '>'},
                                                         {"&quot;", '"'}, {"&#x27;", '\''}, {"&#39;", '\''},
                                                         {"&#x2f;", '/'}};
  std::string out;
  while (!text.empty()) {
    auto it = std::ranges::find_if(known, [&](const auto& k) { return text.starts_with(k.first); });
    out += it == std::end(known) ? text[0] : it->second;
    text.remove_prefix(it == std::end(known) ? 1 : it->first.size());
  }
  return out;
}

struct Tag {
  std::string_view name, id, field;  // field: the attribute `name`
  bool closing = false, empty = false, ticks = false;
};

// `text` begins at '<'; gives the length of the tag, 0 when it has no end.
size_t read_tag(std::string_view text, Tag& tag) {
  size_t at = 1;
  auto more = [&] { return at < text.size(); };
  if (more() && text[at] == '/') tag.closing = true, ++at;
  const size_t from = at;
  while (more() && !blank(text[at]) && text[at] != '>' && text[at] != '/') ++at;
  tag.name = text.substr(from, at - from);
  for (;;) {
    while (more() && (blank(text[at]) || text[at] == '/')) tag.empty = text[at++] == '/';
    if (!more()) return 0;
    if (text[at] == '>') break;
    tag.empty = false;
    const size_t name = at;
    while (more() && !blank(text[at]) && text[at] != '>' && text[at] != '=' && text[at] != '/') ++at;
    const std::string_view attribute = text.substr(name, at - name);
    if (attribute == "data-ago" || attribute == "data-age" || attribute == "data-in") tag.ticks = true;
    if (!more() || text[at] != '=') continue;
    if (++at >= text.size() || (text[at] != '"' && text[at] != '\'')) return 0;  // none of ours
    const size_t end = text.find(text[at], at + 1);
    if (end == text.npos) return 0;
    const std::string_view value = text.substr(at + 1, end - at - 1);
    if (attribute == "id") tag.id = value;
    if (attribute == "name") tag.field = value;
    at = end + 1;
  }
  tag.empty = tag.empty || is_void(tag.name);
  return at + 1;
}

class Reader {
 public:
  Reader(std::string_view html, Outline& out) : html_(html), out_(out) {
    out_.elements.emplace_back().id = "main";
    open_.push_back({"", 0});
    shells_.emplace_back();
    list_.push_back(true);
  }

  bool read() {
    for (size_t at = 0; at < html_.size();) {
      if (html_[at] != '<') {
        const size_t end = std::min(html_.find('<', at), html_.size());
        text(html_.substr(at, end - at));
        at = end;
      } else if (html_.substr(at).starts_with("<!--")) {
        const size_t end = html_.find("-->", at);
        if (end == html_.npos) return false;
        at = end + 3;
      } else {
        Tag tag;
        const size_t size = read_tag(html_.substr(at), tag);
        if (size == 0 || !take(tag, at, size)) return false;
        at += size;
      }
    }
    if (open_.size() != 1) return false;
    finish(0, html_.size());
    std::set<std::string_view> ids;
    return std::ranges::all_of(out_.elements, [&](const auto& e) { return ids.insert(e.id).second; });
  }

 private:
  struct Open {
    std::string_view name;
    uint32_t element;  // the one with an id that it is, or that it is in
    bool own = false;
    bool ticks = false;
  };

  void text(std::string_view t) {
    if (open_.back().ticks) return;
    const bool is_blank = std::ranges::all_of(t, blank);
    std::string& shell = shells_[open_.back().element];
    if (!is_blank) list_[open_.back().element] = false;
    // How much of it there is, is not seen.
    if (is_blank)
      shell += ' ';
    else
      shell += t;
  }

  bool take(const Tag& tag, size_t at, size_t size) {
    const uint32_t inside = open_.back().element;
    std::string_view source = html_.substr(at, size);
    if (tag.name == "input" && tag.field == "csrf") source = "<input name=\"csrf\">";
    if (tag.closing) {
      if (open_.size() == 1 || open_.back().name != tag.name) return false;
      shells_[inside] += source;
      const Open closed = open_.back();
      open_.pop_back();
      if (closed.own) finish(closed.element, at + size);
      return true;
    }
    if (tag.id.empty()) {
      shells_[inside] += source;
      list_[inside] = false;
      if (!tag.empty) open_.push_back({tag.name, inside, false, tag.ticks});
      return true;
    }
    const auto index = static_cast<uint32_t>(out_.elements.size());
    Outline::Element& e = out_.elements.emplace_back();
    e.id = unescape(tag.id);
    e.begin = at;
    out_.elements[inside].children.push_back(index);
    shells_[inside].append(1, '\0').append(e.id).append(1, '\0');
    shells_.emplace_back(source);
    starts_.push_back(source.size());
    list_.push_back(!tag.empty);
    if (tag.empty)
      finish(index, at + size);
    else
      open_.push_back({tag.name, index, true, tag.ticks});
    return true;
  }

  void finish(uint32_t index, size_t end) {
    Outline::Element& e = out_.elements[index];
    e.end = end;
    e.list = list_[index];
    std::string& shell = shells_[index];
    // Which children a list has is compared one by one.
    if (e.list) shell.resize(starts_[index]);
    e.shell = hash_of((e.list ? "list\n" : "\n") + shell);
    std::string all(e.shell.data(), e.shell.size());
    for (uint32_t child : e.children)
      all.append(out_.elements[child].id)
          .append(1, '\0')
          .append(out_.elements[child].whole.data(), sizeof(Hash));
    e.whole = hash_of(all);
    shell = {};
  }

  std::string_view html_;
  Outline& out_;
  std::vector<Open> open_;
  std::vector<std::string> shells_;
  std::vector<size_t> starts_{0};  // of each, how long its start tag is
  std::vector<bool> list_;
};

class Differ {
 public:
  Differ(const Outline& old, const Outline& fresh, std::string_view html, Patch& out)
      : old_(old), fresh_(fresh), html_(html), out_(out) {}

  void compare(const Outline::Element& before, const Outline::Element& now) {
    if (before.whole == now.whole) return;
    if (before.shell != now.shell || before.list != now.list) {
      if (&now == &fresh_.elements[0]) {
        out_.possible = false;
        return;
      }
      out_.set.push_back(text(now));
      return;
    }
    if (now.list) return compare_lists(before, now);
    // The shell has the ids of its children.
    for (size_t i = 0; i < now.children.size(); ++i)
      compare(old_.elements[before.children[i]], fresh_.elements[now.children[i]]);
  }

 private:
  std::string_view text(const Outline::Element& e) const { return html_.substr(e.begin, e.end - e.begin); }

  void compare_lists(const Outline::Element& before, const Outline::Element& now) {
    std::vector<const Outline::Element*> stay;  // of the old ones, in their order
    std::set<std::string_view> kept;
    for (uint32_t c : now.children) kept.insert(fresh_.elements[c].id);
    std::set<std::string_view> had;
    for (uint32_t c : before.children) {
      const Outline::Element& child = old_.elements[c];
      had.insert(child.id);
      if (kept.contains(child.id))
        stay.push_back(&child);
      else if (!fresh_.find(child.id))
        out_.gone.push_back(child.id);
      else
        out_.possible = false;  // it went into another element: rare, and hard to say in an order
    }
    std::string after;
    std::set<std::string_view> moved;
    auto next = stay.begin();
    for (uint32_t c : now.children) {
      const Outline::Element& child = fresh_.elements[c];
      while (next != stay.end() && moved.contains((*next)->id)) ++next;
      if (next != stay.end() && (*next)->id == child.id) {
        compare(**next++, child);
      } else {
        if (!had.contains(child.id) && old_.find(child.id)) out_.possible = false;
        out_.put.push_back({now.id, after, text(child)});
        moved.insert(child.id);
      }
      after = child.id;
    }
  }

  const Outline &old_, &fresh_;
  std::string_view html_;
  Patch& out_;
};

}  // namespace

const Outline::Element* Outline::find(std::string_view wanted) const {
  auto it = std::ranges::find(elements, wanted, &Element::id);
  return it == elements.end() ? nullptr : &*it;
}

Outline outline_of(std::string_view html, std::string_view page) {
  Outline out;
  out.page = page;
  constexpr std::string_view kTitle = "<title>", kTitleEnd = "</title>";
  size_t skipped = 0;
  while (skipped < html.size() && blank(html[skipped])) ++skipped;
  if (html.substr(skipped).starts_with(kTitle))
    if (const size_t end = html.find(kTitleEnd, skipped); end != html.npos) {
      out.title = unescape(html.substr(skipped + kTitle.size(), end - skipped - kTitle.size()));
      skipped = end + kTitleEnd.size();
    }
  out.sound = Reader(html.substr(skipped), out).read();
  for (Outline::Element& e : out.elements) e.begin += skipped, e.end += skipped;
  const std::string content =
      out.sound ? std::string(out.elements[0].whole.data(), sizeof(Hash)) : sha256(html);
  out.id = sha256_hex(std::string(page) + '\0' + out.title + '\0' + content).substr(0, 16);
  if (!out.sound) out.elements.resize(1);
  return out;
}

Patch patch_of(const Outline& old, const Outline& fresh, std::string_view html) {
  Patch out;
  out.possible = old.sound && fresh.sound;
  if (out.possible) Differ(old, fresh, html, out).compare(old.elements[0], fresh.elements[0]);
  if (!out.possible) out = {};
  return out;
}

}  // namespace lemmy::web
