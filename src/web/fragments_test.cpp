// What goes to the viewers of a page.
#include "web/fragments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "live/ages.h"
#include "web/render.h"
#include "web/sample_releases_test.h"

namespace lemmy::web {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

json::object data_of(const net::SharedPiece& piece) {
  const std::string& text = piece->plain();
  const size_t at = text.find("data: ") + 6;
  return parse_json(text.substr(at, text.find('\n', at) - at), "event")->as_object();
}

// As the stream makes it.
Fragment fragment_of(const std::string& name, json::object context, const std::string& page = "/page") {
  json::object& of = context["page"].as_object();
  of["fragment"] = true;
  of["csrf"] = "";
  live::drop_ages(context);
  auto html = render(name, json::value(std::move(context)));
  if (!html) ADD_FAILURE() << html.error().str();
  return Fragment(page, html.value_or(""));
}

json::object many_pods(int pods) {
  json::object status = sample::status(Phase::live);
  json::array list;
  for (int i = 0; i < pods; ++i) {
    json::object pod = sample::pod(false);
    pod["name"] = "hello-world-0123abc-12-" + std::to_string(10'000 + i);
    list.push_back(std::move(pod));
  }
  status["pods"] = std::move(list);
  return status;
}

TEST(Fragments, the_whole_is_one_event_without_the_title_in_it) {
  const Fragment f("/page", "<title>A &amp; B</title>\n<p id=\"a\">\"one\"\ntwo</p>");
  EXPECT_THAT(f.whole()->plain(), StartsWith("event: main\nid: " + f.outline()->id + "\ndata: {"));
  const json::object data = data_of(f.whole());
  EXPECT_EQ(text_or(data, "page"), "/page");
  EXPECT_EQ(text_or(data, "to"), f.outline()->id);
  EXPECT_EQ(text_or(data, "title"), "A & B");
  EXPECT_EQ(text_or(data, "html"), "\n<p id=\"a\">\"one\"\ntwo</p>");
  EXPECT_EQ(f.whole(), f.whole()) << "made once for all";
}

TEST(Fragments, who_has_what_was_before_is_sent_what_differs) {
  const std::string rest = "<p id=\"b\">" + std::string(500, 'x') + "</p>";
  const Fragment old("/page", "<title>A</title><p id=\"a\">1</p>" + rest);
  const Fragment now("/page", "<title>B</title><p id=\"a\">2</p>" + rest);
  const json::object data = data_of(now.since(*old.outline()));
  EXPECT_EQ(text_or(data, "from"), old.outline()->id);
  EXPECT_EQ(text_or(data, "to"), now.outline()->id);
  EXPECT_EQ(text_or(data, "title"), "B");
  EXPECT_EQ(data.at("set"), json::array({"<p id=\"a\">2</p>"}));
  EXPECT_EQ(now.since(*old.outline()), now.since(*old.outline()));
  EXPECT_FALSE(data_of(old.since(*Fragment("/page", "<title>A</title><p id=\"a\">0</p>" + rest).outline()))
                   .contains("title"));
}

TEST(Fragments, what_is_not_shorter_is_not_sent_in_parts) {
  const Fragment old("/page", "<p id=\"a\">1</p>"), now("/page", "<p id=\"a\">2</p>");
  EXPECT_EQ(now.since(*old.outline()), now.whole());
  const Fragment broken("/page", "<p id=\"a\">" + std::string(1000, 'x'));
  EXPECT_EQ(broken.since(*old.outline()), broken.whole());
}

TEST(Fragments, one_pod_of_fifty_that_changes_is_a_row_of_less_than_two_kibibytes) {
  json::object before = many_pods(50), after = before;
  json::object& pod = after["pods"].as_array()[20].as_object();
  pod["status"] = "Terminating";
  pod["is_ready"] = false;
  pod["ready"] = "0/1";
  after["deploy"].as_object()["ready"] = 2;
  const Fragment old = fragment_of("status.html.j2", before), now = fragment_of("status.html.j2", after);
  EXPECT_GT(now.whole()->plain().size(), 30'000u);
  const net::SharedPiece piece = now.since(*old.outline());
  EXPECT_LT(piece->plain().size(), 2048u);
  EXPECT_LT(piece->deflated().blocks.size(), 1024u);
  EXPECT_THAT(piece->plain(), AllOf(HasSubstr("10020"), HasSubstr("Terminating"), HasSubstr("2/3 ready"),
                                    Not(HasSubstr("10021"))));
}

TEST(Fragments, one_target_of_many_that_changes_is_a_cell_of_the_first_page) {
  json::object before = sample::home("ok", "ok"), after = sample::home("ok", "bad");
  after["projects"].as_array()[0].as_object()["targets"].as_array()[0] =
      before["projects"].as_array()[0].as_object()["targets"].as_array()[0];
  const Fragment old = fragment_of("home.html.j2", before), now = fragment_of("home.html.j2", after);
  const json::object data = data_of(now.since(*old.outline()));
  ASSERT_EQ(data.at("set").as_array().size(), 1u);
  EXPECT_THAT(std::string(data.at("set").as_array()[0].as_string()),
              StartsWith("<td id=\"at-hello-world__production\""));
}

// Each page that keeps itself fresh, in all its states.
std::vector<std::pair<std::string, json::object>> samples() {
  std::vector<std::pair<std::string, json::object>> out;
  for (int i = 0; i <= static_cast<int>(Phase::superseded); ++i)
    out.emplace_back("status.html.j2", sample::status(static_cast<Phase>(i), i % 2 == 0));
  json::object troubled = sample::home();
  json::object& frame = troubled["frame"].as_object();
  frame["clusters"] = json::array{{{"name", "eu"},
                                   {"ok", false},
                                   {"trouble", "it is away"},
                                   {"missing_rights", json::array{"patch pods"}}}};
  frame["problems"] = json::array{{{"where", "a"}, {"what", "b"}, {"hint", "c"}}};
  frame["store"] = json::object{{"ok", false}, {"trouble", "full"}, {"since", "1"}, {"as_of", "2"}};
  json::object empty = sample::home();
  empty["projects"] = json::array{};
  for (json::object& o : std::vector{sample::home(), troubled, empty}) out.emplace_back("home.html.j2", o);
  out.emplace_back("project.html.j2", sample::project_page({sample::build("0123abc4567890")}));
  out.emplace_back("project.html.j2", sample::project_page({}, false));
  out.emplace_back("status.html.j2", sample::hosts());
  for (const char* state : {"in_progress", "failed"})
    out.emplace_back("release.html.j2", sample::release(state));
  for (const char* state : {"running", "passed"})
    out.emplace_back("dry_run.html.j2", sample::dry_run(state, "+new"));
  json::object nobody = sample::instances();
  nobody["instances"] = json::array{};
  for (json::object& o : std::vector{sample::instances(), nobody}) out.emplace_back("instances.html.j2", o);
  return out;
}

TEST(Fragments, of_every_page_all_that_stands_side_by_side_has_an_id_of_its_own) {
  for (auto& [name, context] : samples()) {
    const Fragment f = fragment_of(name, context);
    ASSERT_TRUE(f.outline()->sound) << name << f.whole()->plain();
    EXPECT_TRUE(f.outline()->elements[0].list) << name << ": something at the top has no id";
    for (const auto& e : f.outline()->elements)
      if (e.id.starts_with("rows-of-")) EXPECT_TRUE(e.list) << name << " " << e.id;
  }
}

TEST(Fragments, ages_and_tokens_are_in_pages_and_not_in_what_is_compared) {
  for (auto& [name, context] : samples()) {
    const Fragment fresh = fragment_of(name, context);
    EXPECT_THAT(fresh.whole()->plain(),
                AllOf(Not(HasSubstr(" ago<")), Not(HasSubstr("in 20 s")), Not(HasSubstr("the-token"))))
        << name;
    auto html = render(name, json::value(context));
    const size_t from = html->find('>', html->find("<main")) + 1;
    const size_t title = html->find("<title>"), end = html->find("</title>");
    const Outline whole = outline_of(
        html->substr(title, end - title) + "</title>" + html->substr(from, html->rfind("</main>") - from),
        "/page");
    EXPECT_EQ(whole.id, fresh.outline()->id) << name << ": a page that was just loaded is sent nothing";
  }
}

}  // namespace
}  // namespace lemmy::web
