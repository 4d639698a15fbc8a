#include <fmt/format.h>
#include <unistd.h>

#include "base/printable.h"
#include "cli/command.h"
#include "cli/remote.h"
#include "cli/table.h"

namespace lemmy::cli {
namespace {

constexpr const char* kLogsManual =
    R"(Prints the log of a deploy's pods, or of its playbook run: of the deploy that serves, else of the newest, unless a
number says which. Of several pods those that are not ready come first, each line with its pod before it; --pod chooses
one. Which pod and container it is goes to standard error.
Exit codes: 0, 2 wrong arguments, 3 not allowed, 4 no such deploy or pod, 6 the server or the cluster cannot be reached.)";

constexpr milliseconds kWhole{30'000};
constexpr size_t kMostLog = 16u << 20, kMostPods = 20;

struct LogsArguments {
  RemoteOptions remote;
  Target target;
  int64_t number = 0;
  std::string pod, container;
  bool previous = false;
  int lines = 200;
};

Task<Result<int64_t>> number_of(std::shared_ptr<Remote> remote, LogsArguments a) {
  if (a.number != 0) co_return a.number;
  auto state = co_await remote->get(target_path(a.target));
  if (!state) co_return fail(state.error());
  for (const char* which : {"current", "latest"})
    if (const json::object& d = object_in(state->as_object(), which); !d.empty())
      co_return int_or(d, "number");
  co_return fail(ErrorCode::not_found, a.target.str(), "nothing was deployed there yet");
}

Task<Result<std::string>> read_log(std::shared_ptr<Remote> remote, std::string path) {
  auto stream = co_await remote->open(std::move(path), {});
  if (!stream) co_return fail(stream.error());
  co_return co_await (*stream)->read_rest(kMostLog, kWhole);
}

// What controls a terminal is not for one; a file gets what there is.
void print_log(const std::string& text, const std::string& before) {
  const bool terminal = isatty(STDOUT_FILENO);
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    fmt::print("{}{}\n", before, terminal ? printable(line) : line);
    at = end + 1;
  }
}

Task<Result<int>> logs(std::shared_ptr<Remote> remote, LogsArguments a) {
  auto number = co_await number_of(remote, a);
  if (!number) co_return fail(number.error());
  const std::string deploy = deploy_path(a.target, *number);
  auto status = co_await remote->get(deploy);
  if (!status) co_return fail(status.error());
  const bool on_hosts = field(object_in(status->as_object(), "deploy"), "deployer") == "ansible";
  std::vector<std::string> pods, ready;
  if (!a.pod.empty()) pods.push_back(a.pod);
  if (a.pod.empty() && !on_hosts)
    for (const json::value& v : array_in(status->as_object(), "pods"))
      (bool_or(v.as_object(), "is_ready") ? ready : pods)
          .push_back(std::string(text_or(v.as_object(), "name")));
  pods.insert(pods.end(), ready.begin(), ready.end());
  if (on_hosts) pods = {""};
  if (pods.empty())
    co_return fail(ErrorCode::not_found, fmt::format("{} #{}", a.target.str(), *number), "it has no pods now",
                   fmt::format("lemmy status {} {} {} has the last words of one that failed",
                               a.target.project, a.target.environment, *number));
  const bool several = pods.size() > 1;
  if (pods.size() > kMostPods) {
    fmt::print(stderr, "the first {} of {} pods; --pod NAME chooses one\n", kMostPods, pods.size());
    pods.resize(kMostPods);
  }
  std::optional<Error> failed;
  for (const std::string& pod : pods) {
    std::string path = deploy + "/log";
    if (!pod.empty())
      path += fmt::format("?pod={}&lines={}{}{}", net::percent_encode(pod), a.lines,
                          a.previous ? "&previous=true" : "",
                          a.container.empty() ? "" : "&container=" + net::percent_encode(a.container));
    auto text = co_await read_log(remote, std::move(path));
    if (!text && several) {  // one that is gone by now hides no other
      fmt::print(stderr, "{}: {}\n", clean(pod), clean(text.error().what));
      failed = text.error();
      continue;
    }
    if (!text) co_return fail(text.error());
    if (!several) fmt::print(stderr, "#{}{}{}\n", *number, pod.empty() ? "" : ", pod ", clean(pod));
    print_log(*text, several ? clean(pod) + "  " : "");
  }
  co_return failed ? exit_code(failed->code) : 0;
}

}  // namespace

void add_logs(CLI::App& app, Action& action) {
  auto* c = app.add_subcommand("logs", "Print the log of a deploy's pods, or of its playbook run");
  c->footer(kLogsManual);
  auto a = std::make_shared<LogsArguments>();
  c->add_option("PROJECT", a->target.project)->required();
  c->add_option("ENVIRONMENT", a->target.environment)->required();
  c->add_option("NUMBER", a->number, "of a deploy; the one that serves unless given")->check(number_from_1());
  c->add_option("--pod", a->pod, "only of this one");
  c->add_option("--container", a->container, "that kubectl would take unless given");
  c->add_flag("--previous", a->previous, "of the container before its last restart");
  c->add_option("--lines", a->lines, "the last so many of each pod")
      ->check(CLI::Range(1, 5000))
      ->capture_default_str();
  add_server_options(*c, a->remote);
  c->callback([&action, a] {
    action = [a] { return run_remote(a->remote, [a](auto remote) { return logs(remote, *a); }); };
  });
}

}  // namespace lemmy::cli
