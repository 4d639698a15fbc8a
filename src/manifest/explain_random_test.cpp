// Templates put together at random of parts whose line and keys are known beforehand.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "base/files.h"
#include "base/source_dir_test.h"
#include "manifest/explain.h"

namespace lemmy::manifest {
namespace {

struct Expected {
  size_t line;
  std::set<std::string> keys;
};

TEST(ExplainingAtRandom, every_field_has_the_line_and_exactly_the_keys_that_went_into_it) {
  auto config = *config::load(std::filesystem::path(kSourceDir) / "share/playground/config");
  config::Project project = *config->project("hello-world");
  std::mt19937 random(20261125);
  auto pick = [&](size_t n) { return random() % n; };
  for (int round = 0; round < 40; ++round) {
    json::object vars;
    for (int k = 0; k < 8; ++k) vars[fmt::format("k{}", k)] = fmt::format("value{}", pick(100));
    std::string text =
        "{% macro both(a, b) %}{{ a | upper }}-{{ b }}{% endmacro %}\n"
        "{\"replicas\": 1, \"containers\": [{\"name\": \"app\", \"image\": \"i\"}], \"annotations\": {\n";
    std::map<std::string, Expected> expected;
    const size_t count = 3 + pick(10);
    for (size_t i = 0; i < count; ++i) {
      const std::string name = fmt::format("l{}", i);
      const std::string a = fmt::format("k{}", pick(8)), b = fmt::format("k{}", pick(8));
      const std::string va = "config.vars." + a, vb = "config.vars." + b;
      std::set<std::string> keys{a, b};
      std::string value;
      switch (pick(7)) {
        case 0:
          value = "{{ " + va + " | tojson }}", keys = {a};
          break;
        case 1:
          value = "\"{{ " + va + " }} and {{ " + vb + " }}\"";
          break;
        case 2:
          value = "{{ (" + va + " ~ '}}' ~ " + vb + ") | tojson }}";
          break;
        case 3:
          value = "{{ both(" + va + ", " + vb + ") | tojson }}";
          break;
        case 4:
          value = "{% set x = " + va + " %}{{ [x, " + vb + "] | join('/') | tojson }}";
          break;
        case 5:
          value = "\"{% for v in [" + va + ", " + vb + "] %}{{ v }},{% endfor %}\"";
          break;
        default:
          value = "\"{# " + va + " #}fixed\"", keys = {};
          break;
      }
      text += fmt::format("  \"{}\": {}{}\n", name, value, i + 1 < count ? "," : "");
      expected[name] = {3 + i, keys};
    }
    text += "}}\n";
    for (auto& f : project.templates)
      if (f.name == "template.json.j2") f.text = text;
    for (auto& e : project.environments) e.values = {{"vars", vars}}, e.lines.clear();
    auto renderer = *Renderer::create(*config, project);
    const Build build{"hello-world", "0123abc", "main"};
    auto e = renderer->explain("staging", build, 1);
    ASSERT_TRUE(e) << e.error().str() << e.error().detail << text;
    auto plain = *renderer->render("staging", build, 1);
    ASSERT_EQ(json::serialize(e->manifests.final), json::serialize(plain.final));
    ASSERT_EQ(json::serialize(e->manifests.controller()), json::serialize(plain.controller()));
    size_t seen = 0;
    for (const Explained& object : e->objects)
      for (const Origin& o : object.fields) {
        auto known = expected.find(o.path.substr(o.path.rfind('.') + 1));
        if (known == expected.end()) continue;
        ++seen;
        std::set<std::string> keys;
        for (const Key& k : o.fed) keys.insert(k.key.substr(k.key.rfind('.') + 1));
        EXPECT_EQ(keys, known->second.keys) << object.object << " " << o.path << "\n" << text;
        EXPECT_EQ(o.written.at(0).line, known->second.line) << object.object << " " << o.path << "\n" << text;
      }
    EXPECT_EQ(seen, 2 * count) << "in the final JSON and on the pods";
  }
}

}  // namespace
}  // namespace lemmy::manifest
