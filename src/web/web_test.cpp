// Assets, the cache of fragments, and the pure helpers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "web/assets.h"
#include "web/context.h"
#include "web/embedded.h"
#include "web/fragments.h"

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

TEST(Assets, the_licences_of_the_browser_libraries_come_along) {
  for (const char* name : {"htmx.org.LICENSE", "htmx-ext-sse.LICENSE", "idiomorph.LICENSE"})
    EXPECT_TRUE(asset(name));
}

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

TEST(Assets, templates_are_not_served) {
  EXPECT_FALSE(serve_asset({}, "home.html.j2"));
  EXPECT_FALSE(serve_asset({}, "../templates/home.html.j2"));
}

TEST(LocalPath, only_paths_of_this_server_are_followed_after_signing_in) {
  EXPECT_EQ(local_path("/projects/hello?after=3"), "/projects/hello?after=3");
  for (const char* bad : {"", "//evil.example", "/\\evil.example", "https://evil.example",
                          "/a\r\nSet-Cookie: x", "javascript:alert(1)", "/\t/evil.example"})
    EXPECT_EQ(local_path(bad), "/") << bad;
}

class FragmentsTest : public testing::Test {
 protected:
  Fragments::Ask ask(const std::string& csrf = "token") {
    Fragments::Ask a;
    a.key = "/";
    a.csrf = csrf;
    a.version = [this] { return version; };
    a.id = [](uint64_t v) { return "boot-" + std::to_string(v); };
    a.make = [this] { return make(); };
    return a;
  }
  Task<Result<std::string>> make() {
    ++made;
    co_await sleep_for(milliseconds{5});
    if (broken) co_return fail(ErrorCode::unavailable, "store", "away");
    co_return "<p>" + std::to_string(version) + " " + fragments.placeholder() + "</p>";
  }
  std::vector<Result<Fragments::Piece>> get(std::vector<Fragments::Ask> asks) {
    std::vector<std::future<Result<Fragments::Piece>>> futures;
    for (auto& a : asks)
      futures.push_back(asio::co_spawn(loop, fragments.get(std::move(a)), asio::use_future));
    loop.restart();
    loop.run();
    std::vector<Result<Fragments::Piece>> out;
    for (auto& f : futures) out.push_back(f.get());
    return out;
  }
  asio::io_context loop;
  Fragments fragments{loop.get_executor(), live::Pace{milliseconds{20}, 1, milliseconds{0}}};
  uint64_t version = 1;
  int made = 0;
  bool broken = false;
};

TEST_F(FragmentsTest, many_viewers_of_one_version_cost_one_rendering_and_share_its_text) {
  auto got = get({ask(), ask(), ask()});
  EXPECT_EQ(made, 1);
  EXPECT_EQ(got[0]->event, got[2]->event);
  EXPECT_THAT(*got[0]->event, HasSubstr("id: boot-1"));
  EXPECT_EQ(get({ask()})[0]->event, got[0]->event);
  EXPECT_EQ(made, 1);
}

TEST_F(FragmentsTest, each_viewer_gets_the_own_token_in_its_forms) {
  auto got = get({ask("anne"), ask("bob")});
  EXPECT_EQ(made, 1);
  EXPECT_THAT(*got[0]->event, HasSubstr("<p>1 anne</p>"));
  EXPECT_THAT(*got[1]->event, HasSubstr("<p>1 bob</p>"));
}

TEST_F(FragmentsTest, a_newer_version_is_rendered_anew_but_not_faster_than_the_pace) {
  get({ask()});
  version = 2;
  auto before = Clock::now();
  auto got = get({ask()});
  EXPECT_GE(Clock::now() - before, milliseconds{15});
  EXPECT_EQ(got[0]->version, 2u);
  EXPECT_EQ(made, 2);
}

TEST_F(FragmentsTest, after_a_quiet_time_some_come_at_once_and_the_next_waits) {
  fragments = Fragments(loop.get_executor(), live::Pace{seconds{3600}, 3, milliseconds{0}});
  for (version = 1; version <= 3; ++version) EXPECT_TRUE(get({ask()})[0]);
  EXPECT_EQ(made, 3);
  asio::co_spawn(loop, fragments.get(ask()), asio::detached);
  loop.restart();
  loop.run_for(milliseconds{50});
  EXPECT_EQ(made, 3);
}

TEST_F(FragmentsTest, an_error_reaches_all_who_wait_and_is_not_repeated_for_each) {
  broken = true;
  for (auto& r : get({ask(), ask(), ask()})) EXPECT_FALSE(r);
  EXPECT_EQ(made, 1);
}

TEST_F(FragmentsTest, a_viewer_who_leaves_while_rendering_does_not_hold_up_the_others) {
  asio::cancellation_signal stop;
  asio::co_spawn(loop, fragments.get(ask()), asio::bind_cancellation_slot(stop.slot(), asio::detached));
  auto second = asio::co_spawn(loop, fragments.get(ask()), asio::use_future);
  loop.run_for(milliseconds{2});
  stop.emit(asio::cancellation_type::terminal);
  loop.restart();
  loop.run_for(milliseconds{500});
  ASSERT_EQ(second.wait_for(seconds{0}), std::future_status::ready);
  EXPECT_TRUE(second.get());
}

}  // namespace
}  // namespace lemmy::web
