// The stream of changes: what goes out, and what does not.
#include "web/streams_test.h"

namespace lemmy::web {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST_F(Streams, say_hello_and_send_the_whole_to_who_has_nothing) {
  auto f = follow("/live?page=/projects/hello-world");
  ASSERT_THAT(f.names(), ElementsAre("hello", "main"));
  EXPECT_EQ(text_or(f.listener->heard[0].data, "csrf"), csrf());
  EXPECT_EQ(text_or(f.listener->heard[0].data, "who"), "local");
  EXPECT_EQ(text_or(f.last().data, "page"), "/projects/hello-world");
  EXPECT_EQ(text_or(f.last().data, "to"), f.last().id);
  EXPECT_THAT(std::string(f.last().data.at("html").as_string()), Not(HasSubstr(csrf())));
}

TEST_F(Streams, send_nothing_to_who_has_it_all_nor_when_nothing_differs) {
  auto f = follow("/live?page=/projects/hello-world&have=" + have("/projects/hello-world"));
  EXPECT_THAT(f.names(), ElementsAre("hello"));
  for (int i = 0; i < 5; ++i) {
    feed.changed_project("hello-world");
    wait(30);
  }
  EXPECT_THAT(f.names(), ElementsAre("hello"));
}

TEST_F(Streams, send_what_differs_to_who_has_what_was_before) {
  auto f = follow("/live?page=/projects/hello-world&have=" + have("/projects/hello-world"));
  announce(kOther);
  wait(100);
  ASSERT_THAT(f.names(), ElementsAre("hello", "patch"));
  const json::object& data = f.last().data;
  EXPECT_EQ(text_or(data, "to"), have("/projects/hello-world"));
  EXPECT_THAT(json::serialize(data.at("put")), HasSubstr(kOther));
  EXPECT_THAT(json::serialize(data), Not(HasSubstr(kSha)));
}

TEST_F(Streams, go_on_where_a_browser_that_comes_again_by_itself_left_off) {
  const std::string seen = have("/projects/hello-world");
  announce(kOther);
  auto f = follow("/live?page=/&page=/projects/hello-world", {{"Last-Event-ID", seen}});
  ASSERT_EQ(f.listener->heard.size(), 3u);
  for (const Heard& h : f.listener->heard)
    if (h.data.contains("page") && h.data.at("page") == "/projects/hello-world") EXPECT_EQ(h.name, "patch");
  auto again = follow("/live?page=/projects/hello-world", {{"Last-Event-ID", have("/projects/hello-world")}});
  EXPECT_THAT(again.names(), ElementsAre("hello"));
}

TEST_F(Streams, of_a_server_that_was_started_anew_send_nothing_when_all_is_as_before) {
  const std::string seen = have("/projects/hello-world");
  make_router(true);  // it remembers nothing
  auto f = follow("/live?page=/projects/hello-world&have=" + seen);
  EXPECT_THAT(f.names(), ElementsAre("hello"));
  auto unknown = follow("/live?page=/projects/hello-world&have=0123456789abcdef");
  EXPECT_THAT(unknown.names(), ElementsAre("hello", "main"));
}

TEST_F(Streams, have_several_pages_in_one_and_each_event_says_of_which_it_is) {
  auto f = follow("/live?page=/&page=/projects/hello-world&page=/instances&page=%2F%3Fsearch%3Dhello");
  std::set<std::string> pages;
  for (const Heard& h : f.listener->heard)
    if (h.name == "main") pages.insert(std::string(h.data.at("page").as_string()));
  EXPECT_THAT(pages, ElementsAre("/", "/?search=hello", "/instances", "/projects/hello-world"));
  const size_t before = f.listener->heard.size();
  announce(kOther);
  wait(100);
  ASSERT_EQ(f.listener->heard.size(), before + 1) << "the others show no builds";
  EXPECT_EQ(text_or(f.last().data, "page"), "/projects/hello-world");
}

TEST_F(Streams, two_tabs_of_one_page_are_one_once_they_show_the_same) {
  const std::string old = have("/projects/hello-world");
  announce(kOther);
  const std::string now = have("/projects/hello-world");
  auto f = follow("/live?page=/projects/hello-world&have=" + old + "&page=/projects/hello-world&have=" + now);
  EXPECT_THAT(f.names(), ElementsAre("hello", "patch"));
  EXPECT_EQ(text_or(f.last().data, "from"), old);
  announce("2222222aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
  wait(100);
  EXPECT_THAT(f.names(), ElementsAre("hello", "patch", "patch"));
  EXPECT_EQ(text_or(f.last().data, "from"), now);
}

TEST_F(Streams, many_changes_come_as_one_and_the_first_page_at_most_once_a_second) {
  auto f = follow("/live?page=/");
  ASSERT_THAT(f.names(), ElementsAre("hello", "main"));
  const Target target{"hello-world", "staging"};
  auto deploy = [&](const char* sha) {
    (void)run(conductor->request({.target = target, .build = sha, .who = "ada"}));
  };
  announce(kOther);
  deploy(kSha);
  deploy(kOther);
  wait(400);
  EXPECT_LE(f.listener->heard.size(), 3u);
  wait(1500);
  EXPECT_GE(f.listener->heard.size(), 3u);
}

TEST_F(Streams, who_is_slow_gets_the_newest_and_not_what_came_between) {
  auto f = follow("/live?page=/projects/hello-world&have=" + have("/projects/hello-world"));
  f.listener->slow = true;
  announce(kOther);
  wait(100);
  for (const char* sha : {"2222222", "3333333", "4444444"}) {
    announce(sha + std::string(33, 'a'));
    wait(120);
  }
  f.listener->slow = false;
  wait(100);
  ASSERT_THAT(f.names(), ElementsAre("hello", "patch", "patch"));
  EXPECT_EQ(text_or(f.last().data, "to"), have("/projects/hello-world"));
  EXPECT_THAT(json::serialize(f.last().data), HasSubstr("3333333"));
}

TEST_F(Streams, a_page_that_is_gone_is_said_to_be) {
  auto f = follow("/live?page=/projects/hello-world/environments/staging/deploys/99");
  wait(100);
  ASSERT_THAT(f.names(), ElementsAre("hello", "refused"));
  EXPECT_EQ(f.last().data.at("status"), 404);
}

TEST_F(Streams, without_pages_or_with_too_many_are_refused) {
  EXPECT_EQ(send("GET", "/live").status, 422);
  std::string many = "/live?page=/";
  for (int i = 0; i < 64; ++i) many += "&page=/projects/p" + std::to_string(i);
  EXPECT_EQ(send("GET", many).status, 422);
}

TEST_F(Streams, pages_are_compressed_for_who_takes_it) {
  net::Response plain = send("GET", "/projects/hello-world");
  net::Response packed = send("GET", "/projects/hello-world", "", {{"Accept-Encoding", "gzip"}});
  EXPECT_EQ(net::header(packed.headers, "Content-Encoding"), "gzip");
  EXPECT_EQ(net::header(packed.headers, "Vary"), "Accept-Encoding");
  EXPECT_LT(packed.body.size(), plain.body.size() / 2);
}

}  // namespace
}  // namespace lemmy::web
