// Who gets the requests, which is not always who serves.
#include <fmt/format.h>

#include <map>
#include <set>

#include "base/strings.h"
#include "domain/names.h"
#include "live/view.h"
#include "pods/place.h"

namespace lemmy::live {
namespace {

std::string pods_text(int64_t n) { return fmt::format("{} pod{}", n, n == 1 ? "" : "s"); }

std::string in_words(const std::map<int64_t, int64_t>& pods, int64_t serving) {
  std::string out;
  if (pods.empty()) {
    out = "Nobody answers requests now";
  } else if (pods.size() == 1) {
    out = fmt::format("#{} answers requests, with {}", pods.begin()->first, pods_text(pods.begin()->second));
  } else {
    std::vector<std::string> each;
    int64_t all = 0;
    for (const auto& [number, n] : pods) {
      each.push_back(fmt::format("#{} with {}", number, n));
      all += n;
    }
    out = fmt::format("{} answer requests: {}", pods_text(all), join(each, ", "));
  }
  if (serving != 0 && !pods.contains(serving)) out += fmt::format("; #{}, which serves, does not", serving);
  return out + ".";
}

}  // namespace

json::value answers_json(const kube::Cluster* cluster, const Target& target, const Deploy* serving) {
  const auto answering = cluster ? cluster->answering(target) : std::nullopt;
  if (!answering) return nullptr;
  std::map<int64_t, int64_t> pods;
  for (const kube::Pod* p : *answering) ++pods[p->meta.deploy];
  const int64_t serves = serving ? serving->number : 0;
  json::array deploys;
  for (const auto& [number, n] : pods)
    deploys.push_back({{"number", number}, {"pods", n}, {"serving", number == serves}});
  return json::object{{"deploys", std::move(deploys)}, {"text", in_words(pods, serves)}};
}

std::vector<int64_t> answering(const json::value& answers) {
  std::vector<int64_t> out;
  if (answers.is_object())
    for (const json::value& one : answers.get_object().at("deploys").get_array())
      out.push_back(int_or(one.get_object(), "number"));
  return out;
}

std::string numbers_text(const std::vector<int64_t>& numbers) {
  std::vector<std::string> each;
  for (const int64_t n : numbers) each.push_back(fmt::format("#{}", n));
  return join_and(each);
}

json::value Board::answers(const Target& target) const {
  const Deploy* serving = from_.conductor->current(target);
  const kube::Cluster* cluster = serving ? cluster_of(*serving) : cluster_of(target);
  return answers_json(cluster, target, serving);
}

std::vector<std::string> Board::under_way(const Target& target, bool another_one) const {
  std::vector<std::string> out;
  const Deploy* active = from_.conductor->active(target);
  if (active && active->phase != Phase::queued)
    out.push_back(fmt::format("#{} of build {} is under way, and serves once it is live{}.", active->number,
                              short_sha(active->sha), another_one ? "; the new one waits until then" : ""));
  std::vector<int64_t> queued;
  for (const Deploy* q : from_.conductor->queued(target)) queued.push_back(q->number);
  if (!queued.empty())
    out.push_back(fmt::format("{} {}{}.", numbers_text(queued), queued.size() == 1 ? "waits" : "wait",
                              another_one ? ", and will be superseded" : ""));
  return out;
}

std::vector<std::string> Board::if_it_serves(const Target& target, int64_t number) const {
  std::vector<std::string> out;
  const Deploy* d = from_.conductor->find(target, number);
  const Deploy* serving = from_.conductor->current(target);
  if (!d) return out;
  std::vector<int64_t> taken;
  if (d->rollback_of)
    taken = from_.conductor->taken_out_by_rollback(target, *d->rollback_of, d->follows.value_or(0)).out;
  std::erase_if(taken, [&](int64_t n) { return n >= number; });
  if (!taken.empty())
    out.push_back(fmt::format(
        "#{0} is a roll back to #{1}: {2} {3} no more requests as soon as all pods of #{0} are ready.",
        number, *d->rollback_of, numbers_text(taken), taken.size() == 1 ? "gets" : "get"));
  std::set<int64_t> stay;
  for (const int64_t n : answering(answers(target))) stay.insert(n);
  if (serving) stay.insert(serving->number);
  stay.erase(number);
  for (const int64_t n : taken) stay.erase(n);
  if (!stay.empty())
    out.push_back(
        fmt::format("{} {} on answering beside it until zeroed: by you, or by what the environment does "
                    "with deploys that served before.",
                    numbers_text({stay.begin(), stay.end()}), stay.size() == 1 ? "goes" : "go"));
  return out;
}

std::vector<std::string> Board::if_taken_away(const Target& target, int64_t number, bool deleted) const {
  std::vector<std::string> out;
  auto build = [](const Deploy& d) { return fmt::format("#{} of build {}", d.number, short_sha(d.sha)); };
  const Deploy* d = from_.conductor->find(target, number);
  const Deploy* serving = from_.conductor->current(target);
  const std::string word = deleted ? "Deleted" : "Zeroed";
  if (!serving)
    out.push_back(fmt::format("Nothing serves {} in {} now.", target.project, target.environment));
  else
    out.push_back(
        fmt::format("{} serves {} in {} now.", build(*serving), target.project, target.environment));
  const json::value who = answers(target);
  if (who.is_object()) out.emplace_back(text_or(who.get_object(), "text"));
  for (std::string& line : under_way(target, false)) out.push_back(std::move(line));
  const bool serves = serving && serving->number == number;
  if (!d || (!serves && !from_.conductor->answers_alone(*d))) return out;
  const kube::Cluster* cluster = cluster_of(*d);
  const bool gone = cluster && cluster->is_live(target.environment, pods::workload_of(*d)) &&
                    !cluster->controller({target, number});
  if (gone && !deleted)
    out.push_back(fmt::format(
        "The controller of #{} is gone: zeroed, its pods are deleted, and it cannot be restored.", number));
  if (const Deploy* next = serves ? from_.conductor->current(target, number) : nullptr) {
    json::object shown;
    add_shown(shown, *next);
    out.push_back(fmt::format("{}, it leaves its place to {}, which runs and has {} of {} pods ready.", word,
                              build(*next), int_or(shown, "ready"), int_or(shown, "wanted_pods")));
    return out;
  }
  std::set<int64_t> then;
  for (const int64_t n : answering(who)) then.insert(n);
  for (const int64_t n : from_.conductor->let_in_without(target, number)) then.insert(n);
  then.erase(number);
  std::vector<std::string> others;
  for (const int64_t n : then) {
    const Deploy* other = from_.conductor->find(target, n);
    const bool failed = other && other->phase == Phase::failed;
    others.push_back(fmt::format("#{}{}", n, failed ? ", which failed" : ""));
  }
  const char* until =
      deleted || gone ? "another one is deployed" : "it is restored or another one is deployed";
  out.push_back(others.empty() ? fmt::format("{}, nothing answers requests until {}.", word, until)
                               : fmt::format("{}, nothing serves until {}; what answers then is {}.", word,
                                             until, join_and(others)));
  return out;
}

}  // namespace lemmy::live
