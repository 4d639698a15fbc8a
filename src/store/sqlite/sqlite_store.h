#pragma once
#include "store/sqlite/schema.h"
#include "store/sqlite/writer.h"
#include "store/store.h"

namespace lemmy::store {

// To be destroyed before the loop, and when no coroutine waits on it any more.
class SqliteStore : public Store {
 public:
  ~SqliteStore() override { *closing_ = true; }
  static Result<std::unique_ptr<SqliteStore>> open(asio::any_io_executor loop, const std::string& given);
  // As it is at this moment; writes fail. `alone` takes the file's lock.
  static Result<std::unique_ptr<SqliteStore>> open_reading(asio::any_io_executor loop,
                                                           const std::string& given, bool alone);

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

  uint64_t commits() const { return writer_->commits(); }

 private:
  SqliteStore() = default;
  std::string path_;
  std::unique_ptr<FileLock> lock_;
  std::unique_ptr<Worker> writer_, reader_;
  std::shared_ptr<std::atomic<bool>> closing_ = std::make_shared<std::atomic<bool>>(false);
  Pool packing_{1}, measuring_{1};
};

}  // namespace lemmy::store
