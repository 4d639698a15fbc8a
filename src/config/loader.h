#pragma once
// Inside room config: what the parts of load() share.
#include "config/reader.h"

namespace lemmy::config {

class Loader {
 public:
  // `access`: read in place of access.yaml.
  explicit Loader(std::filesystem::path dir, std::optional<std::string> access = std::nullopt);
  std::expected<std::shared_ptr<const Config>, Problems> load();

 private:
  using Path = std::filesystem::path;

  // tree.yaml files, load.cpp
  void clusters();
  void environments();
  void access();
  void resolve_clusters();
  void look_for_strays();
  void strays_of_project(const Path& dir, const Project& p);       // entries.cpp
  void look_for_unused(const std::vector<std::string>& unlisted);  // of projects, not in environments.yaml
  // one project, project.cpp
  void project(const Path& dir);
  void project_yaml(const Path& dir, Project& p);
  void environments_json(const Path& path, Project& p);
  void check_values(Reader& r, ProjectEnvironment& env);
  void check_playbook(const Path& dir, const Project& p);

  void problem(const Path& file, std::string what, std::string hint = "");
  std::string shown(const Path& file) const { return file.lexically_relative(dir_).generic_string(); }
  std::string in_tree(const std::string& path) const;  // as written, relative to the folder
  // Reports what cannot be read, what leads out of the tree, and what is not UTF-8.
  // `missing`: the hint when there is no file, nor one of a near name.
  std::optional<std::string> read(const Path& file, size_t limit, std::string_view missing = "");
  // The files in a folder by name; nothing when there is no folder. Names that begin with '.' or end with '~'
  // are skipped.
  void final_schema();
  std::vector<File> folder(const Path& dir, size_t limit, std::string_view ending = "");
  std::vector<Path> entries(const Path& dir);  // reports a folder that cannot be read
  // Of its type; not_found also when that cannot be told, which is reported: it is not as if it were not
  // there.
  std::filesystem::file_type type_of(const Path& path, bool follow = true);
  // `f` gets the file's top; nothing happens when there is no file.
  bool yaml(const Path& file, const Section& section, const std::function<void(Reader&)>& f);
  // "did you mean" for a file that is missing, from those that are there.
  std::string near_file(const Path& file, std::string otherwise) const;

  const Path dir_;
  const std::optional<std::string> access_;
  Path real_;  // dir_ with its links followed
  std::shared_ptr<Config> out_ = std::make_shared<Config>();
  Problems problems_;
  std::string hashed_;
  std::vector<std::string> folders_;  // of projects, good or bad
  bool clusters_read_ = false;        // else every name of a cluster would look wrong
  bool environments_read_ = false;    // else every environment would seem to have no cluster
};

// What access.yaml may refer to.
struct Known {
  const std::vector<std::string>& projects;            // good or bad
  const std::map<std::string, Project>* environments;  // nullptr: not all could be read
};
// nullptr: names are not looked up.
Access read_access(Reader& r, const Known* known);
Retention read_retention(Reader& r);                                 // retention.cpp
void read_instances(Reader& r, const Known* known, Access& access);  // instances.cpp
// Shared by both.
void check_access_name(Reader& r, const std::string& name);
std::string token_hash(Reader& r, const std::string& key);
std::vector<std::string> project_list(Reader& r, const Known* known);
void check_project(Reader& r, const std::string& key, const std::string& project, const Known* known);

constexpr std::string_view kFinalSchema = "final.schema.json";  // in standards/

bool is_skipped(std::string_view file_name);
// entries_of() without those that are skipped.
Result<std::vector<std::filesystem::path>> kept_entries(const std::filesystem::path& dir);

template <class Map>
std::vector<std::string> names_of(const Map& map) {
  std::vector<std::string> names;
  for (const auto& [name, value] : map) names.push_back(name);
  return names;
}

}  // namespace lemmy::config
