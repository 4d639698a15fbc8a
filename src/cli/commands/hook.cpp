#include <fmt/format.h>

#include "access/hook.h"
#include "base/crypto.h"
#include "cli/command.h"
#include "cli/remote.h"
#include "cli/table.h"
#include "domain/build.h"
#include "domain/instance.h"

namespace lemmy::cli {
namespace {

constexpr const char* kHookManual =
    R"(Announces a build to a server, as a build system does. The call is signed with the secret in --secret-file or
LEMMY_HOOK_SECRET (never an argument: other users of the machine see those); without either it is sent unsigned,
which a server without access.yaml takes. It is sent again when the server may not have got it, and counted once.
Exit codes: 0 the server keeps it, 2 a value is malformed, 3 the signature was not taken, 6 the server cannot be
reached.)";

constexpr const char* kInstanceManual =
    R"(Asks for the build of a host, as the host itself does when it boots: a playbook run of the build that was deployed
last brings it there. Signed or not as `lemmy hook build`; --delivery makes it count once. `lemmy instances` shows
what became of it.
Exit codes: as of `lemmy hook build`.)";

constexpr const char* kProofs =
    "set LEMMY_TOKEN or --token-file to a token of this target, which an admin makes with: lemmy token add "
    "NAME "
    "--instances PROJECT/ENVIRONMENT; or LEMMY_HOOK_SECRET or --secret-file to a hook's secret";

struct HookArguments {
  RemoteOptions remote;
  Build build;
  InstanceCall instance;
  std::string secret_file, delivery;
};

Result<std::string> secret_of(const HookArguments& a) {
  if (!a.secret_file.empty()) return read_secret(a.secret_file);
  return from_environment("LEMMY_HOOK_SECRET");
}

Task<Result<json::value>> call(std::shared_ptr<Remote> remote, HookArguments a, std::string path,
                               json::object o) {
  auto secret = secret_of(a);
  if (!secret) co_return fail(secret.error());
  const std::string body = json::serialize(o);
  net::Headers headers;
  const std::string delivery = a.delivery.empty() ? "cli-" + random_hex(16) : a.delivery;
  headers.emplace("X-Lemmy-Delivery", delivery);
  if (!secret->empty()) {
    const std::string at = std::to_string(to_millis(now()) / 1000);
    headers.emplace("X-Lemmy-Timestamp", at);
    headers.emplace("X-Lemmy-Signature", access::sign_hook_call(*secret, body, at, delivery, path));
  }
  auto answer = co_await remote->post(path, body, headers);
  if (!answer) {
    Error e = answer.error();
    const bool of_instance = path == "/hooks/instance";
    if (e.code == ErrorCode::unauthorized && !secret->empty()) {
      if (e.what.find("fits no hook") != e.what.npos)
        e.hint = fmt::format("the secret of {} is not that of a hook in the server's access.yaml",
                             a.secret_file.empty() ? "LEMMY_HOOK_SECRET" : a.secret_file);
    } else if (e.code == ErrorCode::unauthorized && of_instance) {
      e.hint = kProofs;
    } else if (e.code == ErrorCode::unauthorized) {
      e.hint = "set LEMMY_HOOK_SECRET or --secret-file to the secret of a hook in the server's access.yaml";
    }
    co_return fail(std::move(e));
  }
  co_return answer;
}

Task<Result<int>> ask(std::shared_ptr<Remote> remote, HookArguments a) {
  const InstanceCall& i = a.instance;
  if (auto ok = check_instance_call(i); !ok) co_return fail(ok.error());
  json::object o{{"project", i.target.project}, {"environment", i.target.environment}, {"instance_id", i.id}};
  if (!i.address.empty()) o["address"] = i.address;
  auto answer = co_await call(remote, a, "/hooks/instance", std::move(o));
  if (!answer) co_return fail(answer.error());
  if (a.remote.json())
    print_json(*answer);
  else
    fmt::print("the call of {} is {}\n", i.id,
               bool_or(answer->as_object(), "duplicate") ? "kept already" : "kept");
  co_return 0;
}

Task<Result<int>> announce(std::shared_ptr<Remote> remote, HookArguments a) {
  if (auto ok = check_build(a.build); !ok) co_return fail(ok.error());
  json::object o{{"project", a.build.project}, {"sha", a.build.sha}, {"branch", a.build.branch}};
  for (auto [key, value] : {std::pair{"image", &a.build.image},
                            {"url", &a.build.url},
                            {"author", &a.build.author},
                            {"message", &a.build.message}})
    if (!value->empty()) o[key] = *value;
  auto answer = co_await call(remote, a, "/hooks/build", std::move(o));
  if (!answer) co_return fail(answer.error());
  if (a.remote.json()) {
    print_json(*answer);
    co_return 0;
  }
  const json::object& taken = answer->as_object();
  fmt::print("build {} of {} is {}\n", a.build.sha, a.build.project,
             bool_or(taken, "duplicate") ? "kept already" : "kept");
  if (!bool_or(taken, "known", true))
    fmt::print("the server has no project {} yet; the build waits for it\n", a.build.project);
  co_return 0;
}

}  // namespace

void add_hook(CLI::App& app, Action& action) {
  auto* hook = app.add_subcommand("hook", "Call a server's hooks");
  hook->require_subcommand(1);
  auto* c = hook->add_subcommand("build", "Announce a build");
  c->footer(kHookManual);
  auto a = std::make_shared<HookArguments>();
  c->add_option("--project", a->build.project)->required();
  c->add_option("--sha", a->build.sha, "7-64 lower-case hex digits")->required();
  c->add_option("--branch", a->build.branch)->required();
  c->add_option("--image", a->build.image, "reference, best with a digest");
  c->add_option("--url", a->build.url, "where a person sees the build");
  c->add_option("--author", a->build.author);
  c->add_option("--message", a->build.message, "of the commit");
  c->add_option("--delivery", a->delivery, "an id; the same one again is counted once");
  c->add_option("--secret-file", a->secret_file, "file with the secret; else LEMMY_HOOK_SECRET");
  add_remote_options(*c, a->remote);
  c->callback([&action, a] {
    action = [a] { return run_remote(a->remote, [a](auto remote) { return announce(remote, *a); }); };
  });

  auto* i = hook->add_subcommand("instance", "Ask for the build of a host");
  i->footer(kInstanceManual);
  i->add_option("--project", a->instance.target.project)->required();
  i->add_option("--environment", a->instance.target.environment)->required();
  i->add_option("--instance-id", a->instance.id, "as its cloud names it")->required();
  i->add_option("--address", a->instance.address, "by which the inventory knows it");
  i->add_option("--delivery", a->delivery, "an id; the same one again is counted once");
  i->add_option("--secret-file", a->secret_file, "file with the secret; else LEMMY_HOOK_SECRET");
  add_remote_options(*i, a->remote);
  i->callback([&action, a] {
    action = [a] { return run_remote(a->remote, [a](auto remote) { return ask(remote, *a); }); };
  });
}

}  // namespace lemmy::cli
