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
  Task<Result<Accepted>> accept(Delivery delivery, std::optional<Build> build) override;
  Task<Result<Listing<Build>>> builds(std::string project, Page page) override;
  Task<Result<Build>> build(std::string project, std::string sha) override;
  Task<Result<std::vector<std::string>>> projects_with_builds() override;
  Task<Result<Listing<Delivery>>> deliveries(Page page) override;
  Task<Result<std::vector<Delivery>>> oldest_deliveries(int limit) override;
  Task<Result<Deploy>> create_deploy(Deploy deploy, DeployEvent first) override;
  using Store::update_deploy;
  Task<Result<Deploy>> update_deploy(Deploy deploy, std::vector<DeployEvent> events, Fence fence) override;
  Task<Result<Deploy>> deploy(Target target, int64_t number) override;
  Task<Result<Listing<Deploy>>> deploys(Target target, Page page) override;
  Task<Result<std::vector<Deploy>>> unsettled_deploys() override;
  Task<Result<std::vector<Deploy>>> latest_deploys() override;
  Task<Result<std::vector<DeployEvent>>> deploy_events(Target target, int64_t number, int64_t after_seq,
                                                       int limit) override;
  Task<Result<>> put_document(Target target, int64_t number, std::string name, std::string text) override;
  Task<Result<std::string>> document(Target target, int64_t number, std::string name) override;
  Task<Result<std::vector<std::string>>> document_names(Target target, int64_t number) override;
  Task<Result<Accepted>> accept_instance(Delivery delivery, std::optional<InstanceCall> call) override;
  Task<Result<>> record_instances(std::vector<Instance> instances, Fence fence) override;
  Task<Result<Listing<Instance>>> instances(std::string project, std::string environment, Page page) override;
  Task<Result<Instance>> instance(Target target, std::string id) override;
  Task<Result<std::vector<Instance>>> unsettled_instances() override;
  Task<Result<Lease>> lease(std::string name) override;
  Task<Result<Lease>> swap_lease(Lease lease) override;
  Task<Result<>> forget_deploy(Target target, int64_t number, int64_t revision, Fence fence) override;
  Task<Result<int>> forget_builds(std::string project, std::vector<std::string> shas, Fence fence) override;
  Task<Result<int>> forget_deliveries(Time before, int limit, Fence fence) override;
  Task<Result<std::vector<Size>>> sizes() override;
  Task<Result<Listing<Record>>> dump(RecordKind kind, Page page) override;
  Task<Result<>> load(std::vector<Record> records) override;
  Task<Result<>> check() override;
  void on_change(std::function<void(Change)> told) override;

 private:
  PostgresStore(asio::any_io_executor loop, postgres::Address address, postgres::Settings settings,
                std::string channel);
  // The notice for other servers goes into the transaction.
  void tell(postgres::Batch& batch, const std::string& project, const std::string& environment) const;
  Task<Result<>> begin_moment();
  Task<Result<Accepted>> enter(Delivery delivery, postgres::Batch batch);

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
