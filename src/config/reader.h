#pragma once
// Inside room config: reads one mapping key by key. Keys that the section does not know, and keys that stand
// twice, are problems.
#include <functional>

#include "config/sections.h"
#include "config/tree.h"

namespace lemmy::config {

class Reader {
 public:
  Reader(const Node& node, const Section& section, std::string file, std::string path, Problems& problems);

  bool blank() const { return node_.keys.empty(); }
  bool has(const std::string& key) const { return get(key) != nullptr; }
  std::string text(const std::string& key, std::string otherwise = "");
  bool flag(const std::string& key, bool otherwise);
  int number(const std::string& key, int otherwise, int least, int most);
  std::optional<milliseconds> duration(const std::string& key, milliseconds least, milliseconds most);
  std::vector<std::string> texts(const std::string& key);
  Deployer deployer(Deployer otherwise);
  Workload workload(Workload otherwise);
  std::optional<Role> role(const std::string& key);

  using Read = std::function<void(Reader&)>;
  using ReadNamed = std::function<void(const std::string&, Reader&)>;
  void each(const std::string& key, const Section& section, const Read& f);          // list of mappings
  void mapping(const std::string& key, const Section& section, const Read& f);       // one mapping
  void entries(const std::string& key, const Section& section, const ReadNamed& f);  // name -> mapping
  // Name -> text, number or true/false; any names.
  void scalars(const std::string& key, const std::function<void(const Node::Key&, const Node&)>& f);
  void free_form(const std::string& key);  // any mapping

  void problem(const std::string& key, std::string what, std::string hint = "");
  void problem_at(Place place, const std::string& path, std::string what, std::string hint = "");
  std::string path(const std::string& key) const {
    return path_.empty() || key.empty() ? path_ + key : path_ + "." + key;
  }

 private:
  const Node* get(const std::string& key) const;  // nullptr: absent or null

  const Node& node_;
  const Section& section_;
  std::string file_, path_;
  Problems& problems_;
};

// "file:line:column path", as far as known.
std::string place_text(const std::string& file, Place place, const std::string& path = "");
// "did you mean", else what there is.
std::string suggestion(const std::string& word, const std::vector<std::string>& known);

}  // namespace lemmy::config
