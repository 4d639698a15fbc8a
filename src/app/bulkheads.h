#pragma once
// Threads of a server, apart for each kind of work that may hang: a credential plugin that does not answer
// must not keep pages, log-ins or another cluster waiting. Child programs hold no thread while they run
// (async/subprocess.h); what is here starts them.
#include "async/pool.h"

namespace lemmy::app {

struct Bulkheads {
  Pool pages{2, "pages", 200};      // rendering of pages, previews
  Pool deploys{1, "deploys"};       // manifests, and what differs between two deploys
  Pool files{1, "configuration"};   // the configuration, room on the disk
  Pool keys{1, "keys"};             // files that access.yaml names
  Pool kubeconfigs{4, "clusters"};  // each may be on a disk that hangs
  Pool clusters{1, "clusters"};     // what they answer, token files, starting of credential plugins
  Pool runs{2, "runs"};             // folders, logs and processes of playbooks, inventories
  Pool archive{4, "archive"};       // tried at start, numbers, size, writing: each may hang by itself
  Pool known_passwords{1, "log-ins of known browsers", 20};  // held up by no stranger
  Pool passwords{1, "log-ins", 20};  // argon2 takes a tenth of a second of a core and 64 MiB

  // As Pool::stop, within `limit` in all. False: something hangs, and what it uses must not be destroyed.
  bool stop(std::chrono::milliseconds limit) {
    const auto end = Clock::now() + limit;
    bool idle = true;
    for (Pool* p : {&pages, &deploys, &files, &keys, &kubeconfigs, &clusters, &runs, &archive, &passwords,
                    &known_passwords})
      idle &= p->stop(std::max(std::chrono::milliseconds{0},
                               std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now())));
    return idle;
  }
};

}  // namespace lemmy::app
