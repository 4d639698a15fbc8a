#pragma once
// Which cluster each name of clusters.yaml meant when it was first connected (kube/identity.h): in the store,
// so that it holds after a restart and on every server. Loop thread only.
#include <string>

#include "store/store.h"

namespace lemmy::app {

class KnownClusters {
 public:
  explicit KnownClusters(store::Store* store) : store_(store) {}
  // As kube::Recognise: the first uid that a name is seen with is the one it has from then on.
  Task<Result<std::string>> recognise(std::string cluster, std::string uid);
  // Without noting anything; empty: none is known.
  Task<Result<std::string>> known(std::string cluster);
  // The cluster was replaced on purpose: it is `uid` from now on. Errors: those of the store.
  Task<Result<>> accept(std::string cluster, std::string uid, std::string who);

 private:
  store::Store* store_;
};

}  // namespace lemmy::app
