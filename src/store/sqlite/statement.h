#pragma once
// Inside room store: statements of SQLite that are prepared once for a connection and used again.
#include <SQLiteCpp/SQLiteCpp.h>

#include <string>
#include <unordered_map>

namespace lemmy::store {

// A connection with its prepared statements. One thread.
class DB : public SQLite::Database {
 public:
  explicit DB(SQLite::Database&& database) : SQLite::Database(std::move(database)) {}

 private:
  friend class Statement;
  static constexpr size_t kMost = 100;  // texts are constants, so there are never as many
  std::unordered_map<std::string, SQLite::Statement> idle_;
};

// Prepared, or taken from those that are idle and given back; two of one text at the same time are two.
// What columns point to is gone with it, and so are its bindings.
class Statement {
 public:
  Statement(DB& db, const std::string& sql) : db_(db), node_(db.idle_.extract(sql)) {
    if (!node_) {
      std::unordered_map<std::string, SQLite::Statement> one;
      one.try_emplace(sql, db, sql);
      node_ = one.extract(one.begin());
    }
  }
  ~Statement() {
    SQLite::Statement& s = node_.mapped();
    s.tryReset();  // tells once more of an error that was thrown before
    try {
      s.clearBindings();
      if (db_.idle_.size() < DB::kMost) db_.idle_.insert(std::move(node_));
    } catch (const std::exception&) {  // prepared anew the next time
    }
  }
  Statement(const Statement&) = delete;

  template <class T>
  void bind(int index, const T& value) {
    node_.mapped().bind(index, value);
  }
  // What is bound must stay as it is until the statement has run.
  void bindNoCopy(int index, const void* data, int size) { node_.mapped().bindNoCopy(index, data, size); }
  void bindNoCopy(int index, const std::string& text) { node_.mapped().bindNoCopy(index, text); }
  void bindNoCopy(int index, std::string&& text) = delete;
  bool executeStep() { return node_.mapped().executeStep(); }
  int exec() { return node_.mapped().exec(); }
  void reset() { node_.mapped().reset(); }
  SQLite::Column getColumn(int index) { return node_.mapped().getColumn(index); }
  int getColumnCount() const { return node_.mapped().getColumnCount(); }

 private:
  DB& db_;
  std::unordered_map<std::string, SQLite::Statement>::node_type node_;
};

// What is read while it is there is of one moment.
class Moment {
 public:
  explicit Moment(DB& db) : db_(db) { Statement(db_, "SAVEPOINT moment").exec(); }
  ~Moment() {
    try {
      Statement(db_, "RELEASE moment").exec();
    } catch (const std::exception&) {  // it ends with the connection
    }
  }
  Moment(const Moment&) = delete;

 private:
  DB& db_;
};

}  // namespace lemmy::store
