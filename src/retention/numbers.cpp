#include "retention/numbers.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/fd.h"
#include "base/files.h"
#include "base/json.h"

namespace lemmy::retention {
namespace {

constexpr const char* kNote = "numbers.json";
constexpr int kGzip = 15 + 16;
// What a line is about stands at its beginning; documents behind it may be very long.
constexpr size_t kHead = 1024;

struct Noted {
  std::map<std::string, int64_t> files;  // how much of each was read: whole members of gzip
  Numbers numbers;
};

Noted read_note(const std::filesystem::path& dir) {
  Noted out;
  auto text = read_file(dir / kNote);
  auto v = text ? parse_json(*text, kNote) : fail(text.error());
  if (!v || !v->is_object()) return out;
  const json::value* files = v->get_object().if_contains("files");
  const json::value* numbers = v->get_object().if_contains("numbers");
  if (!files || !files->is_object() || !numbers || !numbers->is_array()) return out;
  for (const auto& [name, size] : files->get_object())
    if (size.is_int64()) out.files[std::string(name)] = size.get_int64();
  for (const json::value& n : numbers->get_array()) {
    if (!n.is_object()) return {};
    const json::object& o = n.get_object();
    out.numbers[{std::string(text_or(o, "project")), std::string(text_or(o, "environment"))}] =
        int_or(o, "number");
  }
  return out;
}

void write_note(const std::filesystem::path& dir, const Noted& noted) {
  json::object files;
  for (const auto& [name, size] : noted.files) files[name] = size;
  json::array numbers;
  for (const auto& [target, number] : noted.numbers)
    numbers.push_back({{"project", target.project}, {"environment", target.environment}, {"number", number}});
  const json::object all{{"files", std::move(files)}, {"numbers", std::move(numbers)}};
  (void)write_file(dir / kNote, json::serialize(all) + "\n", 0600);
}

// {"kind":"event","project":"web","environment":"production","number":17, and so on.
void take_line(std::string_view head, Numbers& numbers) {
  constexpr std::string_view kKey = ",\"number\":";
  const size_t at = head.find(kKey);
  if (at == head.npos) return;
  const size_t end = head.find_first_not_of("0123456789", at + kKey.size());
  auto v = parse_json(std::string(head.substr(0, end)) + "}", "line");
  if (!v || !v->is_object()) return;
  const json::object& o = v->get_object();
  const Target target{std::string(text_or(o, "project")), std::string(text_or(o, "environment"))};
  if (target.project.empty() || target.environment.empty()) return;
  int64_t& highest = numbers[target];
  highest = std::max(highest, int_or(o, "number"));
}

// The beginnings of lines, of a text that comes in pieces.
class Lines {
 public:
  explicit Lines(Numbers& numbers) : numbers_(numbers) {}
  void take(std::string_view text) {
    while (!text.empty()) {
      const size_t end = std::min(text.find('\n'), text.size());
      head_ += text.substr(0, std::min(end, kHead - head_.size()));
      if (end == text.size()) return;
      take_line(head_, numbers_);
      head_.clear();
      text.remove_prefix(end + 1);
    }
  }

 private:
  Numbers& numbers_;
  std::string head_;
};

// Reads the file behind `from`, a boundary of its members. How far its members are whole.
Result<int64_t> read_members(const std::filesystem::path& path, int64_t from, Numbers& numbers,
                             const std::atomic<bool>& stop) {
  Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file)
    return fail(ErrorCode::unavailable, path.string(),
                std::string("cannot be read: ") + std::strerror(errno));
  z_stream z{};
  if (inflateInit2(&z, kGzip) != Z_OK) throw std::bad_alloc();
  std::unique_ptr<z_stream, decltype(&inflateEnd)> ends(&z, inflateEnd);
  std::string in(1 << 16, '\0'), out(1 << 18, '\0');
  Lines lines(numbers);
  int64_t sound = from;
  for (int64_t at = from;;) {
    if (stop) return fail(ErrorCode::cancelled, path.string(), "its reading was stopped");
    const ssize_t n = ::pread(file.get(), in.data(), in.size(), at);
    if (n < 0)
      return fail(ErrorCode::unavailable, path.string(),
                  std::string("cannot be read: ") + std::strerror(errno));
    if (n == 0) return sound;
    z.next_in = reinterpret_cast<Bytef*>(in.data());
    z.avail_in = static_cast<uInt>(n);
    for (bool full = false; z.avail_in > 0 || full;) {
      z.next_out = reinterpret_cast<Bytef*>(out.data());
      z.avail_out = static_cast<uInt>(out.size());
      const int got = inflate(&z, Z_NO_FLUSH);
      lines.take({out.data(), out.size() - z.avail_out});
      full = z.avail_out == 0;
      if (got == Z_STREAM_END) {
        sound = at + n - z.avail_in;
        inflateReset(&z);
        full = false;
      } else if (got != Z_OK && got != Z_BUF_ERROR) {
        return sound;  // damaged from here on
      }
    }
    at += n;
  }
}

}  // namespace

Result<Numbers> archived_numbers(const std::filesystem::path& dir, const std::atomic<bool>& stop) {
  std::error_code ec;
  if (!std::filesystem::is_directory(dir, ec)) {
    // Only what is not there is empty: numbers of one that cannot be read now may be in it.
    if (!ec || ec == std::errc::no_such_file_or_directory) return Numbers{};
    return fail(ErrorCode::unavailable, dir.string(), "cannot be read: " + ec.message());
  }
  Noted noted = read_note(dir);
  bool news = false;
  std::filesystem::directory_iterator it(dir, ec);
  if (ec) return fail(ErrorCode::unavailable, dir.string(), "cannot be read: " + ec.message());
  for (const std::filesystem::directory_iterator end; !ec && it != end; it.increment(ec)) {
    // Also one that was put aside as damaged.
    const std::string name = it->path().filename().string();
    if (!name.starts_with("deploys-") || name.find(".jsonl.gz") == name.npos) continue;
    std::error_code of_file;
    const auto size = static_cast<int64_t>(it->file_size(of_file));
    if (of_file) continue;
    int64_t& read = noted.files[name];
    if (read == size) continue;
    auto sound = read_members(it->path(), read < size ? read : 0, noted.numbers, stop);
    if (!sound) return fail(sound.error());
    news = news || *sound != read;
    read = *sound;
  }
  if (ec) return fail(ErrorCode::unavailable, dir.string(), "cannot be read: " + ec.message());
  if (news) write_note(dir, noted);
  return std::move(noted.numbers);
}

}  // namespace lemmy::retention
