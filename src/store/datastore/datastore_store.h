#pragma once
// Google Datastore (Firestore in Datastore mode) behind store::Store. docs/stores-datastore.md has the kinds,
// keys and limits.
#include <cstdlib>

#include "store/datastore/writer.h"
#include "store/store.h"

namespace lemmy::store {

namespace datastore {
struct Options {
  Env env = [](const char* name) -> const char* { return std::getenv(name); };
  std::string endpoint = "https://datastore.googleapis.com";  // unless DATASTORE_EMULATOR_HOST is set
  Limits limits;
};
}  // namespace datastore

// datastore://PROJECT[/DATABASE][?namespace=NS]. Reads the credentials' file, talks to nobody yet: what is
// wrong over there is the error of the first call. Errors: invalid.
Result<std::unique_ptr<Store>> open_datastore(asio::any_io_executor loop, const std::string& url,
                                              datastore::Options options = {});

// Times are given by this server, and never twice: what the numbers of events and ledger entries are made of.
// Microseconds, below 2^53 until the year 2255.
class Sequence {
 public:
  int64_t next(int64_t after = 0);  // greater than `after` and than all before

 private:
  int64_t last_ = 0;
};

// To be destroyed before the loop, and when no coroutine waits on it any more.
class DatastoreStore : public Store {
 public:
  DatastoreStore(asio::any_io_executor loop, std::shared_ptr<datastore::Api> api);
  ~DatastoreStore() override;
  Sharing sharing() const override { return Sharing::polled; }

#include "store/overrides.inc"

  // The version of what is kept, 1 unless a newer Lemmy wrote another. Errors: conflict when this one does
  // not know it.
  Task<Result<int64_t>> schema();
  static constexpr int64_t kSchema = 1;
  uint64_t commits() const { return writer_->commits(); }

 private:
  struct Slice {
    std::vector<datastore::Entity> entities;
    std::string next;
  };
  // A page of those whose `property` is "<of>/<cursor>", in the order of the cursors.
  Task<Result<Slice>> slice(std::string kind, std::string property, std::string of, bool descending,
                            Page page);
  Task<Result<std::vector<datastore::Entity>>> flagged(std::string kind, std::string property);
  // Takes away what belongs to a deploy that is gone, and its mark.
  Task<Result<>> sweep(Target target, int64_t number);
  Task<Result<int>> forget_keys(std::vector<datastore::Key> keys, Fence fence);  // those that are there
  // Gives the next numbers to items that wait for one (feed.cpp).
  Task<Result<>> number_items();
  Task<Result<std::vector<Entry>>> consumers();
  Task<Result<Listing<Record>>> dump_ledger(Page page);
  Task<Result<Listing<Record>>> dump_feed(Page page);
  Task<Result<std::optional<Record>>> read_document(datastore::Key head);
  Task<Result<>> write_entities(std::vector<datastore::Entity> entities);
  Task<Result<>> raise_last_seqs(std::map<datastore::Key, int64_t> seqs);
  Task<Result<>> raise_numbers(Target target, int64_t last, int64_t newest);
  Task<Result<>> raise_feed(int64_t seq);
  template <class T>
  Task<Result<T>> write(std::vector<datastore::Key> reads, std::function<Result<T>(datastore::View&)> work) {
    return datastore::Writer::run<T>(writer_, std::move(reads), std::move(work));
  }

  std::shared_ptr<datastore::Api> api_;
  std::shared_ptr<datastore::Writer> writer_;
  bool swept_ = false;  // what an earlier server had begun to forget is gone
  std::shared_ptr<Sequence> sequence_ = std::make_shared<Sequence>();
};

}  // namespace lemmy::store
