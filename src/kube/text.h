#pragma once
// A short text that objects of the picture hold by the thousand: 8 bytes, nothing for the empty one, and one
// copy for all who share it. Reads as std::string_view; cannot be changed, only replaced. Threads may make,
// copy and drop Texts of their own; what they share is counted atomically.
#include <fmt/format.h>

#include <atomic>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/json.h"

namespace lemmy::kube {

class Text {
 public:
  Text() = default;
  // For texts that few objects have, such as a pod's name.
  Text(std::string_view text) : block_(make(text)) {}
  Text(const std::string& text) : Text(std::string_view(text)) {}
  Text(const char* text) : Text(std::string_view(text)) {}
  // For texts that many objects have: the same block for the same text, in the whole process.
  static Text shared(std::string_view text);

  Text(const Text& o) : block_(o.block_) {
    if (block_) block_->uses.fetch_add(1, std::memory_order_relaxed);
  }
  Text(Text&& o) noexcept : block_(std::exchange(o.block_, nullptr)) {}
  Text& operator=(Text o) noexcept {
    std::swap(block_, o.block_);
    return *this;
  }
  ~Text() {
    if (block_) drop(block_);
  }

  std::string_view view() const { return block_ ? std::string_view(block_->text(), block_->size) : ""; }
  operator std::string_view() const { return view(); }
  operator std::string() const { return std::string(view()); }
  std::string str() const { return std::string(view()); }
  bool empty() const { return !block_; }
  size_t size() const { return block_ ? block_->size : 0; }
  bool starts_with(std::string_view part) const { return view().starts_with(part); }
  size_t find(std::string_view part) const { return view().find(part); }

  friend bool operator==(const Text& a, const Text& b) {
    return a.block_ == b.block_ || a.view() == b.view();
  }
  friend std::strong_ordering operator<=>(const Text& a, const Text& b) {
    return a.block_ == b.block_ ? std::strong_ordering::equal : a.view() <=> b.view();
  }
  friend bool operator==(const Text& a, std::string_view b) { return a.view() == b; }
  friend bool operator==(const Text& a, const std::string& b) { return a.view() == b; }
  friend bool operator==(const Text& a, const char* b) { return a.view() == b; }
  friend std::string operator+(const std::string& a, const Text& b) {
    return std::string(a).append(b.view());
  }
  friend std::string operator+(const Text& a, const std::string& b) { return a.str().append(b); }
  friend std::string operator+(const char* a, const Text& b) { return std::string(a).append(b.view()); }
  friend std::string operator+(const Text& a, const char* b) { return a.str().append(b); }
  friend void tag_invoke(json::value_from_tag, json::value& v, const Text& t) {
    v = json::string_view(t.view().data(), t.view().size());
  }
  friend std::ostream& operator<<(std::ostream& out, const Text& t) { return out << t.view(); }

  // How many shared texts there are now, of all threads.
  static size_t shared_count();

 private:
  struct Block {
    std::atomic<uint32_t> uses{1};
    uint32_t size : 31, is_shared : 1;
    char* text() { return reinterpret_cast<char*>(this + 1); }
  };
  struct Table;
  static Table& table();
  static Block* make(std::string_view text, bool is_shared = false);
  static void drop(Block* block);

  Block* block_ = nullptr;
};

}  // namespace lemmy::kube

template <>
struct fmt::formatter<lemmy::kube::Text> : fmt::formatter<std::string_view> {
  auto format(const lemmy::kube::Text& t, fmt::format_context& c) const {
    return fmt::formatter<std::string_view>::format(t.view(), c);
  }
};
