#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "web/assets.h"
#include "web/render.h"

namespace lemmy::web {
namespace {
TEST(Assets, every_one_that_the_layout_names_is_embedded) {
  for (const auto& [key, url] : asset_urls()) EXPECT_TRUE(url.as_string().starts_with("/assets/"));
}
}  // namespace
}  // namespace lemmy::web
