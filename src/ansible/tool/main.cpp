// ansible_run BIN TREE RUNS ID PLAYBOOK HOSTS VARIABLES.json: one run, as a server does it.
// Prints {"outcome", "error", "progress"}. For tests.
#include <iostream>

#include "ansible/run.h"
#include "base/files.h"

using namespace lemmy;
using namespace lemmy::ansible;

int main(int argc, char** argv) {
  if (argc != 8) return 64;
  auto variables = parse_json(read_file(argv[7]).value_or(""), argv[7]);
  if (!variables || !variables->is_object()) return 65;
  Pool pool(2);
  auto progress = std::make_shared<Progress>();
  Plan plan{.id = argv[4], .ansible_dir = argv[2], .playbook = argv[5], .hosts = argv[6]};
  plan.variables = variables->get_object();
  plan.limit = std::chrono::minutes(2);
  auto run = [&](Plan p) -> Task<Result<Outcome>> {
    Runs runs(co_await asio::this_coro::executor, &pool, Tools{argv[1]}, argv[3]);
    co_return co_await runs.run(std::move(p), progress, nullptr);
  };
  auto outcome = block_on(run(plan));
  json::object out{{"outcome", nullptr}, {"error", nullptr}, {"progress", to_json(*progress)}};
  if (outcome)
    out["outcome"] = {{"exit_code", outcome->exit_code}, {"log_file", outcome->log_file}};
  else
    out["error"] = {{"code", name(outcome.error().code)},
                    {"where", outcome.error().where},
                    {"what", outcome.error().what},
                    {"hint", outcome.error().hint}};
  std::cout << json::serialize(out) << "\n";
}
