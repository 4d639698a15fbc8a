#pragma once
// For the tests of the SQLite backend.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/crypto.h"
#include "store/sample_test.h"
#include "store/sqlite/sqlite_store.h"

namespace lemmy::store {

// In a directory that goes away with the test program.
inline std::string fresh_path() {
  struct Place {
    std::filesystem::path dir = std::filesystem::temp_directory_path() / ("lemmy-store-" + random_hex(6));
    pid_t owner = ::getpid();
    Place() { std::filesystem::create_directory(dir); }
    ~Place() {
      std::error_code ec;
      if (owner == ::getpid()) std::filesystem::remove_all(dir, ec);
    }
  };
  static const Place place;
  static int n = 0;
  return (place.dir / (std::to_string(n++) + ".db")).string();
}

struct Sqlite : testing::Test, Samples {
  static Delivery delivery(int i) {
    return {0, "build", std::to_string(i), now(), "", "", "hello", "{}", "accepted", ""};
  }
  std::string path = fresh_path();
};

}  // namespace lemmy::store
