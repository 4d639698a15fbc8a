#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "config/loader.h"
#include "domain/names.h"

namespace lemmy::config {

namespace fs = std::filesystem;

namespace {

constexpr size_t kConfigMap = 1 << 20;  // Kubernetes' own limit on a ConfigMap
constexpr std::string_view kLower = "abcdefghijklmnopqrstuvwxyz", kUpper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                           kDigits = "0123456789";

bool all_of(std::string_view text, std::string_view more) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return kLower.contains(c) || kUpper.contains(c) || kDigits.contains(c) || more.contains(c);
  });
}

// Kubernetes' quantities: 100m, 0.5, 64Mi, 1e3.
bool is_quantity(std::string_view text) {
  size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  std::string_view number = text.substr(0, digits), unit = text.substr(digits);
  if (number.empty() || number == "." || std::count(number.begin(), number.end(), '.') > 1) return false;
  for (std::string_view u :
       {"", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"})
    if (unit == u) return true;
  return unit.size() > 1 && (unit[0] == 'e' || unit[0] == 'E') &&
         unit.substr(1).find_first_not_of(kDigits) == unit.npos;
}

// What people write where JSON wants something else.
Error explained(Error e, const std::string& text) {
  const auto [line, column] = place_of(e);
  e.detail = excerpt(text, line, column);
  auto lines = split(text, '\n');
  std::string_view rest = line <= lines.size() ? lines[line - 1] : std::string_view();
  rest = trim(rest.substr(std::min(column - 1, rest.size())));
  if (!e.hint.empty()) return e;
  if (trim(text).empty())
    e.hint = R"(the file is empty: {"staging": {"replicas": 2}} would do)";
  else if (e.what.ends_with("incomplete JSON"))
    e.hint = "a closing } or ] or a quotation mark is missing";
  else if (rest.starts_with("//") || rest.starts_with("#") || rest.starts_with("/*"))
    e.hint = "JSON has no comments";
  else if (rest.starts_with("'"))
    e.hint = "JSON wants double quotation marks";
  else if (rest.starts_with("}") || rest.starts_with("]") || rest.starts_with(","))
    e.hint = "is there a comma too many before it?";
  else
    e.hint = "is a comma missing before it, or a quotation mark?";
  return e;
}

void note_lines(const Node& node, const std::string& pointer, std::map<std::string, int>& lines) {
  for (size_t i = 0; i < node.items.size(); ++i) {
    const bool keyed = node.is(Node::Kind::map);
    const std::string below = pointer + pointer_step(keyed ? node.keys[i].text : std::to_string(i));
    lines[below] = keyed ? node.keys[i].place.line : node.items[i].place.line;
    note_lines(node.items[i], below, lines);
  }
}

}  // namespace

std::string pointer_step(std::string_view key) {
  std::string out = "/";
  for (char c : key)
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  return out;
}

void Loader::project(const fs::path& dir) {
  Project p;
  p.name = dir.filename().string();
  if (auto ok = check_project_name(p.name); !ok) return problem(dir, ok.error().what, ok.error().hint);
  std::error_code ec;
  if (!fs::exists(dir / "project.yaml", ec))
    return problem(dir / "project.yaml", "the file is missing",
                   near_file(dir / "project.yaml", "an empty one will do"));
  project_yaml(dir, p);
  environments_json(dir / "environments.json", p);
  p.templates = folder(dir, 1 << 20, ".j2");
  auto uses = [&](Deployer d) {
    return std::any_of(p.environments.begin(), p.environments.end(),
                       [&](const ProjectEnvironment& e) { return e.deployer == d; });
  };
  bool has_template = std::any_of(p.templates.begin(), p.templates.end(),
                                  [](const File& f) { return f.name == "template.json.j2"; });
  if (!has_template && !fs::exists(dir / "template.json.j2", ec) && uses(Deployer::kubernetes))
    problem(dir / "template.json.j2", "the project's template is missing",
            near_file(dir / "template.json.j2", "docs/templates.md shows one"));
  if (uses(Deployer::ansible)) check_playbook(dir, p);
  strays_of_project(dir, p);
  p.files = folder(dir / "config", kConfigMap);
  for (const File& f : p.files)
    if (f.name.size() > 253 || !all_of(f.name, "-_."))
      problem(dir / "config" / f.name, "a ConfigMap cannot hold a file of this name",
              "use letters, digits, '-', '_' and '.'");
  out_->projects[p.name] = std::move(p);
}

void Loader::project_yaml(const fs::path& dir, Project& p) {
  p.playbook = p.name + ".yml";
  yaml(dir / "project.yaml", kProject, [&](Reader& r) {
    using namespace std::chrono;
    p.deployer = r.deployer(Deployer::kubernetes);
    p.workload = r.workload(p.workload);
    p.description = r.text("description");
    p.owners = r.texts("owners");
    r.each("links", kLink, [&](Reader& l) {
      Link link{l.text("title"), l.text("url")};
      if (link.url.empty())
        l.problem("url", "the url is missing", "a link has title and url");
      else if (!link.url.starts_with("http://") && !link.url.starts_with("https://"))
        l.problem("url", "only http and https addresses are taken");
      if (link.title.empty()) link.title = link.url;
      p.links.push_back(link);
    });
    p.deadline = r.duration("deadline", seconds{1}, hours{24}).value_or(p.deadline);
    p.timeout = r.duration("timeout", seconds{1}, hours{24}).value_or(p.timeout);
    p.settle = r.duration("settle", seconds{0}, hours{1}).value_or(p.settle);
    p.crash_loops = r.number("crash_loops", p.crash_loops, 0, 100);
    p.wait_for_config = r.duration("wait_for_config", seconds{0}, hours{1}).value_or(p.wait_for_config);
    p.history = r.number("history", p.history, 1, 500);
    p.service = r.flag("service", true);
    p.hosts = r.text("hosts");
    if (p.hosts.starts_with("-") || p.hosts.size() > 1000)
      r.problem("hosts", "this is not a host pattern", "leave it out for project_NAME:&environment_NAME");
    p.playbook = r.text("playbook", p.playbook);
    if (p.playbook.starts_with("-") || p.playbook.starts_with("/") || p.playbook.contains(".."))
      r.problem("playbook", "this is not the name of a file in ansible/playbooks/");
    const std::string boot = r.text("boot", "deployed");
    p.boot_newest = boot == "newest";
    p.boot_branch = r.text("boot_branch");
    if (!p.boot_branch.empty() && !p.boot_newest)
      r.problem("boot_branch", "it is only for boot: newest",
                "hosts that boot get the build that was deployed");
    if (boot != "deployed" && boot != "newest")
      r.problem("boot", fmt::format("'{}' is no build for hosts that boot", shorten(boot, 40)),
                "deployed (the one that was deployed last) or newest (the newest that was built)");
  });
}

void Loader::check_playbook(const fs::path& dir, const Project& p) {
  fs::path file = dir_ / "ansible/playbooks" / p.playbook;
  std::error_code ec;
  if (!fs::is_regular_file(file, ec))
    problem(dir / "project.yaml", fmt::format("its playbook {} is missing", shown(file)),
            near_file(file, "write it, or name another one with playbook"));
}

void Loader::environments_json(const fs::path& path, Project& p) {
  auto text =
      read(path, 4 << 20, R"(it holds the project's environments: {"staging": {"replicas": 2}} would do)");
  if (!text) return;
  auto parsed = parse_json(*text, shown(path));
  if (!parsed) {
    problems_.push_back(explained(parsed.error(), *text));
    return;
  }
  if (!parsed->is_object() || parsed->get_object().empty())
    return problem(path, "an object of environments is expected", R"({"staging": {"replicas": 2}})");
  Node top = place_json(without_byte_order_mark(*text));
  for (size_t i = 0; i < top.items.size(); ++i) {
    const Node::Key& key = top.keys[i];
    Reader r(top.items[i], kValues, shown(path), key.text, problems_);
    if (auto ok = check_environment_name(key.text); !ok)
      r.problem_at(key.place, key.text, ok.error().what, ok.error().hint);
    if (p.environment(key.text)) r.problem_at(key.place, key.text, "this environment stands here twice");
    ProjectEnvironment env{key.text, {}, key.place.line, {}, p.deployer, p.workload};
    note_lines(top.items[i], "", env.lines);
    check_values(r, env);
    if (const json::value* values = find(*parsed, {key.text}); values && values->is_object())
      env.values = values->get_object();
    else
      r.problem_at(key.place, key.text, "an object is expected", "{} will do");
    p.environments.push_back(std::move(env));
  }
}

// What a template needs beyond the known keys goes under `vars`.
void Loader::check_values(Reader& r, ProjectEnvironment& env) {
  r.number("replicas", 1, 0, 1000);
  r.mapping("autoscale", kAutoscale, [](Reader& a) {
    int least = a.number("min", 1, 1, 1000), most = a.number("max", least, 1, 1000);
    a.number("cpu", 80, 1, 1000);
    if (!a.has("max")) a.problem("max", "the most replicas are missing");
    if (most < least) a.problem("max", "max is less than min");
  });
  r.scalars("env", [&](const Node::Key& key, const Node&) {
    bool digit_first = !key.text.empty() && kDigits.contains(key.text[0]);
    if (key.text.empty() || digit_first || !all_of(key.text, "-_."))
      r.problem_at(key.place, r.path("env") + "." + key.text,
                   "this is not the name of an environment variable");
  });
  r.mapping("resources", kResources, [](Reader& s) {
    for (const char* part : {"requests", "limits"})
      s.scalars(part, [&](const Node::Key& key, const Node& value) {
        if (!is_quantity(value.text))
          s.problem_at(value.place, s.path(part) + "." + key.text,
                       fmt::format("'{}' is not a quantity", shorten(value.text, 80)),
                       "such as 100m or 0.5 of cpu, 64Mi or 1Gi of memory");
      });
  });
  env.deployer = r.deployer(env.deployer);
  env.workload = r.workload(env.workload);
  r.free_form("vars");
}

std::string hosts_pattern(const Project& project, std::string_view environment) {
  auto group = [](std::string_view name) {
    std::string out(name);
    std::replace(out.begin(), out.end(), '-', '_');
    return out;
  };
  std::string out = project.hosts.empty() ? "project_{project}:&environment_{environment}" : project.hosts;
  for (auto [mark, name] : {std::pair{std::string_view("{project}"), std::string_view(project.name)},
                            std::pair{std::string_view("{environment}"), environment}})
    for (size_t at = 0; (at = out.find(mark, at)) != out.npos;) {
      out.replace(at, mark.size(), group(name));
      at += name.size();
    }
  return out;
}

}  // namespace lemmy::config
