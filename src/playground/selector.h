#pragma once
// Inside room playground: label and field selectors.
#include <string>
#include <string_view>
#include <vector>

#include "playground/status.h"

namespace lemmy::playground {

struct Object;

class LabelSelector {
 public:
  // "a=b,c!=d,e,!f,g in (x,y),h notin (z)"
  static Answer<LabelSelector> parse(std::string_view text);
  bool matches(const json::object* labels) const;
  bool empty() const { return terms_.empty(); }

 private:
  struct Term {
    enum class Op { in, not_in, exists, absent } op;
    std::string key;
    std::vector<std::string> values;
  };
  std::vector<Term> terms_;
};

class FieldSelector {
 public:
  // metadata.name, metadata.namespace, and any other path of text fields: "status.phase=Running".
  static Answer<FieldSelector> parse(std::string_view text);
  bool matches(const Object& object) const;
  bool empty() const { return terms_.empty(); }

 private:
  struct Term {
    std::vector<std::string> path;
    std::string value;
    bool equal = true;
  };
  std::vector<Term> terms_;
};

}  // namespace lemmy::playground
