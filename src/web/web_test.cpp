// Assets, and the pure helpers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "web/assets.h"
#include "web/context.h"
#include "web/embedded.h"
#include "web/render.h"

namespace lemmy::web {
namespace {

using testing::HasSubstr;

TEST(Assets, every_one_that_the_layout_names_is_embedded_under_the_hash_of_its_content) {
  for (const auto& [key, url] : asset_urls()) {
    std::string text(url.as_string());
    std::string name = text.substr(8, text.find('?') - 8);
    const Asset* a = asset(name);
    ASSERT_TRUE(a) << name;
    EXPECT_GT(a->text->size(), 100u) << name;
    EXPECT_TRUE(text.ends_with("?v=" + a->hash));
  }
}

TEST(Assets, the_licences_of_the_browser_libraries_come_along) { EXPECT_TRUE(asset("idiomorph.LICENSE")); }

TEST(Assets, a_url_with_the_right_hash_is_kept_for_ever_and_others_are_asked_again) {
  net::Request request;
  request.query = {{"v", asset("style.css")->hash}};
  auto r = serve_asset(request, "style.css");
  ASSERT_TRUE(r);
  EXPECT_THAT(std::string(net::header(r->headers, "Cache-Control")), HasSubstr("immutable"));
  EXPECT_EQ(net::header(r->headers, "Content-Type"), "text/css; charset=utf-8");
  request.query = {{"v", "000000000000"}};
  r = serve_asset(request, "style.css");
  EXPECT_EQ(net::header(r->headers, "Cache-Control"), "no-cache");
  request.headers.emplace("If-None-Match", std::string(net::header(r->headers, "ETag")));
  EXPECT_EQ(serve_asset(request, "style.css")->status, 304);
}

TEST(Assets, are_compressed_for_who_takes_it_and_are_another_thing_then) {
  net::Request request;
  auto plain = serve_asset(request, "lemmy.js");
  request.headers.emplace("Accept-Encoding", "gzip");
  auto packed = serve_asset(request, "lemmy.js");
  EXPECT_EQ(net::header(packed->headers, "Content-Encoding"), "gzip");
  EXPECT_EQ(net::header(plain->headers, "Content-Encoding"), "");
  EXPECT_LT(packed->shared_body->size(), plain->shared_body->size() / 2);
  EXPECT_NE(net::header(packed->headers, "ETag"), net::header(plain->headers, "ETag"));
  for (auto* r : {&plain, &packed}) EXPECT_EQ(net::header((*r)->headers, "Vary"), "Accept-Encoding");
}

// An update takes forms by their ids: one without might become another one while somebody presses its button.
TEST(Templates, every_form_that_does_something_on_a_page_that_changes_has_an_id) {
  for (const char* name :
       {"home", "project", "status", "instances", "release", "dry_run", "parts", "failure", "hosts"}) {
    const auto all = embedded();
    auto file = std::ranges::find(all, fmt::format("templates/{}.html.j2", name), &Embedded::path);
    ASSERT_NE(file, all.end()) << name;
    EXPECT_THAT(std::string(file->text), testing::Not(HasSubstr("<form method"))) << name;
  }
}

TEST(Assets, templates_are_not_served) {
  EXPECT_FALSE(serve_asset({}, "home.html.j2"));
  EXPECT_FALSE(serve_asset({}, "../templates/home.html.j2"));
}

TEST(Rooted, addresses_of_ours_get_what_a_proxy_has_before_them_and_nothing_else_does) {
  EXPECT_EQ(
      rooted(R"(<a href="/">x</a><img src="&#x2f;a.svg"><form method="post" action="/b/c">)", "/lemmy"),
      R"(<a href="/lemmy/">x</a><img src="/lemmy&#x2f;a.svg"><form method="post" action="/lemmy/b/c">)");
  for (const char* same :
       {R"(<a href="https://x/">)", R"(<a href="//x/">)", R"(<a href="#main">)", R"(<p data-page="/x">)",
        R"(<input value="/x">)", R"(<a href="?after=1">)", "href=/x"})
    EXPECT_EQ(rooted(same, "/lemmy"), same);
  EXPECT_EQ(rooted(R"(<a href="/x">)", ""), R"(<a href="/x">)");
}

TEST(LocalPath, only_paths_of_this_server_are_followed_after_signing_in) {
  EXPECT_EQ(local_path("/projects/hello?after=3"), "/projects/hello?after=3");
  for (const char* bad : {"", "//evil.example", "/\\evil.example", "https://evil.example",
                          "/a\r\nSet-Cookie: x", "javascript:alert(1)", "/\t/evil.example"})
    EXPECT_EQ(local_path(bad), "/") << bad;
}

}  // namespace
}  // namespace lemmy::web
