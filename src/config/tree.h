#pragma once
// Inside room config: YAML and JSON as one kind of tree, in which everything knows its place.
#include "config/config.h"

namespace lemmy::config {

struct Place {
  int line = 0, column = 0;  // from 1; 0: unknown
};

struct Node {
  enum class Kind { null, scalar, list, map };
  struct Key {
    std::string text;
    Place place;
  };
  Kind kind = Kind::null;
  bool quoted = false;  // a scalar that is a text whatever it looks like
  std::string text;     // of a scalar
  Place place;
  std::vector<Key> keys;    // of a map; a key may stand twice
  std::vector<Node> items;  // of a list, or the values of a map

  bool is(Kind k) const { return kind == k; }
  const Node* find(std::string_view key) const;  // the first one; nullptr: none
};

// nullopt and a problem when it is not YAML (1.2, one document, at most 100000 nodes and 64 levels).
std::optional<Node> parse_yaml(const std::string& text, const std::string& file, Problems& problems);
// `text` must be valid JSON of at most 64 levels.
Node place_json(std::string_view text);

}  // namespace lemmy::config
