#include "web/outline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lemmy::web {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Outline of(const std::string& html) { return outline_of(html, "/page"); }

const std::string kHead =
    "<title>Pods · Lemmy</title>\n<h1 id=\"title\">Pods</h1>\n<table id=\"table\"><tbody id=\"rows\">\n";
const std::string kFoot = "</tbody></table>\n";
std::string row(const std::string& id, const std::string& text) {
  return "  <tr id=\"pod-" + id + "\"><th>" + id + "</th><td>" + text + "</td></tr>\n";
}
std::string page(const std::string& rows) { return kHead + rows + kFoot; }

struct Difference {
  Difference(const std::string& old, std::string now)
      : html(std::move(now)), patch(patch_of(of(old), of(html), html)) {}
  std::vector<std::string> set() const { return {patch.set.begin(), patch.set.end()}; }
  std::vector<std::string> put() const {
    std::vector<std::string> out;
    for (const auto& p : patch.put) {
      const size_t id = p.element.find("id=\"") + 4;
      out.push_back(p.parent + " " + p.after + " " +
                    std::string(p.element.substr(id, p.element.find('"', id) - id)));
    }
    return out;
  }
  std::string html;
  Patch patch;
};

TEST(Outline, one_row_that_changes_is_all_that_differs) {
  Difference d(page(row("a", "1") + row("b", "1")), page(row("a", "1") + row("b", "2")));
  ASSERT_TRUE(d.patch.possible);
  EXPECT_THAT(d.set(), ElementsAre("<tr id=\"pod-b\"><th>b</th><td>2</td></tr>"));
  EXPECT_THAT(d.patch.gone, IsEmpty());
  EXPECT_THAT(d.put(), IsEmpty());
}

TEST(Outline, rows_that_come_go_and_move_are_said_one_by_one) {
  Difference d(page(row("a", "1") + row("b", "1") + row("c", "1")),
               page(row("new", "1") + row("c", "1") + row("a", "2") + row("last", "1")));
  ASSERT_TRUE(d.patch.possible);
  EXPECT_THAT(d.patch.gone, ElementsAre("pod-b"));
  EXPECT_THAT(d.set(), ElementsAre("<tr id=\"pod-a\"><th>a</th><td>2</td></tr>"));
  EXPECT_THAT(d.put(), ElementsAre("rows  pod-new", "rows pod-new pod-c", "rows pod-a pod-last"));
}

TEST(Outline, sections_come_and_go_when_all_beside_them_have_ids) {
  const std::string rows = page(row("a", "1"));
  const size_t at = rows.find("<table");
  std::string with = rows;
  with.insert(at, "<section id=\"cause\"><p>broken</p></section>\n");
  Difference come(rows, with), go(with, rows);
  EXPECT_THAT(come.put(), ElementsAre("main title cause"));
  EXPECT_THAT(come.set(), IsEmpty());
  EXPECT_THAT(go.patch.gone, ElementsAre("cause"));
}

TEST(Outline, what_has_no_id_of_its_own_changes_the_element_that_it_is_in) {
  Difference d("<div id=\"a\"><b>1</b> <i id=\"b\">x</i></div>",
               "<div id=\"a\"><b>2</b> <i id=\"b\">y</i></div>");
  EXPECT_THAT(d.set(), ElementsAre("<div id=\"a\"><b>2</b> <i id=\"b\">y</i></div>"));
  Difference top("<p>1</p><i id=\"b\">x</i>", "<p>2</p><i id=\"b\">x</i>");
  EXPECT_FALSE(top.patch.possible) << "then only the whole will do";
  Difference attribute("<ul id=\"a\" class=\"x\"><li id=\"b\">1</li></ul>",
                       "<ul id=\"a\" class=\"y\"><li id=\"b\">1</li></ul>");
  EXPECT_THAT(attribute.set(), ElementsAre("<ul id=\"a\" class=\"y\"><li id=\"b\">1</li></ul>"));
}

TEST(Outline, ages_tokens_and_the_room_between_rows_do_not_count) {
  const std::string a =
      "<p id=\"x\">since <time datetime=\"T\" data-ago>3 s ago</time></p><form id=\"f\"><input "
      "type=\"hidden\" "
      "name=\"csrf\" value=\"one\"><time data-age>1 s</time></form>";
  const std::string b =
      "\n\n<p id=\"x\">since <time datetime=\"T\" data-ago></time></p>\n <form id=\"f\"><input "
      "type=\"hidden\" "
      "name=\"csrf\" value=\"\"><time data-age></time></form> ";
  EXPECT_EQ(of(a).id, of(b).id);
  for (const char* other : {"<p id=\"x\">since <time datetime=\"U\" data-ago></time></p>",
                            "<p id=\"x\"><time data-ago></time></p>",
                            "<p id=\"y\">since <time datetime=\"T\" data-ago></time></p>",
                            "<p id=\"x\">since <time datetime=\"T\">3 s ago</time></p>"})
    EXPECT_NE(of(other).id, of("<p id=\"x\">since <time datetime=\"T\" data-ago></time></p>").id) << other;
}

TEST(Outline, the_same_content_has_the_same_id_on_one_page_only) {
  EXPECT_EQ(of(page(row("a", "1"))).id, of(page(row("a", "1"))).id);
  EXPECT_NE(of(page(row("a", "1"))).id, of(page(row("a", "2"))).id);
  EXPECT_NE(outline_of("<p id=\"a\"></p>", "/one").id, outline_of("<p id=\"a\"></p>", "/two").id);
  EXPECT_NE(of("<title>a</title><p id=\"a\"></p>").id, of("<title>b</title><p id=\"a\"></p>").id);
  EXPECT_EQ(of("<title>it&#x27;s &lt;b&gt; &amp;amp;</title>").title, "it's <b> &amp;");
  EXPECT_EQ(of("<p id=\"a\"></p>").id.size(), 16u);
}

TEST(Outline, of_what_cannot_be_taken_apart_only_the_whole_is_told) {
  const std::string good = "<p id=\"a\">1</p>";
  for (const char* bad : {"<p id=\"a\">1", "<p id=\"a\">1</div>", "<p id=\"a\">1</p><i id=\"a\"></i>", "</p>",
                          "<p id=a>1</p>", "<p id=\"a", "<", "<p id=\"main\"></p>", "<!-- never ends"}) {
    EXPECT_FALSE(of(bad).sound) << bad;
    EXPECT_FALSE(patch_of(of(good), of(bad), bad).possible) << bad;
    EXPECT_FALSE(patch_of(of(bad), of(good), good).possible) << bad;
  }
  EXPECT_TRUE(of("<p id=\"a\" hidden data-x='\"'>1 < 2<br><img id=\"b\" src=\"x\"/></p><!-- > -->").sound ==
              false)
      << "a < that is text is escaped in pages";
  EXPECT_TRUE(of("<p id=\"a\" hidden data-x='>'>1<br><img id=\"b\" src=\"x\"/></p><!-- > -->").sound);
}

TEST(Outline, an_id_is_as_in_the_browser) {
  const Outline o = of("<p id=\"a&#x2f;b&amp;c&lt;\">1</p>");
  EXPECT_NE(o.find("a/b&c<"), nullptr);
  EXPECT_EQ(o.find("a"), nullptr);
}

TEST(Outline, an_element_that_goes_into_another_one_takes_the_whole) {
  const std::string here = "<ul id=\"l\"><li id=\"a\">1</li></ul><ul id=\"m\"></ul>",
                    there = "<ul id=\"l\"></ul><ul id=\"m\"><li id=\"a\">1</li></ul>";
  EXPECT_FALSE(Difference(here, there).patch.possible);
  EXPECT_FALSE(Difference(there, here).patch.possible);
}

// What a page does with a patch, on the texts of a list.
std::vector<std::string> applied(std::vector<std::string> shown, const Patch& patch) {
  auto id = [](std::string_view html) {
    const size_t at = html.find("id=\"") + 4;
    return std::string(html.substr(at, html.find('"', at) - at));
  };
  auto at = [&](const std::string& wanted) { return std::ranges::find(shown, wanted, id); };
  for (const std::string& gone : patch.gone) shown.erase(at(gone));
  for (std::string_view e : patch.set) *at(id(e)) = e;
  for (const auto& p : patch.put) {
    if (auto there = at(id(p.element)); there != shown.end()) shown.erase(there);
    shown.insert(p.after.empty() ? shown.begin() : std::next(at(p.after)), std::string(p.element));
  }
  return shown;
}

TEST(Outline, a_patch_makes_what_is_shown_of_any_list_from_any_other) {
  unsigned seed = 7;
  auto dice = [&](unsigned n) { return (seed = seed * 1103515245 + 12345) / 65536 % n; };
  auto list = [&] {
    std::vector<std::string> out;
    for (unsigned i = 0, n = dice(8); i < n; ++i) {
      const std::string name(1, static_cast<char>('a' + dice(10)));
      std::string one = "<li id=\"" + name + "\">" + std::to_string(dice(2)) + "</li>";
      const std::string start = one.substr(0, 10);
      if (std::ranges::none_of(out, [&](const auto& o) { return o.starts_with(start); })) out.push_back(one);
    }
    return out;
  };
  auto text = [](const std::vector<std::string>& items) {
    std::string out = "<ul id=\"list\">";
    for (const auto& i : items) out += i + "\n";
    return out + "</ul>";
  };
  for (int i = 0; i < 2000; ++i) {
    const auto old = list(), now = list();
    const std::string html = text(now);
    const Patch patch = patch_of(of(text(old)), of(html), html);
    ASSERT_TRUE(patch.possible);
    ASSERT_EQ(applied(old, patch), now) << text(old) << " -> " << html;
  }
}

}  // namespace
}  // namespace lemmy::web
