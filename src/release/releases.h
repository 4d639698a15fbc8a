#pragma once
// Releases: one build on several environments of a project, on pods and on hosts, asked for together and
// rolled back together. A release is nothing but the id that its deploys share: each goes its own way.
// Loop thread only.
#include "deploy/conductor.h"

namespace lemmy::release {

using deploy::Conductor;

enum class ReleaseState { in_progress, live, failed, mixed };
std::string_view name(ReleaseState s);  // "in_progress"
// failed: at least one, and none is under way; mixed: some were cancelled or superseded.
ReleaseState state_of(const std::vector<Deploy>& deploys);
std::string title_of(const std::vector<Deploy>& deploys);  // "live everywhere", "failed in production"

// What rolling a release back means for one of its deploys.
struct WayBack {
  enum class Kind { goes, not_needed, cannot };
  Kind kind = Kind::cannot;
  int64_t to = 0;   // of `goes`: what ran before, and is deployed again
  std::string why;  // of the others, for people
};
std::string_view name(WayBack::Kind k);  // "not_needed"
// serving, latest: of the target now, nullptr: none. possible: the deploy that it followed can be rolled
// back to.
WayBack way_back(const Deploy& member, const Deploy* latest, const Deploy* serving, bool possible);

struct Release {
  std::string id;
  std::string project;
  std::vector<Deploy> deploys;  // in the order of environments; one for each
};

struct ReleaseRequest {
  std::string project;
  std::string build;  // as in Request
  std::vector<std::string> environments;
  std::string who, reason;
  std::string request_id;  // the same id again gives the same release, and adds what is missing of it
};

struct ReleaseRollBack {
  std::string project;
  std::string release;
  std::string who, reason;
  std::string request_id;
  bool partial = false;  // also when some environments cannot go back
};

class Releases {
 public:
  Releases(Conductor* conductor, store::Store* store,
           std::function<std::shared_ptr<const config::Config>()> config)
      : conductor_(conductor), store_(store), config_(std::move(config)) {}

  // All is looked at before anything is asked for. Errors: as of Conductor::request; conflict when the id
  // stood for another release. When the store fails half-way the error says what was accepted.
  Task<Result<Release>> request(ReleaseRequest r);
  // Looked for among the newest deploys of each environment (`history` of project.yaml, at least 100).
  Task<Result<Release>> find(std::string project, std::string id) const;
  // By environment.
  Task<Result<std::map<std::string, WayBack>>> ways_back(Release release) const;
  // Every environment goes back to what its deploy followed, as a new release. conflict: some cannot, with
  // each one's reason, and nothing was done; or there is nothing to do.
  Task<Result<Release>> roll_back(ReleaseRollBack r);

 private:
  using Make = std::function<Task<Result<Deploy>>(std::string environment)>;
  std::vector<std::string> environments_of(const std::string& project) const;
  Task<Result<std::vector<Deploy>>> newest(Target target) const;
  Task<Result<Deploy>> asked_before(Target target, std::string request_id) const;  // not_found: it was not
  Task<Result<>> check_key(Release release, std::vector<std::string> environments, std::string key) const;
  Task<Result<Release>> ask_all(Release release, std::vector<std::string> environments, std::string key,
                                Make make);

  Conductor* conductor_;
  store::Store* store_;
  std::function<std::shared_ptr<const config::Config>()> config_;
};

}  // namespace lemmy::release
