#include "config/reader.h"

#include <fmt/format.h>

#include "base/strings.h"

namespace lemmy::config {

Reader::Reader(YAML::Node node, std::string file, std::string path, Problems& problems)
    : node_(std::move(node)), file_(std::move(file)), path_(std::move(path)), problems_(problems) {
  is_map_ = node_.IsMap();
  if (!is_map_ && !node_.IsNull())
    problems_.push_back({ErrorCode::invalid, where(node_.Mark()), "a mapping (key: value) is expected here"});
  if (!is_map_) return;
  std::set<std::string> seen;
  for (const auto& item : node_)
    if (!seen.insert(item.first.Scalar()).second)
      problems_.push_back(
          {ErrorCode::invalid, where(item.first.Mark(), item.first.Scalar()), "the key stands here twice"});
}

std::string Reader::where(const YAML::Mark& mark, const std::string& key) const {
  std::string at = path_.empty() || key.empty() ? path_ + key : path_ + "." + key;
  std::string out = mark.is_null() ? file_ : fmt::format("{}:{}:{}", file_, mark.line + 1, mark.column + 1);
  return at.empty() ? out : out + " " + at;
}

YAML::Node Reader::get(const char* key) {
  known_.insert(key);
  return is_map_ ? std::as_const(node_)[key] : YAML::Node(YAML::NodeType::Undefined);
}

bool Reader::has(const char* key) { return get(key).IsDefined(); }

void Reader::problem(const char* key, std::string what, std::string hint) {
  YAML::Node v = get(key);
  problems_.push_back({ErrorCode::invalid, where(v.IsDefined() ? v.Mark() : node_.Mark(), key),
                       std::move(what), std::move(hint)});
}

std::string Reader::text(const char* key, std::string otherwise) {
  YAML::Node v = get(key);
  if (!v.IsDefined() || v.IsNull()) return otherwise;
  if (v.IsScalar()) return v.Scalar();
  problem(key, "a text is expected");
  return otherwise;
}

bool Reader::flag(const char* key, bool otherwise) {
  std::string v = text(key);
  if (v.empty()) return otherwise;
  if (v != "true" && v != "false") problem(key, fmt::format("'{}' is neither true nor false", v));
  return v == "true";
}

int Reader::number(const char* key, int otherwise, int least, int most) {
  YAML::Node v = get(key);
  if (!v.IsDefined()) return otherwise;
  int n = 0;
  if (v.IsScalar() && YAML::convert<int>::decode(v, n) && n >= least && n <= most) return n;
  problem(key, fmt::format("a whole number from {} to {} is expected", least, most));
  return otherwise;
}

std::optional<milliseconds> Reader::duration(const char* key) {
  std::string v = text(key);
  if (v.empty()) return std::nullopt;
  auto d = parse_duration(v);
  if (d) return *d;
  problem(key, d.error().what, d.error().hint);
  return std::nullopt;
}

std::vector<std::string> Reader::texts(const char* key) {
  YAML::Node v = get(key);
  std::vector<std::string> out;
  if (!v.IsDefined() || v.IsNull()) return out;
  if (!v.IsSequence()) {
    problem(key, "a list is expected", fmt::format("{}: [one, two]", key));
    return out;
  }
  for (const YAML::Node& item : v)
    if (item.IsScalar())
      out.push_back(item.Scalar());
    else
      problem(key, "a list of texts is expected");
  return out;
}

void Reader::each(const char* key, const std::function<void(Reader&)>& f) {
  YAML::Node v = get(key);
  if (!v.IsDefined() || v.IsNull()) return;
  if (!v.IsSequence()) return problem(key, "a list is expected");
  int i = 0;
  for (const YAML::Node& item : v) {
    Reader r(item, file_, fmt::format("{}{}{}[{}]", path_, path_.empty() ? "" : ".", key, i++), problems_);
    f(r);
    r.finish();
  }
}

void Reader::mapping(const char* key, const std::function<void(Reader&)>& f) {
  YAML::Node v = get(key);
  if (!v.IsDefined() || v.IsNull()) return;
  Reader r(v, file_, path_.empty() ? key : path_ + "." + key, problems_);
  f(r);
  r.finish();
}

void Reader::entries(const char* key, const std::function<void(const std::string&, Reader&)>& f) {
  YAML::Node v = get(key);
  if (!v.IsDefined() || v.IsNull()) return;
  if (!v.IsMap()) return problem(key, "a mapping of names is expected");
  for (const auto& item : v) {
    std::string name = item.first.Scalar();
    Reader r(item.second, file_, fmt::format("{}{}{}.{}", path_, path_.empty() ? "" : ".", key, name),
             problems_);
    f(name, r);
    r.finish();
  }
}

void Reader::finish() {
  if (!is_map_) return;
  std::vector<std::string> known(known_.begin(), known_.end());
  for (const auto& item : node_) {
    const std::string& key = item.first.Scalar();
    if (known_.contains(key)) continue;
    auto near = nearest(key, known);
    problems_.push_back(
        {ErrorCode::invalid, where(item.first.Mark(), key), fmt::format("unknown key '{}'", key),
         near ? fmt::format("did you mean '{}'?", *near) : "known are: " + join(known, ", ")});
  }
}

std::optional<YAML::Node> parse_yaml(const std::string& text, const std::string& file, Problems& problems) {
  try {
    return YAML::Load(text);
  } catch (const YAML::Exception& e) {
    problems.push_back({ErrorCode::invalid, fmt::format("{}:{}:{}", file, e.mark.line + 1, e.mark.column + 1),
                        "this is not valid YAML: " + e.msg});
    return std::nullopt;
  }
}

}  // namespace lemmy::config
