#include "manifest/explain.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "manifest/document.h"
#include "manifest/final.h"
#include "manifest/parts.h"
#include "manifest/stamped.h"

namespace lemmy::manifest {
namespace {

constexpr milliseconds kPatience{500};  // for trying inputs, of the project's template and of the standards
constexpr size_t kShown = 120;          // of a template's text

void add(std::vector<Key>& keys, Key key) {
  if (std::none_of(keys.begin(), keys.end(), [&](const Key& k) { return k.key == key.key; }))
    keys.push_back(std::move(key));
}

// What a field of a manifest got from the final JSON's field that it follows.
void pass_on(const Origin& from, How how, Origin& to) {
  if (how != How::decides)
    for (const Place& p : from.written)
      if (std::none_of(to.written.begin(), to.written.end(), [&](const Place& q) {
            return q.file == p.file && q.line == p.line && q.column == p.column;
          }))
        to.written.push_back(p);
  for (Key k : from.fed) {
    if (how == How::decides) k.how = How::decides;
    if (how == How::part && k.how == How::value) k.how = How::part;
    add(to.fed, std::move(k));
  }
}

class Explainer {
 public:
  Explainer(const config::Project& project, const std::string& environment, const tmpl::Templates& templates,
            const Build& build, int64_t deploy, Manifests m)
      : project_(project),
        environment_(*project.environment(environment)),
        templates_(templates),
        stamp_{project.name, environment, build.sha, build.branch, deploy, "", m.workload},
        context_(context_of(project, environment_, build, deploy)) {
    if (const json::object* copy = m.find(Role::files_copy))
      stamp_.config_map = text_or(copy->at("metadata").get_object(), "name");
    out_.manifests = std::move(m);
  }

  Result<Explanation> explain() {
    if (auto ok = explain_final(); !ok) return fail(ok.error());
    context_["final"] = for_standards(out_.manifests.final);
    if (auto ok = explain_standards(); !ok) return fail(ok.error());
    explain_files();
    return std::move(out_);
  }

 private:
  struct Rendered {  // by a standard
    const Part& part;
    const json::object& stamped;
    Document document;
  };

  Result<> explain_final() {
    auto d = trace_document(templates_, "template.json.j2", tmpl::Context(context_));
    if (!d) return fail(d.error());
    auto again = [&](const json::object& context) -> Result<json::value> {
      auto text = templates_.render("template.json.j2", context);
      if (!text) return fail(text.error());
      auto value = tmpl::parse_rendered(*text, "template.json.j2");
      if (value) normalise_final(*value);
      return value;
    };
    const Influences found = try_inputs(context_, out_.manifests.final, again, kPatience, "config");
    out_.complete = found.complete;
    Explained final{"final", {}};
    for (Field& f : fields(out_.manifests.final)) {
      Origin o{std::move(f.path), std::move(f.value), "", written(*d, f.steps), {}};
      if (auto of = found.of.find(f.steps); of != found.of.end())
        for (const Influence& i : of->second) add(o.fed, key(found.inputs[i.input], i.how));
      final_at_[f.steps] = final.fields.size();
      final.fields.push_back(std::move(o));
    }
    add_refused(found, final.fields);
    out_.objects.push_back(std::move(final));
    return {};
  }

  Result<> explain_standards() {
    const Manifests& m = out_.manifests;
    std::vector<Rendered> parts;
    json::object all;
    for (const Part* part : {&controller_part(m.workload), &kAutoscaler, &kService}) {
      const json::object* stamped = m.find(part->role);
      if (!stamped) continue;
      auto d = trace_document(templates_, std::string(part->standard), tmpl::Context(context_));
      if (!d) return fail(d.error());
      all[part->kind] = d->value;
      parts.push_back({*part, *stamped, std::move(*d)});
    }
    // A standard that refuses another value says nothing of it; the others do.
    auto again = [&](const json::object& context) -> Result<json::value> {
      json::object out = all;
      for (const Rendered& r : parts) {
        auto text = templates_.render(std::string(r.part.standard), context);
        if (!text) continue;
        if (auto value = parse_json(*text, "")) out[r.part.kind] = std::move(*value);
      }
      return out;
    };
    const Influences found = try_inputs(context_, all, again, kPatience);
    out_.complete = out_.complete && found.complete;
    for (const Rendered& r : parts) out_.objects.push_back(explained(r, found));
    return {};
  }

  Explained explained(const Rendered& r, const Influences& found) const {
    Explained out{std::string(r.part.kind), {}};
    const auto stamped = stamped_fields(r.document.value, r.part, stamp_);
    for (Field& f : fields(r.stamped)) {
      Origin o{std::move(f.path), std::move(f.value), "", {}, {}};
      if (auto rule = stamped.find(f.steps); rule != stamped.end())
        o.rule = rule->second;
      else
        follow(r, f.steps, found, o);
      out.fields.push_back(std::move(o));
    }
    return out;
  }

  void follow(const Rendered& r, const Steps& steps, const Influences& found, Origin& o) const {
    Steps in_all = steps;
    in_all.insert(in_all.begin(), Step{std::string(r.part.kind)});
    if (auto of = found.of.find(in_all); of != found.of.end())
      for (const Influence& i : of->second) {
        const Field& input = found.inputs[i.input];
        if (input.steps[0].key != "final") {
          add(o.fed, key(input, i.how));
          continue;
        }
        auto at = final_at_.find(Steps(input.steps.begin() + 1, input.steps.end()));
        if (at != final_at_.end()) pass_on(out_.objects[0].fields[at->second], i.how, o);
      }
    for (Place& p : written(r.document, steps)) o.written.push_back(std::move(p));
  }

  void explain_files() {
    const json::object* files = out_.manifests.find(Role::files);
    if (!files) return;
    Explained map{"ConfigMap", {}};
    for (Field& f : fields(*files)) {
      Origin o{std::move(f.path), std::move(f.value), "", {}, {}};
      if (f.steps[0].key == "data")
        o.written.push_back(
            {fmt::format("projects/{}/config/{}", project_.name, f.steps[1].key), 1, 1, 1, 1, "", true});
      else
        o.rule = rule_of(f.steps);
      map.fields.push_back(std::move(o));
    }
    out_.objects.push_back(std::move(map));
  }

  std::vector<Place> written(const Document& d, const Steps& steps) const {
    std::vector<Place> out;
    auto range = range_of(d, steps);
    if (!range) return out;
    for (const tmpl::Range& r : tmpl::writers(d.traced, range->first, range->second)) {
      const tmpl::Source& source = templates_.sources()[r.source];
      Place p;
      p.file = file_of(project_.name, source.name);
      std::tie(p.line, p.column) = line_and_column(source.text, r.from);
      std::tie(p.end_line, p.end_column) = line_and_column(source.text, std::max(r.from + 1, r.until) - 1);
      p.text = shorten(std::string_view(source.text).substr(r.from, r.until - r.from), kShown);
      p.literal = r.literal;
      const auto& ours = default_standards();
      p.built_in = std::any_of(ours.begin(), ours.end(), [&](const tmpl::Source& s) {
        return s.name == source.name && s.text == source.text;
      });
      out.push_back(std::move(p));
    }
    return out;
  }

  Key key(const Field& input, How how) const {
    if (input.steps[0].key != "config") return {index_path(input.steps), "", 0, how};
    std::string pointer;
    Steps steps = input.steps;
    steps[0].key = environment_.name;
    for (size_t i = 1; i < steps.size(); ++i)
      pointer += config::pointer_step(steps[i].in_list ? std::to_string(steps[i].index) : steps[i].key);
    auto line = environment_.lines.find(pointer);
    return {index_path(steps), fmt::format("projects/{}/environments.json", project_.name),
            line == environment_.lines.end() ? environment_.line : line->second, how};
  }

  // Inputs whose change the template refused, at the line where it did, to the fields that line wrote.
  void add_refused(const Influences& found, std::vector<Origin>& origins) const {
    for (const auto& [input, where] : found.refused) {
      auto parts = split(where, ':');
      if (parts.size() < 2) continue;
      const std::string file = file_of(project_.name, std::string(parts[0]));
      const size_t line = std::strtoul(std::string(parts[1]).c_str(), nullptr, 10);
      for (Origin& o : origins)
        for (const Place& p : o.written)
          if (p.file == file && !p.literal && p.line <= line && line <= p.end_line) {
            o.fed.push_back(key(found.inputs[input], How::maybe));
            break;
          }
    }
  }

  const config::Project& project_;
  const config::ProjectEnvironment& environment_;
  const tmpl::Templates& templates_;
  Stamp stamp_;
  json::object context_;
  Explanation out_;
  std::map<Steps, size_t> final_at_;  // index in the fields of "final"
};

}  // namespace

Result<Explanation> Renderer::explain(const std::string& environment, const Build& build,
                                      int64_t deploy) const {
  auto m = render(environment, build, deploy);
  if (!m) return fail(m.error());
  return Explainer(project_, environment, *templates_, build, deploy, std::move(*m)).explain();
}

}  // namespace lemmy::manifest
