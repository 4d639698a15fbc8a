#include "kube/page.h"

#include <algorithm>
#include <array>

namespace lemmy::kube {
namespace {

constexpr size_t kDepth = 64;

// Finds where values begin and end. What is inside them is checked by who parses them.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool take(std::string_view token) {
    blanks();
    if (!text_.substr(std::min(at_, text_.size())).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }
  bool take(char c) { return take(std::string_view(&c, 1)); }
  // one() for each entry of an array or object; false: it is none, or one() said so.
  template <class F>
  bool each(char open, char close, F one) {
    if (!take(open)) return false;
    if (take(close)) return true;
    do
      if (!one()) return false;
    while (take(','));
    return take(close);
  }
  // Empty: there is no value here.
  std::string_view value() {
    blanks();
    const size_t begin = at_;
    if (at_ >= text_.size()) return {};
    if (text_[at_] == '"') return string() ? text_.substr(begin, at_ - begin) : std::string_view();
    if (text_[at_] != '{' && text_[at_] != '[') {
      while (at_ < text_.size() && std::string_view(",]} \t\r\n").find(text_[at_]) == std::string_view::npos)
        ++at_;
      return text_.substr(begin, at_ - begin);
    }
    for (size_t depth = 0; at_ < text_.size();) {
      const char c = text_[at_];
      if (c == '"') {
        if (!string()) return {};
        continue;
      }
      ++at_;
      if (c == '{' || c == '[') ++depth;
      if ((c == '}' || c == ']') && --depth == 0) return text_.substr(begin, at_ - begin);
    }
    return {};
  }

 private:
  void blanks() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
      ++at_;
  }
  bool string() {
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\\')
        ++at_;
      else if (text_[at_] == '"')
        return ++at_, true;
    }
    return false;
  }

  std::string_view text_;
  size_t at_ = 0;
};

class Reader {
 public:
  Reader() { options_.max_depth = kDepth; }
  bool read(std::string_view text, const std::function<void(const json::object&)>& use) {
    // A new one each time: a resource that is released remembers how large its next block would have been.
    json::monotonic_resource memory(first_.data(), first_.size());
    json::parser parser(json::storage_ptr(), options_, scratch_.data(), scratch_.size());
    parser.reset(&memory);
    boost::system::error_code ec;
    parser.write(text.data(), text.size(), ec);
    if (ec) return false;
    const json::value v = parser.release();
    const json::object* o = v.if_object();
    if (o) use(*o);
    return o != nullptr;
  }

 private:
  json::parse_options options_;
  std::array<unsigned char, 16 * 1024> first_, scratch_;
};

}  // namespace

Result<> read_object(std::string_view text, const std::string& where,
                     const std::function<void(const json::object&)>& use) {
  if (Reader().read(text, use)) return {};
  return fail(ErrorCode::invalid, where, "this is not a JSON object");
}

Result<PageHead> read_page(std::string_view body, const std::string& where,
                           const std::function<void(const json::object&)>& item) {
  Reader reader;
  Scanner at(body);
  PageHead head;
  bool items = false, meta = false;
  auto entry = [&] {
    const std::string_view key = at.value();
    if (!key.starts_with('"') || !at.take(':')) return false;
    if (key == "\"items\"") {
      if (at.take("null")) return items = true;
      return items = at.each('[', ']', [&] { return reader.read(at.value(), item); });
    }
    const std::string_view value = at.value();
    if (key != "\"metadata\"") return !value.empty();
    return meta = reader.read(value, [&](const json::object& m) {
      head = {std::string(text_or(m, "resourceVersion")), std::string(text_or(m, "continue"))};
    });
  };
  if (!at.each('{', '}', entry) || !items || !meta)
    return fail(ErrorCode::rejected, where, "the answer is not a Kubernetes list",
                "is this address an API server?");
  return head;
}

}  // namespace lemmy::kube
