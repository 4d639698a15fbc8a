#include "kube/text.h"

#include <cstdlib>
#include <cstring>
#include <limits>
#include <mutex>
#include <new>
#include <unordered_set>

namespace lemmy::kube {

struct Text::Table {
  struct Same {
    using is_transparent = void;
    static std::string_view of(Block* b) { return {b->text(), b->size}; }
    static std::string_view of(std::string_view s) { return s; }
    size_t operator()(const auto& a) const { return std::hash<std::string_view>()(of(a)); }
    bool operator()(const auto& a, const auto& b) const { return of(a) == of(b); }
  };
  std::mutex mutex;
  std::unordered_set<Block*, Same, Same> blocks;
};

Text::Table& Text::table() {
  static Table* all = new Table;  // never gone: Texts may outlive any order of destruction
  return *all;
}

Text::Block* Text::make(std::string_view text, bool is_shared) {
  if (text.empty()) return nullptr;
  text = text.substr(0, std::numeric_limits<int32_t>::max());
  void* memory = std::malloc(sizeof(Block) + text.size());
  if (!memory) throw std::bad_alloc();
  auto* block = new (memory) Block;
  block->size = static_cast<uint32_t>(text.size());
  block->is_shared = is_shared;
  std::memcpy(block->text(), text.data(), text.size());
  return block;
}

Text Text::shared(std::string_view text) {
  Text out;
  if (text.empty()) return out;
  Table& t = table();
  std::lock_guard lock(t.mutex);
  auto it = t.blocks.find(text);
  if (it != t.blocks.end()) {
    // From 0 nobody takes it up again: who dropped it waits for the lock to free it.
    uint32_t uses = (*it)->uses.load(std::memory_order_relaxed);
    while (uses && !(*it)->uses.compare_exchange_weak(uses, uses + 1, std::memory_order_relaxed)) {
    }
    if (uses) {
      out.block_ = *it;
      return out;
    }
    t.blocks.erase(it);
  }
  out.block_ = make(text, true);
  t.blocks.insert(out.block_);
  return out;
}

void Text::drop(Block* block) {
  if (block->uses.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (block->is_shared) {
    Table& t = table();
    std::lock_guard lock(t.mutex);
    auto it = t.blocks.find(block);
    if (it != t.blocks.end() && *it == block) t.blocks.erase(it);  // or another of the same text
  }
  std::free(block);
}

size_t Text::shared_count() {
  std::lock_guard lock(table().mutex);
  return table().blocks.size();
}

}  // namespace lemmy::kube
