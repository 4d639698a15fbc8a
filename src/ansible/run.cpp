#include "ansible/run.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "ansible/job.h"
#include "ansible/prepare.h"
#include "ansible/probe.h"
#include "base/files.h"
#include "base/log.h"

namespace lemmy::ansible {
namespace fs = std::filesystem;

struct Runs::State {
  asio::any_io_executor loop;
  Pool* pool = nullptr;
  Tools tools;
  std::string dir;
  std::map<std::string, std::shared_ptr<Job>> running;
  std::map<std::string, bool> beginning;  // not running yet; true: cancelled already
};

Runs::Runs(asio::any_io_executor loop, Pool* pool, Tools tools, std::string runs_dir)
    : state_(std::make_shared<State>()) {
  state_->loop = loop;
  state_->pool = pool;
  state_->tools = std::move(tools);
  std::error_code error;
  state_->dir = fs::absolute(runs_dir, error);
}

// What still runs is killed; its identity stays on disk, so that the next server repeats it.
Runs::~Runs() {
  for (auto& [id, job] : state_->running) {
    job->abandoned = true;
    if (job->identity.pid > 0 && !job->exited) kill_all(job->identity);
  }
}

void Runs::cancel(const std::string& id) {
  if (auto it = state_->beginning.find(id); it != state_->beginning.end()) it->second = true;
  auto it = state_->running.find(id);
  if (it == state_->running.end() || it->second->cancel_asked) return;
  it->second->cancel_asked = true;
  it->second->wake.notify();
}

Task<Result<Outcome>> Runs::run(Plan plan, std::shared_ptr<Progress> progress,
                                std::function<void()> changed) {
  auto state = state_;
  struct Begun {
    std::shared_ptr<State> state;
    std::string id;
    ~Begun() { state->beginning.erase(id); }
  };
  const Begun begun{state, plan.id};
  state->beginning[plan.id] = false;
  std::error_code error;
  plan.ansible_dir = fs::absolute(plan.ansible_dir, error);
  if (auto good = co_await state->pool->run([plan] { return check(plan); }); !good)
    co_return fail(good.error());
  auto proven = co_await probe(state->pool, state->tools, plan.ansible_dir, state->dir + "/.ansible");
  if (!proven) co_return fail(proven.error());
  if (state->running.contains(plan.id)) co_return fail(ErrorCode::conflict, "run " + plan.id, "runs already");
  auto job = std::make_shared<Job>(state->loop);
  job->plan = std::move(plan);
  job->progress = progress ? progress : std::make_shared<Progress>();
  job->progress->set_root(job->plan.ansible_dir);
  job->changed = std::move(changed);
  job->cancel_asked = state->beginning[job->plan.id];
  job->folder.root = state->dir + "/" + job->plan.id;
  state->running[job->plan.id] = job;
  spawn(state->loop, "ansible run " + job->plan.id,
        work_on(state->pool, state->tools, state->dir + "/.ansible", job), {},
        [state, job](std::exception_ptr thrown) {
          state->running.erase(job->plan.id);
          job->done = true;
          job->ended.cancel();
          if (thrown)
            job->trouble = Error{ErrorCode::internal, "run " + job->plan.id,
                                 "the run's coroutine ended by an exception"};
        });
  // When we are cancelled the run is, and its end is awaited all the same.
  bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  while (!job->done) {
    if (co_await cancelled()) {
      job->cancel_asked = true;
      job->wake.notify();
      asio::steady_timer timer(state->loop, milliseconds(50));
      co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    } else {
      co_await job->ended.async_wait(asio::as_tuple(asio::use_awaitable));
    }
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
  co_return judge(*job);
}

bool Runs::any() const { return !state_->running.empty(); }

Task<Result<std::vector<std::string>>> Runs::end_orphans() {
  std::vector<std::string> own;
  for (const auto& [id, job] : state_->running) own.push_back(id);
  auto state = state_;
  co_return co_await state->pool->run([dir = state->dir, own]() -> Result<std::vector<std::string>> {
    std::vector<std::string> ids;
    const auto all = entries_of(dir);
    if (!all) return fail(all.error());
    for (const fs::path& path : *all) {
      std::string id = path.filename();
      Folder folder{path};
      if (std::ranges::find(own, id) != own.end() || !fs::exists(folder.identity())) continue;
      auto identity = read_identity(folder.identity());
      bool alive = identity && end_processes(*identity);
      log::warning("a run of an earlier server was interrupted",
                   {{"run", id}, {"processes", alive ? "ended" : "none left"}});
      tidy(folder);
      ids.push_back(id);
    }
    return ids;
  });
}

Task<> Runs::forget(std::string id) {
  auto state = state_;
  if (id.empty() || id[0] == '.' || id.find('/') != id.npos || state->running.contains(id)) co_return;
  co_await state->pool->run([folder = state->dir + "/" + id] {
    std::error_code error;
    fs::remove_all(folder, error);
    return true;
  });
}

Task<> Runs::forget_all(std::function<bool(const std::string& id)> which) {
  std::set<std::string> own;
  for (const auto& [id, job] : state_->running) own.insert(id);
  co_await state_->pool->run([dir = state_->dir, own, which] {
    std::error_code error;
    if (const auto all = entries_of(dir))
      for (const fs::path& folder : *all)
        if (const std::string id = folder.filename(); !id.starts_with('.') && !own.contains(id) && which(id))
          fs::remove_all(folder, error);
    return true;
  });
}

Task<Result<std::string>> Runs::log(std::string id, size_t most_bytes) const {
  auto state = state_;
  co_return co_await state->pool->run([dir = state->dir, id, most_bytes]() -> Result<std::string> {
    Folder folder{dir + "/" + id};
    if (id.empty() || id[0] == '.' || id.find('/') != id.npos)
      return fail(ErrorCode::not_found, "run " + id, "there is no such run");
    return end_of_file(folder.log(), most_bytes);
  });
}

}  // namespace lemmy::ansible
