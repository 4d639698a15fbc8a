// What a roll back would change, before it is confirmed.
#include <fmt/format.h>

#include "base/strings.h"
#include "deploy/difference.h"
#include "deploy/machine.h"
#include "domain/names.h"
#include "live/view.h"
#include "pods/place.h"
#include "pods/verdict.h"

namespace lemmy::live {
namespace {

constexpr int kPreviews = 3;

struct Found {
  json::value difference = nullptr;
  manifest::Scale own, serving;
};

// For the pool.
Found compare(const std::optional<deploy::Made>& serving, const deploy::Made& to) {
  auto scale = [](const deploy::Made& m) {
    auto v = parse_json(m.manifests, "");
    return v && v->is_array() ? manifest::scale_of(v->get_array()) : manifest::Scale{};
  };
  Found out;
  out.own = scale(to);
  if (!serving) return out;
  out.serving = scale(*serving);
  out.difference = deploy::difference(*serving, to);
  return out;
}

json::value bounds(int min, int max) {
  if (max == 0) return nullptr;
  return json::object{{"min", min}, {"max", max}};
}

std::string bounds_text(const json::value& v) {
  if (!v.is_object()) return "none";
  return fmt::format("{} to {} pods", int_or(v.get_object(), "min"), int_or(v.get_object(), "max"));
}

std::string config_map_line(const json::object& version, int64_t number) {
  const std::string_view state = text_or(version, "state");
  if (state == "none" || state == "unknown") return "";
  if (state == "same") return "ConfigMap: the same as now.";
  if (state == "removed") return fmt::format("ConfigMap: none, as #{} had none.", number);
  return fmt::format("ConfigMap: that of #{} comes back ({}).", number, text_or(version, "after"));
}

std::string secret_line(std::string_view state, const std::string& project, int64_t number) {
  if (state == "same") return fmt::format("Secret {}: not changed since #{} was deployed.", project, number);
  if (state == "unknown")
    return fmt::format("Secret {}: whether it was changed since #{} is not known.", project, number);
  if (state == "removed")
    return fmt::format("Secret {}: it is gone, and was there when #{} was deployed.", project, number);
  if (state == "added")
    return fmt::format("Secret {}: there was none when #{} was deployed; its pods get that of now.", project,
                       number);
  if (state == "changed")
    return fmt::format("Secret {}: changed since #{} was deployed; its pods get the values of now.", project,
                       number);
  return "";
}

std::string capacity_line(const json::object& c) {
  const int64_t starts = int_or(c, "starts_with"), ready = int_or(c, "ready_now");
  const bool scaled = c.at("autoscaler").is_object();
  std::string out = fmt::format("Capacity: it starts with {} pod{}; {} ready now", starts,
                                starts == 1 ? "" : "s", ready == 1 ? "1 is" : fmt::format("{} are", ready));
  const std::string then = bounds_text(c.at("autoscaler")), now = bounds_text(c.at("autoscaler_now"));
  if (then != now)
    out += fmt::format(". Autoscaler: {}, now {}", then, now);
  else if (scaled)
    out += fmt::format(". Autoscaler: {}, as now", then);
  return out + ".";
}

std::vector<int64_t> numbers_in(const json::value& v) {
  std::vector<int64_t> out;
  for (const json::value& n : v.get_array()) out.push_back(n.as_int64());
  return out;
}

json::array lines_of(const json::object& o, const Deploy& d, bool at_once) {
  json::array out;
  auto say = [&](std::string text) {
    if (!text.empty()) out.emplace_back(std::move(text));
  };
  const json::value& found = o.at("difference");
  if (!found.is_object()) {
    say(fmt::format("Nothing serves in {} now: there is nothing to compare it with.", d.target.environment));
  } else {
    const json::object& difference = found.get_object();
    say(config_map_line(difference.at("config_map").get_object(), d.number));
    for (const json::value& v : difference.at("images").get_array())
      say(fmt::format("Image of {}: {}.", text_or(v.get_object(), "container"),
                      text_or(v.get_object(), "text")));
  }
  if (const json::value& w = o.at("waits_for"); !w.is_null())
    say(fmt::format(
        "#{} is under way: the roll back waits until that has ended. Cancel it if it shall not go on.",
        w.as_int64()));
  if (const std::vector<int64_t> queued = numbers_in(o.at("supersedes")); !queued.empty())
    say(fmt::format("{} {}, and will be superseded.", numbers_text(queued),
                    queued.size() == 1 ? "waits" : "wait"));
  if (const std::vector<int64_t> out_now = numbers_in(o.at("takes_out")); !out_now.empty())
    say(fmt::format(
        "{} {} no more requests {}.", numbers_text(out_now), out_now.size() == 1 ? "gets" : "get",
        at_once ? "from now on, before the pods of the new deploy are ready: nothing may answer meanwhile"
                : "as soon as the pods of the new deploy are ready"));
  if (const std::vector<int64_t> stay = numbers_in(o.at("stays")); !stay.empty())
    say(fmt::format("{} {} on answering beside it.", numbers_text(stay), stay.size() == 1 ? "goes" : "go"));
  if (o.at("secret").is_string()) say(secret_line(o.at("secret").get_string(), d.target.project, d.number));
  if (const json::value& c = o.at("capacity"); c.is_object())
    say(capacity_line(c.get_object()));
  else
    say(fmt::format("The playbook runs on the hosts that match now; #{} went to {}.", d.number, d.replicas));
  return out;
}

}  // namespace

// What serves may change while it is made: then it would compare with one and speak of another.
Task<Result<json::object>> Board::rollback_preview(Target target, int64_t number, bool at_once) const {
  const auto serves = [&] {
    const Deploy* d = from_.conductor->current(target);
    return d ? d->number : 0;
  };
  for (int tries = 1;; ++tries) {
    const int64_t before = serves();
    auto made = co_await preview_once(target, number, at_once);
    if (!made || before == serves() || tries == kPreviews) co_return made;
  }
}

Task<Result<json::object>> Board::preview_once(Target target, int64_t number, bool at_once) const {
  auto stored = co_await from_.store->deploy(target, number);
  if (!stored) co_return fail(stored.error());
  auto to = co_await deploy::read_made(from_.store, *stored);
  if (!to) co_return fail(to.error());
  std::optional<deploy::Made> serving;
  if (const Deploy* s = from_.conductor->current(target)) {
    auto made = co_await deploy::read_made(from_.store, *s);
    if (!made) co_return fail(made.error());
    serving = std::move(*made);
  }
  const bool on_pods = stored->deployer == Deployer::kubernetes;
  std::optional<std::string> version;
  if (on_pods) version = co_await secret_version(target);
  // The Secret is not Lemmy's to bring back: it is that of now against that of then.
  const std::string then = stored->secret_version;
  const std::string at_present = on_pods ? version.value_or(kUnknownSecret) : "";
  if (serving) serving->deploy.secret_version = then;
  to->deploy.secret_version = at_present;
  auto found = co_await from_.pool->run([serving, to = std::move(*to)] { return compare(serving, to); });

  // No wait from here on: the rest is of one moment.
  const Deploy* fresh = from_.conductor->find(target, number);
  const Deploy d = fresh ? *fresh : *stored;
  const Deploy* current = from_.conductor->current(target);
  const auto can = from_.conductor->possible(d);
  const bool possible = std::find(can.begin(), can.end(), deploy::Action::rollback) != can.end();
  json::object out;
  out["to"] = deploy_json(d);
  out["serving"] = current ? json::value(deploy_json(*current)) : json::value(nullptr);
  out["possible"] = possible;
  const auto there = from_.conductor->check_target(target);
  out["why"] = possible                               ? ""
               : !there                               ? there.error().what
               : !d.serving_since                     ? fmt::format("#{} was never live", number)
               : current && current->number == number ? fmt::format("#{} is the one that serves now", number)
                                                      : fmt::format("#{} is not finished", number);
  const deploy::TakenOut taken =
      on_pods && possible ? from_.conductor->taken_out_by_rollback(target, number) : deploy::TakenOut{};
  std::vector<int64_t> stays = taken.stay;
  const json::value who = on_pods && possible ? answers(target) : json::value(nullptr);
  for (const int64_t n : answering(who))  // what no deploy is known of may answer too
    if (std::ranges::find(taken.out, n) == taken.out.end() && std::ranges::find(stays, n) == stays.end())
      stays.push_back(n);
  std::ranges::sort(stays);
  std::vector<int64_t> supersedes;
  for (const Deploy* q : from_.conductor->queued(target)) supersedes.push_back(q->number);
  const Deploy* active = from_.conductor->active(target);
  out["takes_out"] = json::value_from(taken.out);
  out["stays"] = json::value_from(stays);
  out["waits_for"] = possible && active ? json::value(active->number) : json::value(nullptr);
  out["supersedes"] = json::value_from(possible ? supersedes : std::vector<int64_t>{});
  out["secret"] = nullptr;
  if (on_pods) out["secret"] = deploy::change_of(then, at_present);
  out["capacity"] = nullptr;
  if (on_pods) {
    kube::Cluster* cluster = current ? cluster_of(*current) : cluster_of(target);
    const kube::Owner owner{target, current ? current->number : 0};
    const int ready = cluster && current ? pods::judge(pods::pods_of(*cluster, owner), nullptr).ready : 0;
    const int wanted = cluster ? pods::serving_wants(*cluster, current) : 0;
    const kube::Autoscaler* hpa = cluster && current ? cluster->autoscaler(owner) : nullptr;
    const manifest::Scale& own = found.own;
    out["capacity"] = json::object{
        {"starts_with", deploy::starting_replicas(own.replicas, own.min, own.max, wanted)},
        {"own", own.replicas},
        {"ready_now", ready},
        {"autoscaler", bounds(own.min, own.max)},
        {"autoscaler_now", hpa ? bounds(hpa->min, hpa->max) : bounds(found.serving.min, found.serving.max)}};
  }
  out["difference"] = std::move(found.difference);
  out["lines"] = lines_of(out, d, at_once);
  co_return out;
}

}  // namespace lemmy::live
