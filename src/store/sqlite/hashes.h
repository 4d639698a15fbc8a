#pragma once
// Inside room store: the 8 bytes by which builds and ledger entries are found. An index of them is a fraction
// of one of texts, and each row that is written dirties a page of it; what is found is compared by its text.
// Kept in files: they never change.
#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <string_view>

namespace lemmy::store {

// 28 bits of the project and the first 7 digits of the sha, then 36 of the project and the whole sha: those
// of one prefix are a range.
int64_t build_hash(std::string_view project, std::string_view sha);
struct HashRange {
  int64_t first, last;
};
HashRange build_hashes(std::string_view project, std::string_view prefix);  // of at least 7 digits

int64_t delivery_hash(std::string_view hook, std::string_view id);

// For migrations: build_hash(project, sha) and delivery_hash(hook, id) in SQL.
void add_hash_functions(SQLite::Database& db);

}  // namespace lemmy::store
