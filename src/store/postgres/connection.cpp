#include "store/postgres/connection.h"

#include <poll.h>

#include <boost/asio/experimental/parallel_group.hpp>

#include "base/strings.h"
#include "store/postgres/errors.h"

namespace lemmy::store::postgres {
namespace {

void append_int32(std::string& out, size_t n) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(n >> shift & 0xff);
}

std::string as_text(const std::string& given) {
  std::string out = valid_utf8(given);
  for (size_t at = out.find('\0'); at != out.npos; at = out.find('\0', at)) out.replace(at, 1, "\ufffd");
  return out;
}

std::string text_array(const std::vector<std::string>& values) {
  constexpr size_t kTextOid = 25;
  std::string out;
  append_int32(out, values.empty() ? 0 : 1);  // dimensions
  append_int32(out, 0);                       // no NULLs
  append_int32(out, kTextOid);
  if (values.empty()) return out;
  append_int32(out, values.size());
  append_int32(out, 1);  // lower bound
  for (const std::string& v : values) {
    std::string text = as_text(v);
    append_int32(out, text.size());
    out += text;
  }
  return out;
}

// Parameters as libpq takes them. Numbers go as text, all else in binary.
struct Parameters {
  std::vector<std::string> kept;
  std::vector<const char*> values;
  std::vector<int> lengths, formats;

  explicit Parameters(const std::vector<Value>& given) {
    kept.reserve(given.size());
    for (const Value& v : given) {
      bool binary = true;
      if (auto* n = std::get_if<int64_t>(&v)) {
        kept.push_back(std::to_string(*n));
        binary = false;
      } else if (auto* b = std::get_if<bool>(&v)) {
        kept.push_back(*b ? "t" : "f");
        binary = false;
      } else if (auto* s = std::get_if<std::string>(&v)) {
        kept.push_back(as_text(*s));
      } else if (auto* list = std::get_if<Texts>(&v)) {
        kept.push_back(text_array(list->values));
      }
      // Documents are big: not copied.
      auto* bytes = std::get_if<Bytes>(&v);
      const std::string& value = bytes ? bytes->value : kept.back();
      values.push_back(value.c_str());
      lengths.push_back(static_cast<int>(value.size()));
      formats.push_back(binary ? 1 : 0);
    }
  }
};

}  // namespace

int64_t Rows::number(int row, int column) const {
  if (PQgetlength(result_.get(), row, column) != 8) return 0;
  auto* p = reinterpret_cast<const unsigned char*>(PQgetvalue(result_.get(), row, column));
  uint64_t n = 0;
  for (int i = 0; i < 8; ++i) n = n << 8 | p[i];
  return static_cast<int64_t>(n);
}
bool Rows::flag(int row, int column) const {
  return PQgetlength(result_.get(), row, column) == 1 && *PQgetvalue(result_.get(), row, column) != 0;
}
std::string Rows::text(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<size_t>(PQgetlength(result_.get(), row, column))};
}

bool Refusal::repeatable() const { return sqlstate == "40001" || sqlstate == "40P01" || sqlstate == "23505"; }
bool Refusal::outdated() const { return sqlstate == "0A000" || sqlstate == "26000" || sqlstate == "25006"; }

Task<Result<std::shared_ptr<Connection>>> Connection::open(asio::any_io_executor loop, Address address,
                                                           milliseconds limit, milliseconds statement_limit) {
  auto deadline = Clock::now() + limit;
  auto left = [&] { return std::chrono::duration_cast<milliseconds>(deadline - Clock::now()); };
  std::string where = address.shown;
  auto found = co_await with_deadline(with_addresses(loop, std::move(address)), limit, where);
  if (!found) co_return fail(found.error());
  auto c = std::make_shared<Connection>(loop, where);
  auto connected = co_await with_deadline(c->connect(std::move(*found)), left(), where);
  if (!connected) {
    Error e = connected.error();
    if (e.code == ErrorCode::timeout)
      e = {ErrorCode::unavailable, where, e.what, "is PostgreSQL running there, and reachable from here?"};
    co_return fail(std::move(e));
  }
  auto ready = co_await c->set_up(statement_limit, left());
  if (!ready) co_return fail(ready.error());
  co_return c;
}

Task<Result<>> Connection::connect(Address address) {
  std::vector<const char*> keywords, values;
  for (const auto& [k, v] : address.options) {
    keywords.push_back(k.c_str());
    values.push_back(v.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  conn_ = PQconnectStartParams(keywords.data(), values.data(), 0);
  if (!conn_) co_return fail(ErrorCode::unavailable, where_, "no memory for a connection");
  PQsetNoticeProcessor(conn_, [](void*, const char*) {}, nullptr);
  PQsetErrorVerbosity(conn_, PQERRORS_VERBOSE);
  PostgresPollingStatusType next = PGRES_POLLING_WRITING;
  if (PQstatus(conn_) == CONNECTION_BAD) next = PGRES_POLLING_FAILED;
  while (next == PGRES_POLLING_READING || next == PGRES_POLLING_WRITING) {
    // libpq goes from one address to the next, so the socket may be another one each time.
    boost::system::error_code ec;
    socket_.assign(PQsocket(conn_), ec);
    if (ec) co_return fail(ErrorCode::unavailable, where_, ec.message());
    auto side = next == PGRES_POLLING_READING ? asio::posix::descriptor_base::wait_read
                                              : asio::posix::descriptor_base::wait_write;
    auto [failed] = co_await socket_.async_wait(side, asio::as_tuple(asio::use_awaitable));
    if (!conn_ || failed) co_return fail(ErrorCode::cancelled, where_, "cancelled");
    socket_.release();
    next = PQconnectPoll(conn_);
  }
  if (next != PGRES_POLLING_OK) {
    Error e = connect_error(PQerrorMessage(conn_), where_);
    close();
    co_return fail(std::move(e));
  }
  PQsetErrorVerbosity(conn_, PQERRORS_DEFAULT);
  boost::system::error_code ec;
  socket_.assign(PQsocket(conn_), ec);
  if (ec || PQsetnonblocking(conn_, 1) != 0 || PQenterPipelineMode(conn_) != 1)
    co_return fail(ErrorCode::unavailable, where_, "the connection cannot be used: " + ec.message());
  co_return Result<>{};
}

Task<Result<>> Connection::set_up(milliseconds statement_limit, milliseconds limit) {
  auto batch = std::make_shared<Batch>();
  std::string ms = std::to_string(statement_limit.count());
  // Statements of a batch must see what others committed meanwhile, and what is answered must be on disk.
  batch->add(
      "SELECT set_config('default_transaction_isolation', 'read committed', false), "
      "set_config('statement_timeout', $1, false), "
      "set_config('idle_in_transaction_session_timeout', $1, false)",
      {ms});
  batch->add(
      "SELECT set_config('synchronous_commit', 'on', false) "
      "WHERE current_setting('synchronous_commit') IN ('off', 'local')");
  auto done = co_await run(batch, limit);
  if (!done) co_return fail(done.error().error);
  co_return Result<>{};
}

bool Connection::send(const Batch::Item& item) {
  Parameters p(item.values);
  int n = static_cast<int>(p.values.size());
  constexpr int kBinary = 1;
  if (!item.statement) {
    sent_.emplace_back();
    return PQsendQueryParams(conn_, item.sql.c_str(), n, nullptr, p.values.data(), p.lengths.data(),
                             p.formats.data(), kBinary) == 1;
  }
  const auto& [name, sql] = *item.statement;
  if (!prepared_.contains(name) && std::ranges::find(sent_, name) == sent_.end()) {
    if (PQsendPrepare(conn_, name.c_str(), sql.c_str(), n, nullptr) != 1) return false;
    sent_.push_back(name);
  }
  sent_.emplace_back();
  return PQsendQueryPrepared(conn_, name.c_str(), n, p.values.data(), p.lengths.data(), p.formats.data(),
                             kBinary) == 1;
}

bool Connection::read(Answers* answers, Refusal* refused) {
  // Between the results of two statements there is one null; more of them mean that nothing is under way.
  for (int nulls = 0; nulls < 2 && PQisBusy(conn_) == 0;) {
    PGresult* r = PQgetResult(conn_);
    if (!r) {
      ++nulls;
      continue;
    }
    nulls = 0;
    Rows rows(r);
    ExecStatusType status = PQresultStatus(r);
    if (status == PGRES_PIPELINE_SYNC) return true;
    bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (!good && status != PGRES_PIPELINE_ABORTED && refused->sqlstate.empty()) {
      const char* state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
      refused->sqlstate = state ? state : "";
      refused->error = state ? statement_error(r, where_) : lost();
    }
    if (sent_.empty()) continue;  // of the sync itself: the commit failed
    std::string prepares = std::move(sent_.front());
    sent_.pop_front();
    if (good && prepares.empty()) answers->push_back(std::move(rows));
    if (good && !prepares.empty()) prepared_.insert(std::move(prepares));
  }
  return false;
}

Task<Result<Answers>> Connection::exchange(std::shared_ptr<const Batch> batch,
                                           std::shared_ptr<Refusal> refused) {
  for (const Batch::Item& item : batch->items)
    if (!conn_ || !send(item)) co_return fail(lost());
  if (PQpipelineSync(conn_) != 1) co_return fail(lost());
  Answers answers;
  for (;;) {
    int left = PQflush(conn_);
    if (left < 0 || PQconsumeInput(conn_) != 1) co_return fail(lost());
    if (read(&answers, refused.get())) break;
    bool woken = co_await ready(left == 1);
    if (!woken || !conn_) co_return fail(lost());
  }
  in_step_ = true;
  if (!refused->sqlstate.empty()) co_return fail(refused->error);
  co_return answers;
}

Task<std::expected<Answers, Refusal>> Connection::run(std::shared_ptr<const Batch> batch,
                                                      milliseconds limit) {
  auto refused = std::make_shared<Refusal>();
  in_step_ = false;
  auto answers = co_await with_deadline(exchange(std::move(batch), refused), limit, where_);
  if (answers) co_return std::move(*answers);
  if (!in_step_ || refused->lost()) {
    close();
    *refused = {"", answers.error()};
    if (refused->error.code == ErrorCode::timeout)
      refused->error.hint = "the database took too long; try again";
  }
  co_return std::unexpected(std::move(*refused));
}

Task<bool> Connection::ready(bool to_write_too) {
  using enum asio::posix::descriptor_base::wait_type;
  if (!to_write_too) {
    auto [ec] = co_await socket_.async_wait(wait_read, asio::as_tuple(asio::use_awaitable));
    co_return !ec;
  }
  auto [order, a, b] =
      co_await asio::experimental::make_parallel_group(socket_.async_wait(wait_read, asio::deferred),
                                                       socket_.async_wait(wait_write, asio::deferred))
          .async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  co_return order[0] == 0 ? !a : !b;
}

Task<Result<std::vector<std::string>>> Connection::notices() {
  for (;;) {
    if (!conn_ || PQconsumeInput(conn_) != 1) co_return fail(lost());
    std::vector<std::string> out;
    while (PGnotify* n = PQnotifies(conn_)) {
      out.emplace_back(n->extra);
      PQfreemem(n);
    }
    if (!out.empty()) co_return out;
    bool woken = co_await ready(false);
    if (!woken) co_return fail(lost());
  }
}

bool Connection::alive() {
  // What a server that goes away sends last is a message, then the end of the stream.
  for (int i = 0; i < 4 && conn_; ++i) {
    pollfd p{PQsocket(conn_), POLLIN, 0};
    if (::poll(&p, 1, 0) == 0) return true;
    if (PQconsumeInput(conn_) != 1 || PQstatus(conn_) != CONNECTION_OK) close();
  }
  return conn_ != nullptr;
}

void Connection::close() {
  if (!conn_) return;
  // The socket is libpq's to close.
  if (socket_.is_open()) socket_.release();
  PQfinish(std::exchange(conn_, nullptr));
  prepared_.clear();
  sent_.clear();
}

Error Connection::lost() const { return lost_error(conn_ ? PQerrorMessage(conn_) : "", where_); }

}  // namespace lemmy::store::postgres
