#pragma once
// A store that hands everything to another one: what is to be done around some calls overrides them.
#include "store/store.h"

namespace lemmy::store {

class Forwarding : public Store {
 public:
  explicit Forwarding(std::unique_ptr<Store> to) : to_(std::move(to)) {}

  Sharing sharing() const override { return to_->sharing(); }
  Task<Result<Accepted>> accept(Delivery delivery, std::optional<Build> build) override {
    return to_->accept(std::move(delivery), std::move(build));
  }
  Task<Result<Listing<Build>>> builds(std::string project, Page page) override {
    return to_->builds(std::move(project), std::move(page));
  }
  Task<Result<Build>> build(std::string project, std::string sha) override {
    return to_->build(std::move(project), std::move(sha));
  }
  Task<Result<std::vector<std::string>>> projects_with_builds() override {
    return to_->projects_with_builds();
  }
  Task<Result<Listing<Delivery>>> deliveries(Page page) override { return to_->deliveries(std::move(page)); }
  Task<Result<std::vector<Delivery>>> oldest_deliveries(int limit) override {
    return to_->oldest_deliveries(limit);
  }
  Task<Result<Deploy>> create_deploy(Deploy deploy, DeployEvent first) override {
    return to_->create_deploy(std::move(deploy), std::move(first));
  }
  using Store::update_deploy;
  Task<Result<Deploy>> update_deploy(Deploy deploy, std::vector<DeployEvent> events, Fence fence) override {
    return to_->update_deploy(std::move(deploy), std::move(events), std::move(fence));
  }
  Task<Result<Deploy>> deploy(Target target, int64_t number) override {
    return to_->deploy(std::move(target), number);
  }
  Task<Result<Listing<Deploy>>> deploys(Target target, Page page) override {
    return to_->deploys(std::move(target), std::move(page));
  }
  Task<Result<std::vector<Deploy>>> unsettled_deploys() override { return to_->unsettled_deploys(); }
  Task<Result<std::vector<Deploy>>> latest_deploys() override { return to_->latest_deploys(); }
  Task<Result<std::vector<DeployEvent>>> deploy_events(Target target, int64_t number, int64_t after_seq,
                                                       int limit) override {
    return to_->deploy_events(std::move(target), number, after_seq, limit);
  }
  Task<Result<>> put_document(Target target, int64_t number, std::string name, std::string text) override {
    return to_->put_document(std::move(target), number, std::move(name), std::move(text));
  }
  Task<Result<std::string>> document(Target target, int64_t number, std::string name) override {
    return to_->document(std::move(target), number, std::move(name));
  }
  Task<Result<std::vector<std::string>>> document_names(Target target, int64_t number) override {
    return to_->document_names(std::move(target), number);
  }
  Task<Result<Accepted>> accept_instance(Delivery delivery, std::optional<InstanceCall> call) override {
    return to_->accept_instance(std::move(delivery), std::move(call));
  }
  Task<Result<>> record_instances(std::vector<Instance> instances, Fence fence) override {
    return to_->record_instances(std::move(instances), std::move(fence));
  }
  Task<Result<Listing<Instance>>> instances(std::string project, std::string environment,
                                            Page page) override {
    return to_->instances(std::move(project), std::move(environment), std::move(page));
  }
  Task<Result<Instance>> instance(Target target, std::string id) override {
    return to_->instance(std::move(target), std::move(id));
  }
  Task<Result<std::vector<Instance>>> unsettled_instances() override { return to_->unsettled_instances(); }
  Task<Result<Lease>> lease(std::string name) override { return to_->lease(std::move(name)); }
  Task<Result<Lease>> swap_lease(Lease lease) override { return to_->swap_lease(std::move(lease)); }
  Task<Result<>> forget_deploy(Target target, int64_t number, int64_t revision, Fence fence) override {
    return to_->forget_deploy(std::move(target), number, revision, std::move(fence));
  }
  Task<Result<int>> forget_builds(std::string project, std::vector<std::string> shas, Fence fence) override {
    return to_->forget_builds(std::move(project), std::move(shas), std::move(fence));
  }
  Task<Result<int>> forget_deliveries(Time before, int limit, Fence fence) override {
    return to_->forget_deliveries(before, limit, std::move(fence));
  }
  Task<Result<std::vector<Size>>> sizes() override { return to_->sizes(); }
  Task<Result<Listing<Record>>> dump(RecordKind kind, Page page) override {
    return to_->dump(kind, std::move(page));
  }
  Task<Result<>> load(std::vector<Record> records) override { return to_->load(std::move(records)); }
  Task<Result<>> check() override { return to_->check(); }
  void on_change(std::function<void(Change)> told) override { to_->on_change(std::move(told)); }

 private:
  std::unique_ptr<Store> to_;
};

}  // namespace lemmy::store
