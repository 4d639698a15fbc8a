#pragma once
// What a deploy was made of, as far as it is kept.
#include "async/task.h"
#include "store/store.h"

namespace lemmy::deploy {

// A deploy and what it was made of, as far as it is kept: the texts of its documents.
struct Made {
  Deploy deploy;
  std::optional<Build> build;  // nullopt: forgotten
  std::string manifests, final, origins, environment;
};
// Errors: those of the store; a document that is not there is none.
Task<Result<Made>> read_made(store::Store* store, Deploy deploy);

}  // namespace lemmy::deploy
