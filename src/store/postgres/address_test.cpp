// URLs of stores, and what is shown of them.
#include "store/postgres/address.h"

#include <gtest/gtest.h>

#include "store/store.h"

namespace lemmy::store::postgres {
namespace {

TEST(StoreUrl, is_shown_without_its_password) {
  EXPECT_EQ(shown("sqlite:/var/lib/lemmy.db"), "sqlite:/var/lib/lemmy.db");
  EXPECT_EQ(shown("postgres://ada@db:5432/lemmy?sslmode=require"),
            "postgres://ada@db:5432/lemmy?sslmode=require");
  EXPECT_EQ(shown("postgres://ada:hunter2@db/lemmy"), "postgres://ada:***@db/lemmy");
  EXPECT_EQ(shown("postgresql://db/lemmy?user=ada&password=hunter2&sslmode=require"),
            "postgresql://db/lemmy?user=ada&password=***&sslmode=require");
  EXPECT_EQ(shown("postgres://db/lemmy?sslpassword=hunter2"), "postgres://db/lemmy?sslpassword=***");
}

TEST(StoreUrl, hides_passwords_that_should_have_been_escaped) {
  for (const char* password : {"hun@ter2", "hun/ter2", "hun?ter2", "hun:ter2", "hun%zzter2", "h@u/n?ter2"}) {
    std::string url = std::string("postgres://ada:") + password + "@db/lemmy";
    EXPECT_EQ(shown(url).find("ter2"), std::string::npos) << shown(url);
    auto a = read_address(url);
    if (!a) EXPECT_EQ(a.error().str().find("ter2"), std::string::npos) << a.error().str();
  }
}

TEST(StoreUrl, with_an_at_sign_in_the_password_is_refused_with_how_to_write_it) {
  for (const char* url : {"postgres://ada:p@ss@db/lemmy", "postgres://ada:p/ss@db/lemmy"}) {
    auto a = read_address(url);
    ASSERT_FALSE(a) << url;
    EXPECT_EQ(a.error().code, ErrorCode::invalid);
    EXPECT_NE(a.error().hint.find("%XX"), std::string::npos);
  }
  EXPECT_TRUE(read_address("postgres://ada:p%40ss@db/lemmy"));
}

TEST(StoreUrl, of_an_unknown_parameter_names_it) {
  auto a = read_address("postgres://ada:hunter2@db/lemmy?colour=red");
  ASSERT_FALSE(a);
  EXPECT_NE(a.error().what.find("colour"), std::string::npos) << a.error().str();
  EXPECT_EQ(a.error().str().find("hunter2"), std::string::npos);
}

TEST(StoreUrl, gives_way_to_what_it_says_itself) {
  auto a = read_address("postgres://db/lemmy?keepalives_idle=5&application_name=x");
  ASSERT_TRUE(a);
  EXPECT_EQ(*a->find("keepalives_idle"), "5");
  EXPECT_EQ(*a->find("target_session_attrs"), "read-write");
  EXPECT_EQ(*a->find("client_encoding"), "UTF8");
}

}  // namespace
}  // namespace lemmy::store::postgres
