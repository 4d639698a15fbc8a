#include "config/tree.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "base/strings.h"

namespace lemmy::config {

const Node* Node::find(std::string_view key) const {
  for (size_t i = 0; i < keys.size(); ++i)
    if (keys[i].text == key) return &items[i];
  return nullptr;
}

namespace {

struct TooMuch {};

// Aliases are copied out, so a small file can make a large tree: hence the count.
class FromYaml {
 public:
  Node node(const YAML::Node& y, int depth = 0) {
    if (depth > 64 || ++count_ > 100'000) throw TooMuch{};
    Node n;
    n.place = place(y.Mark());
    if (y.IsScalar()) {
      n.kind = Node::Kind::scalar;
      n.text = y.Scalar();
      n.quoted = y.Tag() == "!";
    } else if (y.IsSequence()) {
      n.kind = Node::Kind::list;
      for (const YAML::Node& item : y) n.items.push_back(node(item, depth + 1));
    } else if (y.IsMap()) {
      n.kind = Node::Kind::map;
      for (const auto& item : y) {
        if (!item.first.IsScalar()) throw YAML::Exception(item.first.Mark(), "a key must be a plain text");
        n.keys.push_back({item.first.Scalar(), place(item.first.Mark())});
        n.items.push_back(node(item.second, depth + 1));
      }
    }
    return n;
  }

 private:
  static Place place(const YAML::Mark& m) { return m.is_null() ? Place{} : Place{m.line + 1, m.column + 1}; }
  int count_ = 0;
};

// Only places are new here: the text was parsed before.
class FromJson {
 public:
  explicit FromJson(std::string_view text) : text_(text) {}
  Node node() {
    space();
    Node n;
    n.place = {line_, column_};
    char c = peek();
    if (c == '{') {
      n.kind = Node::Kind::map;
      list('}', [&] {
        Place at{line_, column_};
        n.keys.push_back({string(), at});
        space();
        step();  // ':'
        n.items.push_back(node());
      });
    } else if (c == '[') {
      n.kind = Node::Kind::list;
      list(']', [&] { n.items.push_back(node()); });
    } else if (c == '"') {
      n.kind = Node::Kind::scalar;
      n.quoted = true;
      n.text = string();
    } else {
      size_t start = at_;
      while (at_ < text_.size() && std::string_view(",]} \t\r\n").find(peek()) == std::string_view::npos)
        step();
      n.text = text_.substr(start, at_ - start);
      n.kind = n.text == "null" ? Node::Kind::null : Node::Kind::scalar;
    }
    return n;
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void step() {
    if (at_ >= text_.size()) return;
    column_ = text_[at_] == '\n' ? 1 : column_ + 1;
    line_ += text_[at_++] == '\n';
  }
  void space() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\r' || peek() == '\n') step();
  }
  template <class Item>
  void list(char end, Item item) {
    step();
    for (space(); peek() != end && peek(); space()) {
      item();
      space();
      if (peek() == ',') step();
    }
    step();
  }
  std::string string() {
    size_t start = at_;
    for (step(); peek() && peek() != '"'; step())
      if (peek() == '\\') step();
    step();
    boost::system::error_code ec;
    json::value v = json::parse({text_.data() + start, at_ - start}, ec);
    return v.is_string() ? std::string(v.get_string()) : std::string();
  }

  std::string_view text_;
  size_t at_ = 0;
  int line_ = 1, column_ = 1;
};

}  // namespace

std::optional<Node> parse_yaml(const std::string& text, const std::string& file, Problems& problems) {
  auto bad = [&](const YAML::Mark& mark, const std::string& what) {
    std::string where = mark.is_null() ? file : fmt::format("{}:{}:{}", file, mark.line + 1, mark.column + 1);
    Error e{ErrorCode::invalid, where, "this is not valid YAML: " + what};
    if (!mark.is_null()) {
      auto lines = split(text, '\n');
      size_t at = mark.line;
      e.detail = excerpt(text, at + 1, mark.column + 1);
      if (at < lines.size() && lines[at].find('\t') <= lines[at].find_first_not_of(" \t"))
        e.hint = "YAML is indented with spaces, not with tabs";
      else if (what.contains("illegal map value"))
        e.hint = "a text with ': ' in it needs quotation marks";
    }
    problems.push_back(std::move(e));
    return std::nullopt;
  };
  try {
    std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.size() > 1) return bad(documents[1].Mark(), "a second document begins here");
    if (documents.empty()) return Node{};
    return FromYaml().node(documents[0]);
  } catch (const TooMuch&) {
    return bad(YAML::Mark::null_mark(), "it is too large or too deep");
  } catch (const YAML::Exception& e) {
    return bad(e.mark, e.msg);
  }
}

Node place_json(std::string_view text) { return FromJson(text).node(); }

}  // namespace lemmy::config
