#include "manifest/influence.h"

#include <time.h>

#include <algorithm>
#include <set>

#include "base/strings.h"

namespace lemmy::manifest {
namespace {

// Other values of the same kind; the second is for templates to which the first makes no difference.
std::vector<json::value> others(const json::value& v) {
  std::vector<json::value> out;
  auto may_be = [&](json::value other) {
    if (other != v) out.push_back(std::move(other));
  };
  if (const json::string* s = v.if_string()) {
    const auto number = whole_number(*s);
    // A number as a text may go through `| int`.
    may_be(json::value(number && *number < INT64_MAX ? std::to_string(*number + 1) : std::string(*s) + "x"));
    may_be(json::value(""));
  } else if (v.is_bool()) {
    may_be(!v.get_bool());
  } else if (v.is_number()) {
    if (v.is_double()) may_be(v.get_double() + 1);
    if (v.is_int64()) may_be(v.get_int64() < INT64_MAX ? v.get_int64() + 1 : v.get_int64() - 1);
    if (v.is_uint64()) may_be(v.get_uint64() - 1);
    may_be(0);
  } else if (v.is_object()) {
    may_be(json::object{{"x", "x"}});
  } else if (v.is_array()) {
    may_be(json::array{"x"});
  } else {
    may_be("x");
  }
  return out;
}

// Of this thread: a busy machine must not make an explanation poorer.
milliseconds cpu_time() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return milliseconds{t.tv_sec * 1000 + t.tv_nsec / 1'000'000};
}

class Comparison {
 public:
  explicit Comparison(const json::value& document) : fields_(fields(document)) {}

  // The fields that are not as they were; with `gone`, those that are no longer there.
  std::map<Steps, How> with(const json::value& other) const {
    std::vector<Field> now = fields(other);
    std::map<Steps, How> out;
    const bool same_shape = std::equal(now.begin(), now.end(), fields_.begin(), fields_.end(),
                                       [](const Field& a, const Field& b) { return a.steps == b.steps; });
    if (same_shape) {
      for (size_t i = 0; i < now.size(); ++i)
        if (now[i].value != fields_[i].value) out[fields_[i].steps] = How::part;
      return out;
    }
    std::map<std::string_view, const json::value*> by_path;
    for (const Field& f : now) by_path[f.path] = &f.value;
    for (const Field& f : fields_) {
      auto found = by_path.find(f.path);
      if (found == by_path.end())
        out[f.steps] = How::decides;
      else if (*found->second != f.value)
        out[f.steps] = How::part;
    }
    return out;
  }
  const std::vector<Field>& all() const { return fields_; }

 private:
  std::vector<Field> fields_;
};

json::object without(const json::object& context, const Steps& steps) {
  json::value out = context;
  json::value* parent = value_at(out, Steps(steps.begin(), steps.end() - 1));
  parent->get_object().stable_erase(steps.back().key);
  return std::move(out.get_object());
}

bool equal(const json::value& field, const json::value& input) {
  return field == input || (field.is_string() && shown_value(field) == shown_value(input));
}

}  // namespace

std::string_view name(How how) {
  constexpr std::string_view names[] = {"value", "part", "decides", "maybe"};
  return names[static_cast<int>(how)];
}

Influences try_inputs(const json::object& context, const json::value& document, const Rerender& render,
                      milliseconds limit, std::string_view taken_away) {
  const milliseconds end = cpu_time() + limit;
  const Comparison before(document);
  std::map<Steps, const json::value*> values;
  for (const Field& f : before.all()) values[f.steps] = &f.value;
  Influences out;
  json::value changed = context;
  out.inputs = fields(changed);
  for (size_t i = 0; i < out.inputs.size(); ++i) {
    if (cpu_time() > end) {
      out.complete = false;
      break;
    }
    const Field& input = out.inputs[i];
    json::value& place = *value_at(changed, input.steps);
    std::map<Steps, How> follow;
    std::string refused;
    for (json::value& other : others(input.value)) {
      place = std::move(other);
      auto again = render(changed.get_object());
      if (again)
        follow = before.with(*again);
      else
        refused = again.error().where;
      if (!follow.empty()) break;
    }
    place = input.value;
    if (input.steps[0].key == taken_away && !input.steps.back().in_list)
      if (auto again = render(without(context, input.steps)))
        for (const auto& [steps, how] : before.with(*again))
          if (how == How::decides) follow.emplace(steps, how);
    for (const auto& [steps, how] : follow) {
      const bool whole = how == How::part && equal(*values[steps], input.value);
      out.of[steps].push_back({i, whole ? How::value : how});
    }
    if (follow.empty() && !refused.empty()) out.refused.push_back({i, refused});
  }
  return out;
}

}  // namespace lemmy::manifest
