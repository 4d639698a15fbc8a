#include "playground/selector.h"

#include <algorithm>

#include "base/strings.h"
#include "playground/store.h"

namespace lemmy::playground {
namespace {

// Commas inside parentheses do not separate.
std::vector<std::string_view> terms(std::string_view text) {
  std::vector<std::string_view> out;
  size_t start = 0;
  int depth = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size()) depth += text[i] == '(' ? 1 : text[i] == ')' ? -1 : 0;
    if (i < text.size() && (text[i] != ',' || depth > 0)) continue;
    if (auto t = trim(text.substr(start, i - start)); !t.empty()) out.push_back(t);
    start = i + 1;
  }
  return out;
}

}  // namespace

Answer<LabelSelector> LabelSelector::parse(std::string_view text) {
  LabelSelector out;
  for (std::string_view t : terms(text)) {
    Term term{Term::Op::exists, {}, {}};
    size_t open = t.find('('), eq = t.find('=');
    if (open != t.npos && t.back() == ')') {
      std::string_view head = trim(t.substr(0, open));
      size_t space = head.find_last_of(' ');
      std::string_view word = space == head.npos ? "" : head.substr(space + 1);
      if (word != "in" && word != "notin")
        return refuse(bad_request("unable to parse requirement: found '" + std::string(t) + "'"));
      term.op = word == "in" ? Term::Op::in : Term::Op::not_in;
      term.key = std::string(trim(head.substr(0, space)));
      for (auto v : split(t.substr(open + 1, t.size() - open - 2), ',')) term.values.emplace_back(trim(v));
    } else if (eq != t.npos) {
      bool no = eq > 0 && t[eq - 1] == '!';
      term.op = no ? Term::Op::not_in : Term::Op::in;
      term.key = std::string(trim(t.substr(0, no ? eq - 1 : eq)));
      size_t value = t.find_first_not_of('=', eq);
      term.values.emplace_back(value == t.npos ? "" : trim(t.substr(value)));
    } else if (t[0] == '!') {
      term.op = Term::Op::absent;
      term.key = std::string(trim(t.substr(1)));
    } else {
      term.key = std::string(t);
    }
    if (term.key.empty() || term.key.find(' ') != std::string::npos)
      return refuse(bad_request("unable to parse requirement: found '" + std::string(t) + "'"));
    out.terms_.push_back(std::move(term));
  }
  return out;
}

bool LabelSelector::matches(const json::object* labels) const {
  return std::ranges::all_of(terms_, [&](const Term& t) {
    const json::value* v = labels ? labels->if_contains(t.key) : nullptr;
    const json::string* s = v ? v->if_string() : nullptr;
    bool listed = s && std::ranges::any_of(t.values, [&](const std::string& x) { return x == *s; });
    switch (t.op) {
      case Term::Op::in:
        return listed;
      case Term::Op::not_in:
        return !listed;
      case Term::Op::exists:
        return s != nullptr;
      case Term::Op::absent:
        return s == nullptr;
    }
    return false;
  });
}

Answer<FieldSelector> FieldSelector::parse(std::string_view text) {
  FieldSelector out;
  for (std::string_view t : terms(text)) {
    size_t eq = t.find('=');
    if (eq == t.npos || eq == 0) return refuse(bad_request("invalid field selector: " + std::string(t)));
    Term term;
    term.equal = t[eq - 1] != '!';
    for (auto part : split(t.substr(0, term.equal ? eq : eq - 1), '.')) term.path.emplace_back(part);
    size_t value = t.find_first_not_of('=', eq);
    term.value = value == t.npos ? "" : std::string(t.substr(value));
    out.terms_.push_back(std::move(term));
  }
  return out;
}

bool FieldSelector::matches(const Object& object) const {
  return std::ranges::all_of(terms_, [&](const Term& t) {
    size_t from = 0;
    const json::value* at = nullptr;
    if (t.path[0] == "spec") {
      at = object.spec ? &object.spec->value : nullptr;
      from = 1;
    } else {
      at = object.head.if_contains(t.path[0]);
      from = 1;
    }
    for (size_t i = from; at && i < t.path.size(); ++i) {
      const json::object* o = at->if_object();
      at = o ? o->if_contains(t.path[i]) : nullptr;
    }
    const json::string* s = at ? at->if_string() : nullptr;
    return ((s ? std::string_view(*s) : "") == t.value) == t.equal;
  });
}

}  // namespace lemmy::playground
