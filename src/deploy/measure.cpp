#include "deploy/measure.h"

#include "base/metrics.h"

namespace lemmy::deploy {

static double in_seconds(milliseconds d) {
  return std::max<double>(0, static_cast<double>(d.count()) / 1000);
}

// Environments come from the configuration: there is no deploy to another.
static void count_finished(const std::string& environment, Phase verdict, double by) {
  metrics::count("lemmy_deploys_finished_total", "Deploys that came to an end",
                 {{"environment", environment}, {"verdict", std::string(lemmy::name(verdict))}}, by);
}

void show_verdicts(const std::string& environment) {
  for (Phase p : {Phase::live, Phase::failed, Phase::cancelled, Phase::superseded})
    count_finished(environment, p, 0);
}

void count_phase(Phase from, Time since, const Deploy& now) {
  metrics::observe("lemmy_deploy_phase_seconds", "How long deploys were in a phase that they left",
                   {{"phase", std::string(lemmy::name(from))}}, in_seconds(now.phase_at - since),
                   metrics::Buckets::work);
  if (!is_finished(now.phase)) return;
  const std::string verdict(lemmy::name(now.phase));
  count_finished(now.target.environment, now.phase, 1);
  metrics::observe("lemmy_deploy_duration_seconds", "From being asked for to the end", {{"verdict", verdict}},
                   in_seconds(now.phase_at - now.created_at), metrics::Buckets::work);
}

void count_run(const char* result, double by) {
  metrics::count("lemmy_instance_runs_total", "Playbook runs on hosts that asked for their build",
                 {{"result", result}}, by);
}

void count_converged(size_t hosts) {
  metrics::count("lemmy_instances_converged_total", "Hosts that got the build they asked for", {},
                 static_cast<double>(hosts));
}

void count_unknown(size_t hosts) {
  metrics::count("lemmy_instances_unknown_total", "Asks of instances that the inventory did not have", {},
                 static_cast<double>(hosts));
}

void set_waiting(size_t hosts) {
  metrics::gauge("lemmy_instances_waiting", "Hosts that asked for their build and do not have it yet", {},
                 static_cast<double>(hosts));
}

void show_run_counters() {
  for (const char* result : {"ok", "failed", "cut"}) count_run(result, 0);
  count_converged(0);
  count_unknown(0);
}

}  // namespace lemmy::deploy
