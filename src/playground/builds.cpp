#include "playground/builds.h"

#include <fmt/format.h>

#include <array>
#include <random>

#include "base/crypto.h"
#include "base/time.h"

namespace lemmy::playground {
namespace {

constexpr std::array<std::string_view, 8> kPeople{"Amira Haddad", "Jonas Weber", "Mei Tanaka", "Luis Ortega",
                                                  "Priya Nair",   "Tom Okafor",  "Elif Demir", "Sofia Lind"};
constexpr std::array<std::string_view, 12> kVerbs{"Add",   "Fix",   "Speed up", "Remove",
                                                  "Retry", "Limit", "Explain",  "Cache",
                                                  "Split", "Log",   "Measure",  "Validate"};
constexpr std::array<std::string_view, 14> kThings{
    "request deadlines", "the user lookup",    "pagination of lists",  "the health check",
    "connection reuse",  "the price rounding", "empty search results", "the audit trail",
    "token refresh",     "the nightly export", "the readiness probe",  "the retry budget",
    "structured errors", "the order queue"};
constexpr std::array<std::string_view, 6> kReasons{"",
                                                   " under load",
                                                   " when the database is slow",
                                                   " for new tenants",
                                                   ", found by the load test",
                                                   " (follow-up)"};

std::string slug(std::string_view text) {
  std::string out;
  for (char c : text) out += (c >= 'a' && c <= 'z') ? c : '-';
  return out;
}

}  // namespace

struct Builds::State {
  State(asio::any_io_executor e, BuildsOptions o, Sink s)
      : options(std::move(o)), sink(std::move(s)), random(options.seed), group(e) {}
  BuildsOptions options;
  Sink sink;
  std::mt19937_64 random;
  uint64_t made = 0;
  Group group;

  template <class List>
  std::string_view pick(const List& list) {
    return list[random() % list.size()];
  }
  json::object invent(const std::string& project, milliseconds age) {
    std::string sha = sha256_hex(fmt::format("{} {} {}", options.seed, project, made++)).substr(0, 40);
    auto verb = pick(kVerbs), thing = pick(kThings), reason = pick(kReasons), author = pick(kPeople);
    bool main = random() % 4 != 0;
    std::string branch = main ? "main" : "feature/" + slug(thing);
    return {{"project", project},
            {"sha", sha},
            {"branch", branch},
            {"url", fmt::format("https://example.com/{}/commit/{}", project, sha)},
            {"author", author},
            {"message", fmt::format("{} {}{}", verb, thing, reason)},
            {"timestamp", format_time(now() - age)}};
  }

  static Task<> run(std::shared_ptr<State> self) {
    const BuildsOptions& o = self->options;
    for (int i = o.at_start; i > 0; --i)
      for (const std::string& project : o.projects) {
        // Three hours, nine hours, ... ago, and some minutes.
        milliseconds age = std::chrono::minutes{int64_t(i) * i * 45 + int64_t(self->random() % 40)};
        auto build = self->invent(project, age);
        co_await self->sink(std::move(build));
      }
    while (o.every.count() > 0 && !o.projects.empty()) {
      co_await sleep_for(o.every);
      std::string project = o.projects[self->random() % o.projects.size()];
      auto build = self->invent(project, milliseconds{0});
      co_await self->sink(std::move(build));
    }
  }
};

Builds::Builds(asio::any_io_executor executor, BuildsOptions options, Sink sink)
    : state_(std::make_shared<State>(executor, std::move(options), std::move(sink))) {}
Builds::~Builds() { state_->group.cancel(); }
void Builds::start() { state_->group.spawn("playground builds", State::run(state_)); }
Task<> Builds::stop() {
  auto state = state_;
  state->group.cancel();
  (void)co_await state->group.join(std::chrono::seconds{2});
}
json::object Builds::invent(const std::string& project, milliseconds age) {
  return state_->invent(project, age);
}

}  // namespace lemmy::playground
