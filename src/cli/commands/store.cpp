#include <fmt/format.h>

#include <csignal>

#include "cli/command.h"
#include "cli/records/work.h"

namespace lemmy::cli {
namespace {

constexpr const char* kStoreManual =
    R"(A store is sqlite:PATH, postgres://USER@HOST:PORT/DATABASE or datastore://PROJECT, as for lemmy serve --store; a
password in a URL is seen in the list of processes: PGPASSWORD or a pgpass file is better.
A copy or a restore goes into an empty store. One that did not end is known: servers do not start on it, and the
same command run again begins anew over what is there. All is read back and compared before it is said to be done.
Progress goes to standard error. Exit codes: 0 done, or sound, 2 an argument or a file is wrong, 4 there is no such
store, 5 a server uses it, it is not empty, or its schema does not fit, 6 it cannot be reached, 70 it is damaged.)";

struct StoreArguments {
  std::string from, to, output = "table";
  bool json() const { return output == "json"; }
};
using StoreWork = std::function<Task<Result<int>>(asio::any_io_executor)>;

Task<> run_work(StoreWork work, asio::any_io_executor loop, bool json, int* code) {
  auto done = co_await work(loop);
  *code = done ? *done : json ? report_json(done.error()) : report(done.error());
}

int run(StoreWork work, bool json) {
  std::signal(SIGPIPE, SIG_IGN);
  asio::io_context loop{1};
  int code = exit_code(ErrorCode::internal);
  std::exception_ptr failure;
  spawn(loop.get_executor(), "command", run_work(std::move(work), loop.get_executor(), json, &code), {},
        [&](std::exception_ptr e) {
          failure = e;
          loop.stop();  // kept-alive connections are not waited for
        });
  loop.run();
  if (failure) std::rethrow_exception(failure);
  return code;
}

}  // namespace

void add_store(CLI::App& app, Action& action) {
  auto* store = app.add_subcommand("store", "Check, migrate, copy, back up and restore a store");
  store->require_subcommand(1);
  store->footer(kStoreManual);
  auto a = std::make_shared<StoreArguments>();
  auto command = [&](const char* name, const char* summary, std::vector<const char*> names,
                     std::function<Task<Result<int>>(asio::any_io_executor, const StoreArguments&)> work) {
    auto* c = store->add_subcommand(name, summary);
    c->footer(kStoreManual);
    std::string* into[] = {&a->from, &a->to};
    for (size_t i = 0; i < names.size(); ++i) c->add_option(names[i], *into[i])->required();
    c->callback([&action, a, work] {
      action = [a, work] {
        return run([a, work](asio::any_io_executor loop) { return work(loop, *a); }, a->json());
      };
    });
    return c;
  };
  command("check", "Read all of it and say whether it is sound; changes nothing", {"URL"},
          [](auto loop, const StoreArguments& given) { return check_store(loop, given.from, given.json()); })
      ->add_option("--output", a->output, "table for people, json for programs")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  command("migrate", "Take the schema forward to this Lemmy's", {"URL"},
          [](auto loop, const StoreArguments& given) { return migrate_store(loop, given.from); });
  command("copy", "Copy everything into an empty store of any kind, and compare", {"FROM", "TO"},
          [](auto loop, const StoreArguments& given) { return copy_store(loop, given.from, given.to); });
  command("backup", "Write everything into one file", {"URL", "FILE"},
          [](auto loop, const StoreArguments& given) { return backup_store(loop, given.from, given.to); });
  command("restore", "Load a backup into an empty store", {"FILE", "URL"},
          [](auto loop, const StoreArguments& given) { return restore_store(loop, given.from, given.to); });
}

}  // namespace lemmy::cli
