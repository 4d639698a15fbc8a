#pragma once
#include "store/postgres/lane.h"
#include "store/shared.h"

namespace lemmy::store {

// To be destroyed before the loop, and when no coroutine waits on it any more.
class PostgresStore : public Store {
 public:
  static Task<Result<std::unique_ptr<PostgresStore>>> open(asio::any_io_executor loop,
                                                           postgres::Address address,
                                                           postgres::Settings settings);
  // As it is at this moment, by one connection; writes fail.
  static Task<Result<std::unique_ptr<PostgresStore>>> open_reading(asio::any_io_executor loop,
                                                                   postgres::Address address,
                                                                   postgres::Settings settings);
  ~PostgresStore() override;

  Sharing sharing() const override { return Sharing::told; }
  void on_change(std::function<void(Change)> told) override;
#include "store/overrides.inc"

 private:
  PostgresStore(asio::any_io_executor loop, postgres::Address address, postgres::Settings settings,
                std::string channel);
  // The notice for other servers goes into the transaction.
  void tell(postgres::Batch& batch, const std::string& project, const std::string& environment) const;
  Task<Result<>> begin_moment();
  Task<Result<Accepted>> enter(Delivery delivery, postgres::Batch batch, bool build = false);
  Task<Result<Deploy>> deploy_of_request(Target target, std::string request);
  // Items of the feed, and before them the lock under which they are numbered.
  void append(postgres::Batch& batch, std::vector<FeedItem> items) const;

  asio::any_io_executor loop_;
  postgres::Address address_;
  postgres::Settings settings_;
  std::string channel_, me_;
  bool reading_ = false;
  std::string moment_;  // of a store that only reads: its transaction, from the first record on
  std::shared_ptr<postgres::Lane> writer_, reader_;
  std::shared_ptr<bool> stopping_ = std::make_shared<bool>(false);
  Group group_;
  Pool packing_{1};
};

}  // namespace lemmy::store
