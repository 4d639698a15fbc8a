#pragma once
// Inside room store: one connection to PostgreSQL, by libpq in pipeline mode on the event loop.
#include <libpq-fe.h>

#include <deque>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "async/task.h"
#include "base/time.h"
#include "store/postgres/address.h"

namespace lemmy::store::postgres {

struct Bytes {
  std::string value;  // bytea
};
struct Texts {
  std::vector<std::string> values;  // text[]
};
// std::string is text: what text cannot hold (NUL, bytes that are not UTF-8) becomes U+FFFD.
using Value = std::variant<int64_t, bool, std::string, Bytes, Texts>;

// Prepared once on each connection, under its name.
struct Statement {
  std::string name, sql;
};

// Statements that go out together and are one transaction: PostgreSQL keeps all or nothing up to the sync at
// the end.
struct Batch {
  struct Item {
    const Statement* statement = nullptr;  // nullptr: `sql`, not prepared
    std::string sql;
    std::vector<Value> values;
  };
  std::vector<Item> items;
  Batch& add(const Statement& s, std::vector<Value> values) {
    items.push_back({&s, "", std::move(values)});
    return *this;
  }
  Batch& add(std::string sql, std::vector<Value> values = {}) {
    items.push_back({nullptr, std::move(sql), std::move(values)});
    return *this;
  }
};

// The rows of one statement, in binary.
class Rows {
 public:
  explicit Rows(PGresult* r) : result_(r, PQclear) {}
  int size() const { return PQntuples(result_.get()); }
  bool empty() const { return size() == 0; }
  int64_t number(int row, int column) const;  // bigint; 0 for NULL
  bool flag(int row, int column) const;
  std::string text(int row, int column) const;  // text and bytea; "" for NULL

 private:
  std::unique_ptr<PGresult, decltype(&PQclear)> result_;
};
using Answers = std::vector<Rows>;  // one for each statement

// What the server said instead.
struct Refusal {
  std::string sqlstate;  // empty: the connection was lost, or there was no answer in time
  Error error;
  bool lost() const { return sqlstate.empty(); }
  // Nothing was kept, and the same again may do: deadlock, serialization, two inserts of one key.
  bool repeatable() const;
  // Nothing was kept, and it may do on a new connection: plans of before a migration, a server that is no
  // longer the primary.
  bool outdated() const;
};

class Connection {
 public:
  // Connected, with the session as Lemmy needs it. Errors say what is wrong and what to do.
  static Task<Result<std::shared_ptr<Connection>>> open(asio::any_io_executor loop, Address address,
                                                        milliseconds limit, milliseconds statement_limit);
  explicit Connection(asio::any_io_executor loop, std::string where)
      : where_(std::move(where)), socket_(loop) {}
  ~Connection() { close(); }

  // One at a time. After a refusal that is lost() the connection is closed.
  Task<std::expected<Answers, Refusal>> run(std::shared_ptr<const Batch> batch, milliseconds limit);
  // Waits for what LISTEN brings; an error when the connection is lost.
  Task<Result<std::vector<std::string>>> notices();  // payloads
  // Whether the server is still there as far as this machine knows. Does not wait.
  bool alive();
  void close();  // what waits on it ends
  const std::string& where() const { return where_; }

 private:
  Task<Result<>> connect(Address address);
  Task<Result<>> set_up(milliseconds statement_limit, milliseconds limit);
  Task<Result<Answers>> exchange(std::shared_ptr<const Batch> batch, std::shared_ptr<Refusal> refused);
  bool send(const Batch::Item& item);
  // True once the answer to the sync was read.
  bool read(Answers* answers, Refusal* refused);
  Task<bool> ready(bool to_write_too);
  Error lost() const;

  std::string where_;
  PGconn* conn_ = nullptr;
  asio::posix::stream_descriptor socket_;
  std::set<std::string> prepared_;
  bool in_step_ = false;          // the answer to the last sync was read
  std::deque<std::string> sent_;  // of each command under way: the name it prepares, or ""
};

}  // namespace lemmy::store::postgres
