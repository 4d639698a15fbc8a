#include "store/postgres/postgres_store.h"

#include "base/crypto.h"
#include "base/log.h"
#include "store/postgres/schema.h"
#include "store/postgres/sql.h"

namespace lemmy::store {
namespace {

using namespace postgres;

const Statement kTell{"tell", "SELECT pg_notify($1, $2)"};
const Statement kCheck{"check", "UPDATE lemmy_schema SET checked_at = $1"};
const Statement kPutDocument{"put_document",
                             "INSERT INTO lemmy_documents VALUES ($1, $2, $3, $4, $5, $6) "
                             "ON CONFLICT (project, environment, number, name) "
                             "DO UPDATE SET size = excluded.size, body = excluded.body"};
const Statement kDocument{"document",
                          "SELECT size, body FROM lemmy_documents "
                          "WHERE project = $1 AND environment = $2 AND number = $3 AND name = $4"};

// "SENDER\nPROJECT\nENVIRONMENT". A name that does not fit in is told as "look at everything".
std::string notice(const std::string& sender, const std::string& project, const std::string& environment) {
  auto fits = [](const std::string& s) { return s.size() <= 200 && s.find('\n') == s.npos; };
  if (!fits(project) || !fits(environment)) return sender + "\n\n";
  return sender + "\n" + project + "\n" + environment;
}

struct Listening {
  asio::any_io_executor loop;
  Address address;
  Settings settings;
  std::string channel, me;
  std::function<void(Change)> told;
  std::shared_ptr<bool> stopping;
  std::shared_ptr<Connection> connection;
};

void pass_on(const Listening& l, const std::string& payload) {
  auto parts = split(payload, '\n');
  if (parts.size() != 3 || parts[0] == l.me) return;
  l.told({std::string(parts[1]), std::string(parts[2])});
}

Task<Result<>> listen(Listening& l) {
  auto opened = co_await Connection::open(l.loop, l.address, l.settings.connect, l.settings.statement);
  if (!opened) co_return fail(opened.error());
  l.connection = *opened;
  auto batch = std::make_shared<Batch>();
  batch->add("LISTEN " + l.channel);  // made of an oid
  auto done = co_await l.connection->run(batch, l.settings.answer);
  if (!done) co_return fail(done.error().error);
  co_return Result<>{};
}

Task<> follow(Listening l) {
  milliseconds wait = l.settings.first_wait;
  while (!*l.stopping) {
    auto listening = co_await listen(l);
    if (listening) {
      wait = l.settings.first_wait;
      l.told({});  // what was written while nobody listened is not told any more
      for (;;) {
        auto payloads = co_await l.connection->notices();
        if (!payloads) break;
        for (const std::string& p : *payloads) pass_on(l, p);
      }
    }
    l.connection.reset();
    if (*l.stopping) break;
    co_await sleep_for(wait);
    wait = std::min(wait * 2, l.settings.longest_wait);
  }
}

}  // namespace

PostgresStore::PostgresStore(asio::any_io_executor loop, Address address, Settings settings,
                             std::string channel)
    : loop_(loop),
      address_(std::move(address)),
      settings_(settings),
      channel_(std::move(channel)),
      me_(random_hex(8)),
      writer_(std::make_shared<Lane>(loop, address_, settings, Lane::Kind::writes)),
      reader_(std::make_shared<Lane>(loop, address_, settings, Lane::Kind::reads)),
      group_(loop) {
  writer_->start();
  reader_->start();
}

PostgresStore::~PostgresStore() {
  *stopping_ = true;
  group_.cancel();
  writer_->stop();
  reader_->stop();
}

Task<Result<std::unique_ptr<PostgresStore>>> PostgresStore::open(asio::any_io_executor loop, Address address,
                                                                 Settings settings) {
  auto c = co_await Connection::open(loop, address, settings.connect, settings.migration);
  if (!c) co_return fail(c.error());
  auto channel = co_await migrate(*c, settings.migration);
  if (!channel) co_return fail(channel.error());
  co_return std::unique_ptr<PostgresStore>(
      new PostgresStore(loop, std::move(address), settings, std::move(*channel)));
}

void PostgresStore::tell(Batch& batch, const std::string& project, const std::string& environment) const {
  batch.add(kTell, {channel_, notice(me_, project, environment)});
}

void PostgresStore::on_change(std::function<void(Change)> told) {
  group_.spawn("postgres notices",
               follow({loop_, address_, settings_, channel_, me_, std::move(told), stopping_, nullptr}));
}

Task<Result<>> PostgresStore::put_document(Target target, int64_t number, std::string name,
                                           std::string text) {
  if (text.size() > kMostDocument) co_return too_large_document(target, number, name, text.size());
  auto size = static_cast<int64_t>(text.size());
  std::string packed = co_await packing_.run([&text] { return pack(text); });
  auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none)
    co_return fail(ErrorCode::cancelled, place(target, number) + " " + name, "cancelled");
  Batch batch;
  std::vector<Value> values{target.project, target.environment, number, name, size};
  values.push_back(Bytes{std::move(packed)});
  batch.add(kPutDocument, std::move(values));
  tell(batch, target.project, target.environment);
  auto done = co_await writer_->run(std::move(batch));
  if (!done) co_return fail(done.error());
  co_return Result<>{};
}

Task<Result<std::string>> PostgresStore::document(Target target, int64_t number, std::string name) {
  auto rows = co_await reader_->run(one(kDocument, {target.project, target.environment, number, name}));
  if (!rows) co_return fail(rows.error());
  const Rows& r = rows->at(0);
  if (r.empty()) co_return no_such_document(target, number, name);
  co_return unpack(r.text(0, 1), r.number(0, 0), place(target, number), name);
}

Task<Result<>> PostgresStore::check() {
  auto done = co_await writer_->run(one(kCheck, {to_millis(now())}));
  if (!done) co_return fail(done.error());
  co_return Result<>{};
}

}  // namespace lemmy::store
