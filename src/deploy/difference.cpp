#include "deploy/difference.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "deploy/place.h"
#include "domain/names.h"

namespace lemmy::deploy {
namespace {

constexpr size_t kFields = 200, kShown = 400;
constexpr int kPage = 200, kPages = 10;

json::object side(const Made& m) {
  const Deploy& d = m.deploy;
  json::object o{{"number", d.number},
                 {"sha", d.sha},
                 {"short_sha", short_sha(d.sha)},
                 {"branch", d.branch},
                 {"url", m.build ? m.build->url : ""},
                 {"author", m.build ? m.build->author : ""},
                 {"message", m.build ? shorten(m.build->message, kShown) : ""}};
  o["live_since"] = d.serving_since ? json::value(format_time(*d.serving_since)) : json::value(nullptr);
  return o;
}

json::object version(const std::string& before, const std::string& after) {
  return {{"state", change_of(before, after)}, {"before", before}, {"after", after}};
}

bool differs(const json::object& version) {
  const std::string_view state = text_or(version, "state");
  return state != "none" && state != "same" && state != "unknown";
}

json::object parsed_object(const std::string& text) {
  auto v = parse_json(text, "");
  return v && v->is_object() ? std::move(v->get_object()) : json::object{};
}

json::array parsed_list(const std::string& text) {
  auto v = parse_json(text, "");
  return v && v->is_array() ? std::move(v->get_array()) : json::array{};
}

manifest::Sent sent(const Made& m) {
  manifest::Sent out;
  out.final = parsed_object(m.final);
  out.manifests = parsed_list(m.manifests);
  json::object origins = parsed_object(m.origins);
  if (json::value* objects = origins.if_contains("objects"); objects && objects->is_object())
    out.origins = std::move(objects->get_object());
  return out;
}

json::object field_json(const manifest::FieldChange& c) {
  auto [before, after] = manifest::shown_values(c.change, kShown);
  auto given = [](bool there, std::string& text) {
    return there ? json::value(std::move(text)) : json::value(nullptr);
  };
  return {{"object", c.object},
          {"path", c.change.path},
          {"change", kind_of(c.change)},
          {"before", given(c.change.before.has_value(), before)},
          {"after", given(c.change.after.has_value(), after)},
          {"from", c.from},
          {"by_build", c.by_build}};
}

std::string why_not(const Made& before, const Made& after) {
  if (before.deploy.deployer != after.deploy.deployer)
    return "one went to pods and the other to hosts: their fields cannot be compared";
  const bool hosts = traits_of(after.deploy).in_place;
  for (const Made* m : {&before, &after})
    if (hosts ? m->environment.empty() : m->manifests.empty())
      return fmt::format("what #{} was made of is not kept: it did not get so far, or it was forgotten",
                         m->deploy.number);
  return "";
}

// Fields that follow the build are the build; those of the ConfigMap are told by its own word.
std::string summary(const json::object& d, const std::vector<manifest::FieldChange>& fields) {
  std::vector<std::string> parts;
  const json::object& build = d.at("build").get_object();
  if (!bool_or(build, "same"))
    parts.push_back(fmt::format("the build ({} -> {})", text_or(build.at("before").get_object(), "short_sha"),
                                text_or(build.at("after").get_object(), "short_sha")));
  const size_t own = std::count_if(fields.begin(), fields.end(), [&](const manifest::FieldChange& c) {
    return !c.by_build && c.object != "ConfigMap";
  });
  if (own > 0) parts.push_back(fmt::format("{} field{} of the configuration", own, own == 1 ? "" : "s"));
  if (differs(d.at("config_map").get_object())) parts.emplace_back("the ConfigMap");
  if (differs(d.at("secret").get_object())) parts.emplace_back("the Secret");
  const std::string why(text_or(d, "fields_why"));
  if (parts.empty())
    return why.empty() ? "nothing that Lemmy knows of differs: the build and the configuration are the same"
                       : why;
  std::string text = join_and(parts);
  const bool one = parts.size() == 1 && own < 2;
  return text + (one ? " differs" : " differ") + (why.empty() ? "" : "; " + why);
}

}  // namespace

std::string_view change_of(const std::string& before, const std::string& after) {
  if (before == kUnknownSecret || after == kUnknownSecret) return "unknown";
  if (before == after) return before.empty() ? "none" : "same";
  return before.empty() ? "added" : after.empty() ? "removed" : "changed";
}

std::string compare_url(const std::string& before, const std::string& after) {
  auto cut = [](const std::string& url) -> std::pair<std::string, std::string> {
    constexpr std::string_view kMark = "/commit/";
    const size_t at = url.rfind(kMark);
    if (at == url.npos) return {};
    std::string sha = url.substr(at + kMark.size());
    if (!check_sha(sha)) return {};
    return {url.substr(0, at), std::move(sha)};
  };
  const auto [was_at, was] = cut(before);
  const auto [is_at, is] = cut(after);
  if (was_at.empty() || was_at != is_at || was == is) return "";
  return fmt::format("{}/compare/{}...{}", is_at, was, is);
}

json::object difference(const Made& before, const Made& after) {
  json::object out;
  const bool same = before.deploy.sha == after.deploy.sha;
  json::object& build = out["build"].emplace_object();
  build["same"] = same;
  build["before"] = side(before);
  build["after"] = side(after);
  std::string url;
  if (!same && before.build && after.build) {
    // From the older one: the other way round no commits are shown.
    const bool back = after.build->first_pushed_at < before.build->first_pushed_at;
    url = back ? compare_url(after.build->url, before.build->url)
               : compare_url(before.build->url, after.build->url);
  }
  build["compare_url"] = url;

  std::string why = why_not(before, after);
  std::vector<manifest::FieldChange> fields;
  json::array images;
  if (why.empty() && traits_of(after.deploy).in_place) {
    fields = manifest::compare({{"variables", parsed_object(before.environment)}},
                               {{"variables", parsed_object(after.environment)}});
  } else if (why.empty()) {
    const Deploy& d = after.deploy;
    manifest::Sent was = sent(before), is = sent(after);
    images = manifest::compare_images(was.manifests, is.manifests);
    fields = manifest::what_differs(
        std::move(was), is,
        {d.target.project, d.target.environment, d.sha, d.branch, d.number, d.config_map});
  }
  json::array& shown = out["fields"].emplace_array();
  for (size_t i = 0; i < std::min(fields.size(), kFields); ++i) shown.push_back(field_json(fields[i]));
  out["left_out"] = fields.size() - shown.size();
  out["fields_why"] = std::move(why);
  out["images"] = std::move(images);
  // What was not even rendered has no ConfigMap that could be missing.
  auto config_map = [](const Made& m) {
    const bool known = !m.deploy.config_map.empty() || !m.manifests.empty() ||
                       m.deploy.presence != Presence::none || traits_of(m.deploy).in_place;
    return known ? m.deploy.config_map : kUnknownSecret;
  };
  out["config_map"] = version(config_map(before), config_map(after));
  out["secret"] = version(before.deploy.secret_version, after.deploy.secret_version);
  out["summary"] = summary(out, fields);
  return out;
}

// What the cluster refused has its manifests, but nobody wrote their ConfigMap's name: its copy tells.
static std::string copy_in(const std::string& manifests) {
  for (const json::value& v : parsed_list(manifests))
    if (const json::value* name = find(v, {"metadata", "name"});
        name && name->is_string() && text_or(v.get_object(), "kind") == "ConfigMap" &&
        bool_or(v.get_object(), "immutable"))
      return std::string(name->get_string());
  return "";
}

Task<Result<Made>> read_made(store::Store* store, Deploy d) {
  Made m;
  auto build = co_await store->build(d.target.project, d.sha);
  if (build)
    m.build = std::move(*build);
  else if (build.error().code != ErrorCode::not_found)
    co_return fail(build.error());
  for (auto [name, text] : {std::pair{"manifests", &m.manifests}, std::pair{"final", &m.final},
                            std::pair{"origins", &m.origins}, std::pair{"environment", &m.environment}}) {
    auto kept = co_await store->document(d.target, d.number, name);
    if (kept)
      *text = std::move(*kept);
    else if (kept.error().code != ErrorCode::not_found)
      co_return fail(kept.error());
  }
  m.deploy = std::move(d);
  if (m.deploy.config_map.empty()) m.deploy.config_map = copy_in(m.manifests);
  co_return m;
}

Task<Result<std::optional<Deploy>>> last_good(store::Store* store, Target target, int64_t number) {
  store::Page page{kPage, ""};
  for (int i = 0; i < kPages; ++i) {
    auto listing = co_await store->deploys(target, page);
    if (!listing) co_return fail(listing.error());
    for (Deploy& d : listing->items)
      if (d.number < number && d.phase == Phase::live) co_return std::optional(std::move(d));
    if (listing->next.empty()) break;
    page.after = listing->next;
  }
  co_return std::optional<Deploy>();
}

Task<json::object> since_last_good(store::Store* store, Pool* pool, Made made) {
  json::object out{{"last_good", nullptr}, {"difference", nullptr}, {"why", ""}};
  const Target target = made.deploy.target;
  auto good = co_await last_good(store, target, made.deploy.number);
  if (!good) {
    out["why"] = "the store does not tell: " + good.error().str();
    co_return out;
  }
  if (!*good) {
    out["why"] = "no earlier deploy of " + target.str() + " went live: there is nothing to compare it with";
    co_return out;
  }
  out["last_good"] = (*good)->number;
  auto before = co_await read_made(store, **good);
  if (!before) {
    out["why"] = "the store does not tell: " + before.error().str();
    co_return out;
  }
  auto found = co_await pool->run(
      [before = std::move(*before), after = std::move(made)] { return difference(before, after); });
  out["difference"] = std::move(found);
  co_return out;
}

}  // namespace lemmy::deploy
