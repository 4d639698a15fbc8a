#pragma once
// Inside room kube: what a cluster is shown so that it lets us in. Fetched once for all who wait. Loop thread
// only.
#include "async/task.h"
#include "kube/kubeconfig.h"

namespace lemmy::kube {

struct Grant {
  std::string bearer;                    // empty: none
  std::string certificate_pem, key_pem;  // of a credential plugin; empty: those of the kubeconfig
  uint64_t number = 0;                   // another one has another number
};

// Who waits in get() holds it.
class Credentials : public std::enable_shared_from_this<Credentials> {
 public:
  Credentials(asio::any_io_executor loop, Pool& pool, ClusterAccess access);

  // What is valid now. A token file is read each minute, a plugin is run shortly before what it gave expires,
  // by the steady clock; the old one is used meanwhile, and as long as it is valid when fetching fails. Who
  // has none waits for the fetch that is under way, at most `limit` (then timeout); the fetch goes on. A
  // fetch that failed is tried again after a second, then after twice as long, up to a minute; its error is
  // given until then.
  Task<Result<Grant>> get(milliseconds limit);
  // The cluster answered 401 to it. True: another one can be had, by get(). Not more often than each 10 s.
  bool refused(uint64_t number);
  void stop();  // nothing is fetched from now on; what is under way is given up

 private:
  bool fetched() const { return access_.exec || !access_.token_file.empty(); }
  static Task<> fetch(std::shared_ptr<Credentials> self);
  void take(Result<ExecCredential> got);

  Pool& pool_;
  ClusterAccess access_;
  Group group_;
  Signal done_;
  bool fetching_ = false, have_ = false, stopped_ = false;
  Grant grant_;
  std::optional<Error> error_;  // of the last fetch
  int failures_ = 0;
  Clock::time_point refresh_at_{}, valid_until_{}, retry_at_{}, refusal_counts_from_{};
};

}  // namespace lemmy::kube
