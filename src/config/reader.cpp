#include "config/reader.h"

#include <fmt/format.h>

#include <functional>
#include <set>
#include <stdexcept>

#include "base/strings.h"

namespace lemmy::config {

std::string place_text(const std::string& file, Place place, const std::string& path) {
  std::string out = place.line ? fmt::format("{}:{}:{}", file, place.line, place.column) : file;
  return path.empty() ? out : out + " " + path;
}

std::string suggestion(const std::string& word, const std::vector<std::string>& known) {
  if (known.empty()) return "";
  auto near = nearest(word, known);
  return near ? fmt::format("did you mean '{}'?", *near) : "known are: " + join(known, ", ");
}

Reader::Reader(const Node& node, const Section& section, std::string file, std::string path,
               Problems& problems)
    : node_(node), section_(section), file_(std::move(file)), path_(std::move(path)), problems_(problems) {
  if (!node.is(Node::Kind::map) && !node.is(Node::Kind::null))
    problem_at(node.place, path_, "a mapping (key: value) is expected here");
  std::set<std::string> seen;
  for (const Node::Key& key : node.keys) {
    if (!seen.insert(key.text).second)
      problem_at(key.place, this->path(key.text), "the key stands here twice");
    else if (std::find(section.keys.begin(), section.keys.end(), key.text) == section.keys.end())
      problem_at(key.place, this->path(key.text), fmt::format("unknown key '{}'", shorten(key.text, 80)),
                 suggestion(key.text, section.keys));
  }
}

const Node* Reader::get(const std::string& key) const {
  if (std::find(section_.keys.begin(), section_.keys.end(), key) == section_.keys.end())
    throw std::logic_error(section_.name + " has no key " + key);
  const Node* v = node_.find(key);
  return v && !v->is(Node::Kind::null) ? v : nullptr;
}

void Reader::problem_at(Place place, const std::string& path, std::string what, std::string hint) {
  problems_.push_back({ErrorCode::invalid, place_text(file_, place, path), std::move(what), std::move(hint)});
}

void Reader::problem(const std::string& key, std::string what, std::string hint) {
  const Node* v = node_.find(key);
  problem_at(v && v->place.line ? v->place : node_.place, path(key), std::move(what), std::move(hint));
}

std::string Reader::text(const std::string& key, std::string otherwise) {
  const Node* v = get(key);
  if (!v) return otherwise;
  if (v->is(Node::Kind::scalar)) return v->text;
  problem(key, "a text is expected");
  return otherwise;
}

bool Reader::flag(const std::string& key, bool otherwise) {
  const Node* v = get(key);
  if (!v) return otherwise;
  if (v->is(Node::Kind::scalar) && !v->quoted && (v->text == "true" || v->text == "false"))
    return v->text == "true";
  problem(key, "true or false is expected");
  return otherwise;
}

int Reader::number(const std::string& key, int otherwise, int least, int most) {
  const Node* v = get(key);
  if (!v) return otherwise;
  if (v->is(Node::Kind::scalar) && !v->quoted)
    if (const auto n = whole_number(v->text); n && *n >= least && *n <= most) return static_cast<int>(*n);
  problem(key, fmt::format("a whole number from {} to {} is expected", least, most));
  return otherwise;
}

std::optional<milliseconds> Reader::duration(const std::string& key, milliseconds least, milliseconds most) {
  if (!has(key)) return std::nullopt;
  auto d = parse_duration(text(key));
  if (!d) {
    problem(key, d.error().what, d.error().hint);
  } else if (*d < least || *d > most) {
    problem(key, fmt::format("a duration from {} to {} is expected", format_duration(least),
                             format_duration(most)));
  } else {
    return *d;
  }
  return std::nullopt;
}

std::vector<std::string> Reader::texts(const std::string& key) {
  const Node* v = get(key);
  std::vector<std::string> out;
  if (!v) return out;
  if (!v->is(Node::Kind::list)) {
    problem(key, "a list is expected", fmt::format("{}: [one, two]", key));
    return out;
  }
  for (const Node& item : v->items)
    if (item.is(Node::Kind::scalar))
      out.push_back(item.text);
    else
      problem_at(item.place, path(key), "a list of texts is expected");
  return out;
}

Deployer Reader::deployer(Deployer otherwise) {
  std::string d = text("deployer");
  if (d.empty()) return otherwise;
  for (Deployer one : {Deployer::kubernetes, Deployer::ansible})
    if (d == lemmy::name(one)) return one;
  problem("deployer", fmt::format("'{}' is not a deployer", d), suggestion(d, {"kubernetes", "ansible"}));
  return otherwise;
}

Workload Reader::workload(Workload otherwise) {
  const std::string w = text("workload");
  if (w.empty()) return otherwise;
  if (auto known = workload_named(w)) return *known;
  std::vector<std::string> names;
  for (const WorkloadTraits& one : workloads()) names.emplace_back(one.name);
  problem("workload", fmt::format("'{}' is no kind of controller", shorten(w, 80)), suggestion(w, names));
  return otherwise;
}

std::optional<Role> Reader::role(const std::string& key) {
  std::string r = text(key);
  if (r.empty()) return std::nullopt;
  auto role = role_from(r);
  if (!role)
    problem(key, fmt::format("'{}' is not a role", r), suggestion(r, {"viewer", "deployer", "admin"}));
  return role;
}

void Reader::each(const std::string& key, const Section& section, const Read& f) {
  const Node* v = get(key);
  if (!v) return;
  if (!v->is(Node::Kind::list)) return problem(key, "a list is expected");
  for (size_t i = 0; i < v->items.size(); ++i) {
    Reader r(v->items[i], section, file_, fmt::format("{}[{}]", path(key), i), problems_);
    f(r);
  }
}

void Reader::mapping(const std::string& key, const Section& section, const Read& f) {
  const Node* v = get(key);
  if (!v) return;
  Reader r(*v, section, file_, path(key), problems_);
  if (v->is(Node::Kind::map)) f(r);
}

void Reader::entries(const std::string& key, const Section& section, const ReadNamed& f) {
  const Node* v = get(key);
  if (!v) return;
  if (!v->is(Node::Kind::map)) return problem(key, "a mapping of names is expected");
  std::set<std::string> seen;
  for (size_t i = 0; i < v->items.size(); ++i) {
    const Node::Key& name = v->keys[i];
    if (!seen.insert(name.text).second)
      problem_at(name.place, path(key) + "." + name.text, "the name stands here twice");
    Reader r(v->items[i], section, file_, path(key) + "." + name.text, problems_);
    f(name.text, r);
  }
}

void Reader::scalars(const std::string& key, const std::function<void(const Node::Key&, const Node&)>& f) {
  const Node* v = get(key);
  if (!v) return;
  if (!v->is(Node::Kind::map)) return problem(key, "a mapping of names is expected");
  std::set<std::string> seen;
  for (size_t i = 0; i < v->items.size(); ++i) {
    const Node::Key& name = v->keys[i];
    std::string at = path(key) + "." + name.text;
    if (!seen.insert(name.text).second) problem_at(name.place, at, "the key stands here twice");
    if (v->items[i].is(Node::Kind::scalar))
      f(name, v->items[i]);
    else
      problem_at(v->items[i].place, at, "a text, a number, true or false is expected");
  }
}

void Reader::free_form(const std::string& key) {
  const Node* v = get(key);
  if (!v) return;
  if (!v->is(Node::Kind::map)) return problem(key, "a mapping (key: value) is expected here");
  std::function<void(const Node&, const std::string&)> look = [&](const Node& node, const std::string& at) {
    std::set<std::string> seen;
    for (size_t i = 0; i < node.items.size(); ++i) {
      const bool in_list = i >= node.keys.size();
      const std::string below =
          in_list ? fmt::format("{}[{}]", at, i) : fmt::format("{}.{}", at, node.keys[i].text);
      if (!in_list && !seen.insert(node.keys[i].text).second)
        problem_at(node.keys[i].place, below, "the key stands here twice");
      look(node.items[i], below);
    }
  };
  look(*v, path(key));
}

}  // namespace lemmy::config
