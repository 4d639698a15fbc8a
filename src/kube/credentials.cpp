#include "kube/credentials.h"

#include <algorithm>

#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"

namespace lemmy::kube {
namespace {
constexpr milliseconds kTokenFile{60'000}, kEarly{30'000}, kRefused{10'000};
constexpr milliseconds kFirstRetry{1'000}, kMostRetry{60'000};
// What is granted for less counts for so long: clocks differ, and a plugin is not run for each request.
constexpr milliseconds kLeast{10'000};

Result<ExecCredential> read_token_file(const std::string& file) {
  auto text = read_file(file, 1 << 20);
  if (!text) return fail(text.error());
  ExecCredential out;
  out.token = std::string(trim(*text));
  if (out.token.empty()) return fail(ErrorCode::invalid, file, "the token file is empty");
  return out;
}

}  // namespace

Credentials::Credentials(asio::any_io_executor loop, Pool& pool, ClusterAccess access)
    : pool_(pool), access_(std::move(access)), group_(loop), done_(loop) {
  if (fetched()) return;
  grant_.bearer = access_.token;
  have_ = true;
}

void Credentials::stop() {
  stopped_ = true;
  group_.cancel();
}

Task<Result<Grant>> Credentials::get(milliseconds limit) {
  if (!fetched()) co_return grant_;
  const auto deadline = Clock::now() + limit;
  for (;;) {
    const auto at = Clock::now();
    if (at >= refresh_at_ && at >= retry_at_ && !fetching_ && !stopped_) {
      fetching_ = true;
      group_.spawn("credentials", fetch(shared_from_this()));
    }
    if (have_ && at < valid_until_) co_return grant_;
    if (!fetching_) {
      if (error_) co_return fail(*error_);
      co_return fail(ErrorCode::unavailable, access_.server, "there are no credentials");
    }
    const auto left = std::chrono::ceil<milliseconds>(deadline - at);
    if (left <= milliseconds{0})
      co_return fail(ErrorCode::timeout, access_.exec ? access_.exec->argv[0] : access_.token_file,
                     "the credentials did not come within " + std::to_string(limit.count()) + " ms",
                     access_.exec ? "run the credential plugin by hand to see why it takes so long" : "");
    (void)co_await done_.wait(left);
  }
}

bool Credentials::refused(uint64_t number) {
  if (!fetched()) return false;
  if (number != grant_.number) return true;  // there is another one already
  const auto at = Clock::now();
  if (fetching_) return true;
  if (at < refusal_counts_from_) return false;
  refusal_counts_from_ = at + kRefused;
  refresh_at_ = valid_until_ = retry_at_ = at;
  return true;
}

Task<> Credentials::fetch(std::shared_ptr<Credentials> self) {
  struct Ends {  // also when it is cancelled
    Credentials& of;
    ~Ends() {
      of.fetching_ = false;
      of.done_.notify();
    }
  } ends{*self};
  const ClusterAccess access = self->access_;
  Result<ExecCredential> got = fail(ErrorCode::internal, "", "");
  if (access.exec) {
    got = co_await run_exec_plugin(&self->pool_, *access.exec);
  } else {
    got = co_await self->pool_.run([file = access.token_file] { return read_token_file(file); });
  }
  self->take(std::move(got));
}

void Credentials::take(Result<ExecCredential> got) {
  const auto at = Clock::now();
  if (!got) {
    error_ = got.error();
    retry_at_ = at + back_off(++failures_, kFirstRetry, kMostRetry);
    log::warning("credentials could not be had", {{"cluster", access_.server}, {"what", error_->str()}});
    return;
  }
  failures_ = 0;
  error_.reset();
  have_ = true;
  grant_ = {got->token, got->certificate_pem, got->key_pem, grant_.number + 1};
  valid_until_ = Clock::time_point::max();
  refresh_at_ = access_.exec ? Clock::time_point::max() : at + kTokenFile;
  if (got->expires) {
    const milliseconds granted = std::max(kLeast, *got->expires - now());
    valid_until_ = at + granted;
    refresh_at_ = valid_until_ - std::min(kEarly, granted / 2);
  }
}

}  // namespace lemmy::kube
