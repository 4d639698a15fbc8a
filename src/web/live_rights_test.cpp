// The stream of changes: to whom, and when it ends.
#include "base/crypto.h"
#include "web/streams_test.h"

namespace lemmy::web {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST_F(Streams, who_may_see_a_page_is_asked_of_the_table_for_each) {
  make_router(false);
  config->access.tokens = {{"ci", access::Role::viewer, sha256_hex("lmy_ci"), {"user-service"}, {}}};
  auto f = follow(
      "/live?page=/projects/hello-world&page=/projects/user-service&page=/deliveries&page=/no/such"
      "&page=nonsense&page=/projects/user-service/environments/staging/dry-runs/x",
      {{"Authorization", "Bearer lmy_ci"}});
  std::map<std::string, int64_t> refused;
  for (const Heard& h : f.listener->heard)
    if (h.name == "refused")
      refused[std::string(h.data.at("page").as_string())] = h.data.at("status").as_int64();
  EXPECT_EQ(refused, (std::map<std::string, int64_t>{
                         {"/projects/hello-world", 403},
                         {"/deliveries", 404},
                         {"/no/such", 404},
                         {"nonsense", 422},
                         {"/projects/user-service/environments/staging/dry-runs/x", 403}}));
  ASSERT_EQ(f.last().name, "main");
  EXPECT_EQ(text_or(f.last().data, "page"), "/projects/user-service");
  EXPECT_EQ(send("GET", "/live?page=/").status, 401);
}

TEST_F(Streams, go_on_with_a_new_configuration_that_takes_no_rights) {
  make_router(false);
  config->access.users = {{"dora", access::Role::deployer, "$argon2id$d"}};
  auto f = follow("/live?page=/projects/hello-world&have=" + have("/projects/hello-world", as("dora")),
                  as("dora"));
  reconfigure([](config::Config&) {});
  EXPECT_THAT(f.names(), ElementsAre("hello"));
  EXPECT_FALSE(f.ended());
  reconfigure([](config::Config& c) { c.projects["hello-world"].description = "Says more"; });
  EXPECT_EQ(f.names().back(), "patch");
  EXPECT_FALSE(f.ended());
}

TEST_F(Streams, end_when_the_role_the_password_or_the_user_behind_them_changes) {
  for (int what = 0; what < 3; ++what) {
    make_router(false);
    config->access.users = {{"dora", access::Role::deployer, "$argon2id$d"}};
    auto f = follow("/live?page=/projects/hello-world", as("dora"));
    const size_t heard = f.listener->heard.size();
    announce(std::to_string(what) + std::string(39, 'b'));
    reconfigure([what](config::Config& c) {
      if (what == 0) c.access.users[0].role = access::Role::viewer;
      if (what == 1) c.access.users[0].password_hash = "$argon2id$new";
      if (what == 2) c.access.users.clear();
    });
    EXPECT_TRUE(f.ended()) << what;
    EXPECT_LE(f.listener->heard.size(), heard + 1) << "only what came before";
  }
}

TEST_F(Streams, end_when_the_token_behind_them_is_revoked_and_nothing_is_sent_then) {
  make_router(false);
  config->access.tokens = {{"ci", access::Role::viewer, sha256_hex("lmy_ci"), {}, {}},
                           {"other", access::Role::viewer, sha256_hex("lmy_other"), {}, {}}};
  auto f = follow("/live?page=/projects/hello-world", {{"Authorization", "Bearer lmy_ci"}});
  auto other = follow("/live?page=/projects/hello-world", {{"Authorization", "Bearer lmy_other"}});
  auto changed = std::make_shared<config::Config>(*config);
  changed->access.tokens.erase(changed->access.tokens.begin());
  config = changed;
  announce(kOther);  // before anybody is told of the configuration
  wait(100 * kSlower);
  EXPECT_TRUE(f.ended());
  EXPECT_THAT(f.names(), ElementsAre("hello", "main"));
  EXPECT_FALSE(other.ended());
  EXPECT_THAT(other.names(), ElementsAre("hello", "main", "patch"));
}

TEST_F(Streams, two_viewers_with_the_same_rights_share_what_is_sent_and_others_do_not_see_it) {
  make_router(false);
  config->access.users = {{"dora", access::Role::deployer, "$argon2id$d"},
                          {"dan", access::Role::deployer, "$argon2id$e"},
                          {"vera", access::Role::viewer, "$argon2id$v"}};
  std::vector<std::string> html;
  for (const char* name : {"dora", "dan", "vera"}) {
    auto f = follow("/live?page=/projects/hello-world", as(name));
    ASSERT_EQ(f.last().name, "main");
    html.emplace_back(f.last().data.at("html").as_string());
  }
  EXPECT_EQ(html[0], html[1]);
  EXPECT_THAT(html[0], HasSubstr("<button>Deploy"));
  EXPECT_THAT(html[2], Not(HasSubstr("<button>Deploy")));
}

}  // namespace
}  // namespace lemmy::web
