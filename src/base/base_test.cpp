#include <gtest/gtest.h>

#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "base/crypto.h"
#include "base/files.h"
#include "base/json.h"
#include "base/json_keys.h"
#include "base/strings.h"
#include "base/time.h"

namespace lemmy {
namespace {

TEST(Json, a_key_that_stands_twice_in_one_object_is_found_however_it_is_escaped) {
  for (const char* text :
       {R"({"a": 1, "b": [{"a": 2}, {"a": 3}], "c": "a", "d": {"a": "\":{"}})", R"([])", R"({})"})
    EXPECT_FALSE(key_twice(text)) << text;
  for (const char* text :
       {R"({"a": 1, "a": 2})", R"({"x": [{"a": "}", "b": 0, "a": 2}]})", R"({"a": 1, "\u0061" : 2})"})
    EXPECT_TRUE(key_twice(text)) << text;
  EXPECT_EQ(key_twice(R"({"sha": 1, "sha": 2})")->key, "\"sha\"");
}

TEST(Time, survives_formatting_and_parsing) {
  Time t = from_millis(1795518332120);
  EXPECT_EQ(format_time(t), "2026-11-24T11:05:32.120Z");
  EXPECT_EQ(parse_time(format_time(t)), t);
  EXPECT_EQ(parse_time("2026-11-24T12:05:32.120456789+01:00"), t);
  EXPECT_EQ(parse_time("2026-11-24T11:05:32Z"), from_millis(1795518332000));
  EXPECT_EQ(parse_unix_time("1795518332"), from_millis(1795518332000));
  for (const char* bad : {"", "-1", "1e3", "12 ", " 12", "100000000000", "99999999999999999999"})
    EXPECT_FALSE(parse_unix_time(bad)) << bad;
}

TEST(Time, refuses_what_is_not_rfc3339) {
  for (const char* bad :
       {"", "yesterday", "2026-13-01T00:00:00Z", "2026-11-24T11:05:32", "2026-11-24T25:00:00Z"})
    EXPECT_FALSE(parse_time(bad)) << bad;
}

TEST(Duration, is_read_with_its_unit_and_shown_for_people) {
  EXPECT_EQ(*parse_duration("10m"), milliseconds{600'000});
  EXPECT_EQ(*parse_duration("500ms"), milliseconds{500});
  for (const char* bad : {"", "10", "m", "1x", "-5s"}) EXPECT_FALSE(parse_duration(bad)) << bad;
  EXPECT_EQ(format_duration(milliseconds{185'000}), "3 min 5 s");
  EXPECT_EQ(format_duration(milliseconds{850}), "850 ms");
  EXPECT_EQ(format_duration(std::chrono::hours{100}), "4 d 4 h");
}

TEST(Strings, invalid_utf8_is_replaced) {
  EXPECT_EQ(valid_utf8("gr\xC3\xBC\xC3\x9F"
                       "e"),
            "grüße");
  EXPECT_EQ(valid_utf8("a\xFFz"), "a\xEF\xBF\xBDz");
  EXPECT_EQ(valid_utf8("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // a surrogate
}

TEST(Strings, shorten_never_cuts_inside_a_character) {
  EXPECT_EQ(shorten("short", 10), "short");
  EXPECT_EQ(shorten("ééééé", 8), "éé…");
}

TEST(Strings, hex_and_base64_go_both_ways) {
  std::string raw("\x00\x01\xfe\xff", 4);
  EXPECT_EQ(to_hex(raw), "0001feff");
  EXPECT_EQ(from_hex("0001feff"), raw);
  EXPECT_EQ(from_hex("xyz0"), std::nullopt);
  EXPECT_EQ(from_base64(to_base64(raw)), raw);
  EXPECT_EQ(from_base64("!!"), std::nullopt);
  EXPECT_EQ(from_base64("QU\r\nI="), "AB");
  EXPECT_EQ(from_base64url("-_8"), "\xfb\xff");
  for (const char* other : {"-_8=", "+/8", "-_ 8", "-_9", "-", "-_8\n", "-_\xe2"})
    EXPECT_EQ(from_base64url(other), std::nullopt) << other;
  for (int c = 128; c < 256; ++c)
    EXPECT_EQ(from_base64(std::string("AA") + static_cast<char>(c) + "A"), std::nullopt) << c;
}

TEST(Strings, nearest_offers_a_near_word_and_nothing_far) {
  std::vector<std::string> keys{"replicas", "resources", "autoscale"};
  EXPECT_EQ(nearest("replica", keys), "replicas");
  EXPECT_EQ(nearest("Resorces", keys), "resources");
  EXPECT_EQ(nearest("colour", keys), std::nullopt);
}

TEST(Crypto, matches_the_vectors_of_rfc_4231_and_fips_180) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_TRUE(constant_time_equal("same", "same"));
  EXPECT_FALSE(constant_time_equal("same", "sane"));
  EXPECT_FALSE(constant_time_equal("same", "longer"));
}

TEST(Json, a_fault_is_placed_by_line_and_column) {
  auto r = parse_json("{\n  \"a\": 1,\n  \"b\": oops\n}", "environments.json");
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().where.substr(0, 20), "environments.json:3:");
}

TEST(Json, key_order_and_64_bit_integers_are_kept) {
  std::string text = R"({"z":9007199254740993,"a":18446744073709551615,"m":[1,{"x":null}]})";
  EXPECT_EQ(json::serialize(*parse_json(text, "t")), text);
  EXPECT_EQ(json::serialize(*parse_json(pretty_json(*parse_json(text, "t")), "t")), text);
}

TEST(Json, a_byte_order_mark_before_it_is_ignored) {
  auto v = parse_json("\xef\xbb\xbf{\"a\": 1}", "t");
  ASSERT_TRUE(v) << v.error().str();
  EXPECT_EQ(int_or(v->get_object(), "a"), 1);
}

TEST(Json, too_deep_is_an_error_not_a_crash) { EXPECT_FALSE(parse_json(std::string(100'000, '['), "t")); }

TEST(Files, are_replaced_whole_and_read_back_within_a_limit) {
  auto path = std::filesystem::temp_directory_path() / ("lemmy-files-" + random_hex(4));
  ASSERT_TRUE(write_file(path, "one"));
  ASSERT_TRUE(write_file(path, "two"));
  EXPECT_EQ(*read_file(path), "two");
  EXPECT_EQ(read_file(path, 2).error().code, ErrorCode::too_large);
  std::filesystem::remove(path);
  EXPECT_EQ(read_file(path).error().code, ErrorCode::not_found);
}

TEST(Files, a_pipe_is_refused_at_once_and_taken_where_people_name_it) {
  auto path = std::filesystem::temp_directory_path() / ("lemmy-pipe-" + random_hex(4));
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(read_file(path).error().what, "this is not a regular file");
  std::thread writer([&] { std::ofstream(path) << "given"; });
  EXPECT_EQ(read_input(path).value_or(""), "given");
  writer.join();
  std::filesystem::remove(path);
  EXPECT_EQ(read_file("/dev/zero").error().code, ErrorCode::unavailable);
  EXPECT_TRUE(read_file("/proc/self/cmdline"));
}

TEST(Json, a_number_that_only_infinity_can_hold_is_refused) {
  auto v = parse_json(R"({"a": [1, {"b": 1e400}]})", "environments.json");
  ASSERT_FALSE(v);
  EXPECT_EQ(v.error().where, "environments.json:1:17");
  EXPECT_EQ(parse_json("{\"1e400\": \"9e999\",\n \"n\": -1e999}", "x").error().where, "x:2:7");
  EXPECT_TRUE(parse_json("[1e300, -2]", "x"));
}

TEST(Json, the_place_of_an_error_is_read_from_it) {
  using Place = std::pair<size_t, size_t>;
  EXPECT_EQ(place_of(parse_json("{\n  \"a\" 1}", "a:b.json").error()), Place(2, 7));
  for (const char* where : {"", "a", ":", "a:b", "::", "a:b:c", "99999999999999999999999:1"})
    EXPECT_GE(place_of({ErrorCode::invalid, where, ""}).first, 1u) << where;
}

TEST(Json, numbers_are_written_as_people_do) {
  const std::pair<const char*, const char*> all[] = {
      {"0.5", "0.5"},      {"1.10", "1.1"},      {"10.0", "10.0"}, {"-0.5", "-0.5"},
      {"100", "100"},      {"1e6", "1000000.0"}, {"99.9", "99.9"}, {"1234567.89", "1234567.89"},
      {"1e300", "1e+300"}, {"true", "true"}};
  for (const auto& [written, text] : all) EXPECT_EQ(plain_text(*parse_json(written, "")), text);
}

TEST(Json, paths_are_followed_in_objects_too) {
  const json::object o{{"a", {{"b", 7}}}};
  EXPECT_EQ(find(o, {"a", "b"}), &o.at("a").at("b")) << "not of a copy";
  EXPECT_EQ(find(o, {"a", "c"}), nullptr);
  EXPECT_EQ(find(o, {"a", "b", "c"}), nullptr);
}

}  // namespace
}  // namespace lemmy
