#pragma once
// For tests of the configuration: a copy of docs/examples/config that they may change.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/crypto.h"
#include "base/files.h"
#include "base/source_dir_test.h"

namespace lemmy::config {
namespace fs = std::filesystem;

struct Sample : testing::Test {
  fs::path dir = fs::temp_directory_path() / ("lemmy-config-" + random_hex(6));
  void SetUp() override {
    fs::copy(fs::path(kSourceDir) / "docs/examples/config", dir, fs::copy_options::recursive);
  }
  void TearDown() override { fs::remove_all(dir); }
  void put(const std::string& name, const std::string& text) {
    fs::create_directories((dir / name).parent_path());
    ASSERT_TRUE(write_file(dir / name, text));
  }
};

}  // namespace lemmy::config
