#include "store/sqlite/hashes.h"

#include <sqlite3.h>

#include "base/crypto.h"

namespace lemmy::store {
namespace {

constexpr size_t kPrefix = 7;  // the shortest one that may be asked for
constexpr int kLow = 36;
constexpr uint64_t kLowBits = (uint64_t{1} << kLow) - 1;

uint64_t hash_of(std::string_view a, std::string_view b) {
  std::string text(a);
  text += '\0';
  text += b;
  const std::string digest = sha256(text);
  uint64_t out = 0;
  for (int i = 0; i < 8; ++i) out = out << 8 | static_cast<unsigned char>(digest[static_cast<size_t>(i)]);
  return out;
}

uint64_t high_bits(std::string_view project, std::string_view sha) {
  return hash_of(project, sha.substr(0, kPrefix)) & ~kLowBits;
}

template <int64_t (*hash)(std::string_view, std::string_view)>
void call(sqlite3_context* context, int, sqlite3_value** values) {
  auto text = [&](int n) {
    const auto* bytes = static_cast<const char*>(sqlite3_value_blob(values[n]));
    return std::string_view(bytes ? bytes : "", static_cast<size_t>(sqlite3_value_bytes(values[n])));
  };
  sqlite3_result_int64(context, hash(text(0), text(1)));
}

}  // namespace

int64_t build_hash(std::string_view project, std::string_view sha) {
  return static_cast<int64_t>(high_bits(project, sha) | (hash_of(project, sha) & kLowBits));
}

HashRange build_hashes(std::string_view project, std::string_view prefix) {
  const uint64_t high = high_bits(project, prefix);
  return {static_cast<int64_t>(high), static_cast<int64_t>(high | kLowBits)};
}

int64_t delivery_hash(std::string_view hook, std::string_view id) {
  return static_cast<int64_t>(hash_of(hook, id));
}

void add_hash_functions(SQLite::Database& db) {
  constexpr int kPure = SQLITE_UTF8 | SQLITE_DETERMINISTIC;
  sqlite3* handle = db.getHandle();
  db.check(
      sqlite3_create_function(handle, "build_hash", 2, kPure, nullptr, call<build_hash>, nullptr, nullptr));
  db.check(sqlite3_create_function(handle, "delivery_hash", 2, kPure, nullptr, call<delivery_hash>, nullptr,
                                   nullptr));
}

}  // namespace lemmy::store
