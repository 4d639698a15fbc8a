#pragma once
// Inside room config: reads one YAML mapping key by key; every key that was not asked for is a problem.
#include <yaml-cpp/yaml.h>

#include <functional>
#include <set>

#include "config/config.h"

namespace lemmy::config {

class Reader {
 public:
  Reader(YAML::Node node, std::string file, std::string path, Problems& problems);

  std::string text(const char* key, std::string otherwise = "");
  bool flag(const char* key, bool otherwise);
  int number(const char* key, int otherwise, int least, int most);
  std::optional<milliseconds> duration(const char* key);
  std::vector<std::string> texts(const char* key);
  void each(const char* key, const std::function<void(Reader&)>& f);  // list of mappings
  void entries(const char* key,
               const std::function<void(const std::string&, Reader&)>& f);  // mapping of mappings
  void mapping(const char* key, const std::function<void(Reader&)>& f);
  bool has(const char* key);
  // Names the keys that nobody asked for. Call last.
  void finish();

  void problem(const char* key, std::string what, std::string hint = "");
  std::string where(const YAML::Mark& mark, const std::string& key = "") const;
  const YAML::Node& node() const { return node_; }

 private:
  YAML::Node get(const char* key);

  YAML::Node node_;
  std::string file_, path_;
  Problems& problems_;
  std::set<std::string> known_;
  bool is_map_;
};

// nullopt and a problem when it is not YAML.
std::optional<YAML::Node> parse_yaml(const std::string& text, const std::string& file, Problems& problems);

}  // namespace lemmy::config
