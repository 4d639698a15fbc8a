#pragma once
// Inside room store: Datastore's REST API v1, one call a function. Loop thread only.
#include "net/client.h"
#include "store/datastore/auth.h"
#include "store/datastore/entity.h"
#include "store/datastore/retry.h"

namespace lemmy::store::datastore {

struct Query {
  std::string kind;
  std::vector<json::value> filters;  // all of them must hold
  std::string order;                 // a property; empty: by key
  bool descending = false;
  int limit = 0;  // 0: all
  bool keys_only = false;
};
json::value where_text(std::string_view property, std::string_view op, std::string_view value);
json::value where_flag(std::string_view property);
json::value where_key(std::string_view op, const Key& key, const Place& place);

// What an answer other than 200 means, as retry.h wants it. `body` is Google's error JSON, or anything.
Error to_error(int status, std::string_view body, const Place& place);

// Calls outside of a transaction are tried again as retry.h says; those inside are not, because the whole
// transaction must be. No call waits longer than limits say.
class Api {
 public:
  // tokens: nullptr for the emulators, which ask for none.
  Api(Place place, std::shared_ptr<net::Client> client, std::shared_ptr<Tokens> tokens, Limits limits)
      : place_(std::move(place)), client_(std::move(client)), tokens_(std::move(tokens)), limits_(limits) {}

  Task<Result<std::vector<Entity>>> lookup(std::vector<Key> keys);  // those that exist, in any order
  Task<Result<std::vector<Entity>>> query(Query query);
  // How many of a kind there are; where nobody counts (an emulator), by their keys, and at most `most`.
  Task<Result<int64_t>> count(std::string kind, int most);
  // Mutations as mutation() and removal() made them. Not a transaction: each is written by itself.
  Task<Result<>> write(std::vector<std::string> mutations);
  // As write, once, within `limit`.
  Task<Result<>> write_once(std::vector<std::string> mutations, milliseconds limit);

  Task<Result<std::string>> begin();
  Task<Result<std::vector<Entity>>> lookup_in(std::string transaction, std::vector<Key> keys);
  Task<Result<>> commit(std::string transaction, std::vector<std::string> mutations);
  Task<> rollback(std::string transaction);  // best effort

  const Place& place() const { return place_; }
  const Limits& limits() const { return limits_; }
  // Runs f on a thread: for what takes long.
  template <class F>
  auto aside(F f) {
    return pool_.run(std::move(f));
  }

 private:
  Task<Result<json::value>> call(std::string method, std::string body, milliseconds limit);
  Task<Result<json::value>> persist(std::string method, std::string body);
  Task<Result<std::vector<Entity>>> look(std::string transaction, std::vector<Key> keys);

  Place place_;
  std::shared_ptr<net::Client> client_;
  std::shared_ptr<Tokens> tokens_;
  Limits limits_;
  Pool pool_{1};
};

}  // namespace lemmy::store::datastore
