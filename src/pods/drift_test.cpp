// What in the cluster is not as a deploy applied it, on a simulated cluster.
#include "pods/admitting_test.h"

namespace lemmy::pods {
namespace {

struct Drifting : Admitting {
  Task<Result<json::object>> drift(int64_t number, bool afresh = true) {
    const Deploy d = *conductor->find(kTarget, number);
    co_return co_await conductor->drift(d, afresh);
  }
};

TEST_F(Drifting, what_was_applied_and_scaled_by_lemmy_is_as_it_was) {
  run([this]() -> Task<> {
    const int64_t number = co_await ask_live();
    auto found = co_await drift(number);
    EXPECT_TRUE(found) << found.error().str();
    EXPECT_EQ(json::serialize(found->at("items")), "[]");
    EXPECT_EQ(found->at("complete"), true);
    EXPECT_GE(found->at("compared").to_number<int>(), 3);
  });
}

TEST_F(Drifting, what_somebody_changed_or_deleted_is_told) {
  run([this]() -> Task<> {
    const int64_t number = co_await ask_live();
    json::object other{{"metadata", {{"labels", {{"project", "other"}}}}}};
    auto done = co_await cluster->client().patch(service(), std::move(other));
    EXPECT_TRUE(done);
    const Deploy d = *conductor->find(kTarget, number);
    auto gone =
        co_await cluster->client().remove({"/api/v1", "configmaps", kTarget.environment, d.config_map});
    EXPECT_TRUE(gone);
    auto found = co_await drift(number);
    const std::string items = found ? json::serialize(found->at("items")) : found.error().str();
    EXPECT_NE(items.find("metadata.labels.project is other, was applied as hello-world"), items.npos)
        << items;
    EXPECT_NE(items.find("ConfigMap " + d.config_map + ": somebody deleted it"), items.npos) << items;
  });
}

TEST_F(Drifting, what_cannot_be_asked_for_is_said_and_never_called_equal) {
  run([this]() -> Task<> {
    const int64_t number = co_await ask_live();
    sim->faults().answer(503, {"GET", "/services/", false, -1});
    auto found = co_await drift(number);
    EXPECT_TRUE(found);
    EXPECT_EQ(found->at("complete"), false);
    EXPECT_EQ(found->at("unasked").get_array().size(), 1u);
    sim->faults().answer(503, {"GET", "", false, -1});
    found = co_await drift(number);
    EXPECT_EQ(found.error().code, ErrorCode::unavailable);
    sim->faults().clear();
  });
}

TEST_F(Drifting, what_may_not_be_applied_anew_is_compared_by_what_it_names) {
  run([this]() -> Task<> {
    const int64_t number = co_await ask_live();
    sim->faults().answer(403, {"PATCH", "", false, -1});
    auto found = co_await drift(number);
    EXPECT_TRUE(found);
    EXPECT_EQ(json::serialize(found->at("items")), "[]");
    EXPECT_EQ(found->at("refused").get_array().size(), found->at("compared").to_number<size_t>());
    sim->faults().clear();
  });
}

}  // namespace
}  // namespace lemmy::pods
