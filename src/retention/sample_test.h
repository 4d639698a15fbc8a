#pragma once
// For tests of room retention: a folder with an archive, and what is in it.
#include <gtest/gtest.h>
#include <zlib.h>

#include <filesystem>

#include "base/crypto.h"
#include "base/json.h"
#include "domain/deploy.h"
#include "retention/archive.h"

namespace lemmy::retention {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

inline const Target kTarget{"hello", "staging"};

// As zcat reads it: up to what is torn.
inline std::string zcat(const fs::path& path) {
  gzFile file = gzopen(path.c_str(), "rb");
  std::string out, part(1 << 16, '\0');
  for (int n; file && (n = gzread(file, part.data(), static_cast<unsigned>(part.size()))) > 0;)
    out.append(part.data(), static_cast<size_t>(n));
  gzclose(file);
  return out;
}

struct InFolder : testing::Test {
  InFolder() { fs::create_directories(dir); }
  ~InFolder() override { fs::remove_all(dir); }
  // All lines of one kind of file, in order.
  std::vector<json::object> lines(const std::string& kind) const {
    std::vector<json::object> out;
    const std::string text = zcat(folder / Archive::file_name(kind, now()));
    for (std::string_view rest = text; !rest.empty();) {
      const size_t end = rest.find('\n');
      auto v = parse_json(std::string(rest.substr(0, end)), "line");
      EXPECT_TRUE(v && v->is_object()) << rest.substr(0, 200);
      if (v && v->is_object()) out.push_back(v->get_object());
      rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
    }
    return out;
  }
  fs::path dir = fs::temp_directory_path() / ("lemmy-retention-" + random_hex(6));
  fs::path folder = dir / "archive";
};

}  // namespace lemmy::retention
