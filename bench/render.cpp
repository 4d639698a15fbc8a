// What bench/render.py times: one request a line from standard input, one answer a line. Processor time of
// this thread, in microseconds a render, of the fastest of some rounds.
//   {"templates": {name: text}, "name", "context", "repeat"}    -> {"text", "us", "context_us"}
//   {"config": DIR, "project", "environment", "sha", "repeat"}  -> {"final", "objects", "us", "templates_us",
//                                                                  "context_us", "results_us"}
// context_us: handing the context to the engine; of manifests what is not the same for every build.
// results_us: the reading of the rendered JSON.
#include <time.h>

#include <algorithm>
#include <iostream>

#include "manifest/manifest.h"
#include "manifest/parts.h"

using namespace lemmy;

namespace {

constexpr int kRounds = 5;

double processor_time() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

template <class Work>
double fastest(int64_t repeat, Work work) {
  double best = 0;
  for (int round = 0; round < kRounds; ++round) {
    const double start = processor_time();
    for (int64_t i = 0; i < repeat; ++i) work();
    const double took = (processor_time() - start) / std::max<int64_t>(repeat, 1);
    if (round == 0 || took < best) best = took;
  }
  return best;
}

Result<json::object> snippet(const json::object& ask, int64_t repeat) {
  std::vector<tmpl::Source> sources;
  for (const auto& [name, text] : ask.at("templates").as_object())
    sources.push_back({name, std::string(text.as_string())});
  auto templates = tmpl::Templates::create(std::move(sources));
  if (!templates) return fail(templates.error());
  const std::string name(text_or(ask, "name"));
  const json::object& given = ask.at("context").as_object();
  auto text = (*templates)->render(name, tmpl::Context(given));
  if (!text) return fail(text.error());
  return json::object{
      {"text", *text},
      {"us", fastest(repeat, [&] { (void)(*templates)->render(name, tmpl::Context(given)); })},
      {"context_us", fastest(repeat, [&] { tmpl::Context context(given); })}};
}

Result<json::object> manifests(const json::object& ask, int64_t repeat) {
  auto config = config::load(std::string(text_or(ask, "config")));
  if (!config) return fail(config.error().front());
  const std::string environment(text_or(ask, "environment"));
  const config::Project* project = (*config)->project(std::string(text_or(ask, "project")));
  const config::ProjectEnvironment* values = project ? project->environment(environment) : nullptr;
  if (!values) return fail(ErrorCode::not_found, "project", "there is none of this name and environment");
  auto renderer = manifest::Renderer::create(**config, *project);
  if (!renderer) return fail(renderer.error());
  const Build build{project->name, std::string(text_or(ask, "sha")), "main"};
  auto made = (*renderer)->render(environment, build, 1);
  if (!made) return fail(made.error());
  json::array objects{made->rc};
  for (const auto& o : {made->autoscaler, made->service})
    if (o) objects.push_back(*o);

  // Its parts, one by one.
  std::vector<tmpl::Source> sources;
  for (const config::File& f : project->templates) sources.push_back({f.name, f.text});
  for (const tmpl::Source& s : manifest::default_standards()) sources.push_back(s);
  auto templates = tmpl::Templates::create(std::move(sources));
  if (!templates) return fail(templates.error());
  const json::object all = manifest::context_of(*project, *values, build, 1);
  const json::object passing{{"build", all.at("build")}, {"deploy", all.at("deploy")}};
  const json::object final_json{{"final", made->final}};
  const tmpl::Context base(all);
  const tmpl::Context first = base.with(passing), second = first.with(final_json);
  std::vector<std::pair<std::string, const tmpl::Context*>> renders{{"template.json.j2", &first}};
  for (const tmpl::Source& s : manifest::default_standards()) {
    const bool autoscaler = s.name.contains("autoscaler"), service = s.name.contains("service");
    if (autoscaler ? made->autoscaler.has_value() : !service || made->service.has_value())
      renders.emplace_back(s.name, &second);
  }
  double templates_us = 0, results_us = 0;
  const double context_us = fastest(repeat, [&] { (void)base.with(passing).with(final_json); });
  for (const auto& [name, context] : renders) {
    auto text = (*templates)->render(name, *context);
    if (!text) return fail(text.error());
    templates_us += fastest(repeat, [&] { (void)(*templates)->render(name, *context); });
    results_us += fastest(repeat, [&] { (void)tmpl::parse_rendered(*text, name); });
  }
  return json::object{{"final", made->final},
                      {"objects", std::move(objects)},
                      {"us", fastest(repeat, [&] { (void)(*renderer)->render(environment, build, 1); })},
                      {"templates_us", templates_us},
                      {"context_us", context_us},
                      {"results_us", results_us}};
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    auto ask = parse_json(line, "stdin");
    if (!ask || !ask->is_object()) return 2;
    const json::object& o = ask->get_object();
    const int64_t repeat = int_or(o, "repeat", 100);
    auto answer = o.contains("config") ? manifests(o, repeat) : snippet(o, repeat);
    if (!answer) answer = json::object{{"error", answer.error().str()}};
    std::cout << json::serialize(*answer) << std::endl;
  }
}
