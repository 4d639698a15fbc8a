// What Datastore may answer and its emulators never do.
#include "store/datastore/fake_google.h"

namespace lemmy::store::datastore {
namespace {

struct DatastoreFaults : FakeGoogle {
  std::unique_ptr<Store> open(Limits limits = {.call = milliseconds{5'000},
                                               .patience = milliseconds{10'000}}) {
    Options o;
    o.env = [this](const char* name) -> const char* {
      return std::string_view(name) == "DATASTORE_EMULATOR_HOST" ? url.c_str() : nullptr;
    };
    o.limits = limits;
    return std::move(open_datastore(loop.get_executor(), "datastore://shop", std::move(o)).value());
  }
  // The first answers of one method; after them it answers as an empty database.
  void first(const std::string& of, std::vector<net::Response> answers) {
    answer = [of, answers, n = std::make_shared<size_t>(0)](net::Request r) -> Task<net::Response> {
      if (method(r) == of && *n < answers.size()) co_return answers[(*n)++];
      co_return empty(r);
    };
  }
  static Delivery delivery() {
    return {0, "build", "1", from_millis(1), "", "", "hello", "{}", "accepted", ""};
  }
};

TEST_F(DatastoreFaults, a_transaction_that_was_aborted_is_run_again_from_its_beginning) {
  first("commit", {error(409, "ABORTED"), error(409, "ABORTED")});
  EXPECT_TRUE(run(open()->accept(delivery(), std::nullopt)));
  EXPECT_EQ(calls, (std::vector<std::string>{"beginTransaction", "lookup", "commit", "beginTransaction",
                                             "lookup", "commit", "beginTransaction", "lookup", "commit"}));
}

TEST_F(DatastoreFaults, one_that_is_always_aborted_is_given_up_and_is_no_conflict_of_the_callers) {
  answer = [](net::Request r) -> Task<net::Response> {
    co_return method(r) == "commit" ? error(409, "ABORTED") : empty(r);
  };
  auto r = run(open({.patience = milliseconds{500}})->update_deploy({}, {}));
  EXPECT_EQ(r.error().code, ErrorCode::conflict) << "it is not there";
  r = run(open({.patience = milliseconds{500}})->create_deploy({}, {}));
  EXPECT_EQ(r.error().code, ErrorCode::unavailable);
  EXPECT_TRUE(r.error().what.contains("tries")) << r.error().str();
  EXPECT_GE(count("commit"), 3);
}

TEST_F(DatastoreFaults, what_is_unavailable_or_too_much_is_tried_again) {
  first("lookup", {error(503, "UNAVAILABLE"), error(429, "RESOURCE_EXHAUSTED"),
                   error(504, "DEADLINE_EXCEEDED"), reply(502, "<html>bad gateway</html>")});
  EXPECT_EQ(run(open()->deploy({"a", "b"}, 1)).error().code, ErrorCode::not_found);
  EXPECT_EQ(count("lookup"), 5);
}

TEST_F(DatastoreFaults, an_internal_error_is_tried_again_once) {
  first("lookup", {error(500, "INTERNAL")});
  EXPECT_EQ(run(open()->deploy({"a", "b"}, 1)).error().code, ErrorCode::not_found);
  first("lookup", {error(500, "INTERNAL"), error(500, "INTERNAL"), error(500, "INTERNAL")});
  EXPECT_EQ(run(open()->deploy({"a", "b"}, 1)).error().code, ErrorCode::internal);
  EXPECT_EQ(count("lookup"), 4);
}

TEST_F(DatastoreFaults, a_refusal_is_not_tried_again_and_says_what_to_do) {
  first("runQuery", {error(403, "PERMISSION_DENIED", "Missing or insufficient permissions."),
                     error(400, "FAILED_PRECONDITION", "no matching index found.")});
  auto store = open();
  auto denied = run(store->builds("hello", {}));
  EXPECT_EQ(denied.error().code, ErrorCode::rejected);
  EXPECT_TRUE(denied.error().hint.contains("roles/datastore.user")) << denied.error().str();
  auto unindexed = run(store->builds("hello", {}));
  EXPECT_TRUE(unindexed.error().hint.contains("gcloud datastore indexes create")) << unindexed.error().str();
  EXPECT_EQ(count("runQuery"), 2);
}

TEST_F(DatastoreFaults, one_write_that_is_refused_does_not_fail_those_beside_it) {
  answer = [](net::Request r) -> Task<net::Response> {
    bool bad = method(r) == "commit" && r.body.contains("poison");
    co_return bad ? error(400, "INVALID_ARGUMENT", "entity is too big") : empty(r);
  };
  auto store = open();
  std::vector<std::future<Result<Accepted>>> all;
  for (int n = 0; n < 5; ++n) {
    Delivery d = delivery();
    d.id = std::to_string(n);
    if (n == 2) d.body = "poison";
    all.push_back(asio::co_spawn(loop, store->accept(d, std::nullopt), asio::use_future));
  }
  for (int n = 0; n < 5; ++n) {
    while (all[n].wait_for(seconds{0}) != std::future_status::ready) loop.run_one_for(seconds{1});
    auto r = all[n].get();
    EXPECT_EQ(r.has_value(), n != 2) << n;
    if (!r) EXPECT_TRUE(r.error().what.contains("too big")) << r.error().str();
  }
}

TEST_F(DatastoreFaults, an_answer_that_does_not_come_is_a_timeout) {
  answer = [](net::Request r) -> Task<net::Response> {
    co_await sleep_for(seconds{30});
    co_return empty(r);
  };
  auto start = Clock::now();
  auto store = open({.call = milliseconds{100}, .patience = milliseconds{300}});
  EXPECT_EQ(run(store->deploy({"a", "b"}, 1)).error().code, ErrorCode::timeout);
  EXPECT_EQ(run(store->accept(delivery(), std::nullopt)).error().code, ErrorCode::timeout);
  EXPECT_LT(Clock::now() - start, seconds{20});
}

TEST_F(DatastoreFaults, a_slow_write_ends_the_wait_of_those_behind_it) {
  answer = [](net::Request r) -> Task<net::Response> {
    co_await sleep_for(seconds{30});
    co_return empty(r);
  };
  auto store = open({.call = milliseconds{700}, .patience = milliseconds{300}});
  auto one = asio::co_spawn(loop, store->accept(delivery(), std::nullopt), asio::use_future);
  loop.run_for(milliseconds{100});
  EXPECT_EQ(run(store->accept(delivery(), std::nullopt)).error().code, ErrorCode::timeout);
  EXPECT_EQ(one.get().error().code, ErrorCode::timeout);
}

TEST_F(DatastoreFaults, an_answer_that_is_no_json_is_an_error) {
  first("lookup", {reply(200, "<html>")});
  EXPECT_EQ(run(open()->deploy({"a", "b"}, 1)).error().code, ErrorCode::invalid);
}

TEST_F(DatastoreFaults, a_wait_that_is_cancelled_while_trying_again_ends_at_once) {
  answer = [](net::Request) -> Task<net::Response> { co_return error(503, "UNAVAILABLE"); };
  auto store = open();
  auto start = Clock::now();
  auto quick = [](Store& s) -> Task<Result<lemmy::Deploy>> {
    co_return co_await with_deadline(s.deploy({"a", "b"}, 1), milliseconds{150}, "store");
  };
  EXPECT_EQ(run(quick(*store)).error().code, ErrorCode::timeout);
  EXPECT_LT(Clock::now() - start, seconds{5});
}

TEST_F(DatastoreFaults, a_list_that_comes_in_parts_is_put_together) {
  answer = [n = std::make_shared<int>(0)](net::Request r) -> Task<net::Response> {
    if (method(r) != "runQuery") co_return empty(r);
    EXPECT_EQ(r.body.contains("\"startCursor\":\"part1\""), *n == 1) << r.body;
    std::string project = ++*n == 1 ? "beta" : "alpha";
    co_return reply(
        200, R"({"batch": {"moreResults": ")" + std::string(*n == 1 ? "NOT_FINISHED" : "NO_MORE_RESULTS") +
                 R"(", "endCursor": "part1", "entityResults": [{"entity": {"key": {"path": [{"kind":
                             "LemmyProject", "name": "x"}]}, "properties": {"project": {"stringValue": ")" +
                 project + R"("}}}}]}})");
  };
  EXPECT_EQ(*run(open()->projects_with_builds()), (std::vector<std::string>{"alpha", "beta"}));
}

TEST_F(DatastoreFaults, an_answer_too_large_to_be_sent_is_asked_for_in_parts) {
  answer = [](net::Request r) -> Task<net::Response> {
    auto asked = parse_json(r.body, "");
    const auto& keys = asked->get_object()["keys"].get_array();
    if (keys.size() > 2)
      co_return error(429, "RESOURCE_EXHAUSTED", "gRPC message exceeds maximum size 4194304: 5000000");
    json::array found;
    for (const json::value& key : keys) found.push_back(json::object{{"entity", json::object{{"key", key}}}});
    co_return reply(200, json::serialize(json::object{{"found", found}}));
  };
  Api api(*parse_url("datastore://shop"), *net::Client::create(loop.get_executor(), url), nullptr, {});
  auto got = run(api.lookup({{"K", "a"}, {"K", "b"}, {"K", "c"}, {"K", "d"}, {"K", "e"}}));
  ASSERT_TRUE(got) << got.error().str();
  EXPECT_EQ(got->size(), 5u);
}

TEST_F(DatastoreFaults, keys_that_did_not_fit_into_an_answer_are_asked_for_again) {
  answer = [](net::Request r) -> Task<net::Response> {
    auto asked = parse_json(r.body, "");
    const auto& keys = asked->get_object()["keys"].get_array();
    json::array found{json::object{{"entity", json::object{{"key", keys[0]}}}}},
        deferred(keys.begin() + 1, keys.end());
    co_return reply(200, json::serialize(json::object{{"found", found}, {"deferred", deferred}}));
  };
  auto client = *net::Client::create(loop.get_executor(), url);
  Api api(*parse_url("datastore://shop"), client, nullptr, {});
  auto got = run(api.lookup({{"K", "a"}, {"K", "b"}, {"K", "c"}}));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->size(), 3u);
  EXPECT_EQ(count("lookup"), 3);
}

}  // namespace
}  // namespace lemmy::store::datastore
