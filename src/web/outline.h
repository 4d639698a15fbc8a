#pragma once
// Which parts of a page differ from what a viewer has. A part is an element with an id. Pure.
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lemmy::web {

using Hash = std::array<char, 16>;

// The content of <main> as the tree of its elements with an id, each as a hash. Without what differs from
// moment to moment or from viewer to viewer: the text of <time> with data-ago, data-age or data-in, which the
// page ticks by itself, and the values of inputs named csrf.
struct Outline {
  struct Element {
    std::string id;     // as in the DOM; of [0], the whole, "main"
    Hash shell{};       // all of it but what stands in its children
    Hash whole{};       // with that
    bool list = false;  // it has nothing in it but children and blanks
    std::vector<uint32_t> children;
    size_t begin = 0, end = 0;  // in the text it was made of, its tags included
  };
  std::vector<Element> elements;  // in the order of the text
  std::string page, title;        // title: of a <title> before the rest
  // 16 hex digits of all of this and of `page`. Servers that show the same give the same.
  std::string id;
  // False: tags do not fit together, or an id stands twice. Then nothing can be said of parts.
  bool sound = false;

  const Element* find(std::string_view id) const;  // nullptr: none
};

// `html`: what fragment.html.j2 makes. `page`: which page it is of, its path and query.
Outline outline_of(std::string_view html, std::string_view page);

// What makes a page that shows `old` show `fresh`, in the order to do it. All that is shown is in `html`, of
// which `fresh` was made.
struct Patch {
  bool possible = false;              // false: only the whole will do
  std::vector<std::string> gone;      // ids
  std::vector<std::string_view> set;  // elements to put in place of those with their id
  struct Put {
    std::string parent, after;  // ids; after none: first
    std::string_view element;   // may be there, at another place or as it was
  };
  std::vector<Put> put;
};
Patch patch_of(const Outline& old, const Outline& fresh, std::string_view html);

}  // namespace lemmy::web
