#include "retention/archive.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cstring>

#include "base/fd.h"
#include "base/log.h"

namespace lemmy::retention {
namespace {

constexpr int kGzip = 15 + 16;

std::unexpected<Error> trouble(const std::filesystem::path& path, const std::string& doing) {
  return fail(ErrorCode::unavailable, path.string(), doing + ": " + std::strerror(errno),
              "nothing is let go until the archive can be written: check space, owner and mode");
}

std::string packed(const std::string& text) {
  z_stream z{};
  if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::bad_alloc();
  std::string out(deflateBound(&z, text.size()), '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  deflate(&z, Z_FINISH);  // there is room for all of it
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

struct Soundness {
  int64_t sound = 0;     // whole members from the start
  bool damaged = false;  // what follows is no beginning of a member
};

Result<Soundness> inspect(int fd, const std::filesystem::path& path) {
  z_stream z{};
  if (inflateInit2(&z, kGzip) != Z_OK) throw std::bad_alloc();
  std::unique_ptr<z_stream, decltype(&inflateEnd)> end(&z, inflateEnd);
  std::string in(1 << 16, '\0'), out(1 << 18, '\0');
  Soundness s;
  int64_t at = 0;
  for (;;) {
    const ssize_t n = ::pread(fd, in.data(), in.size(), at);
    if (n < 0) return trouble(path, "cannot be read");
    if (n == 0) return s;
    z.next_in = reinterpret_cast<Bytef*>(in.data());
    z.avail_in = static_cast<uInt>(n);
    while (z.avail_in > 0) {
      z.next_out = reinterpret_cast<Bytef*>(out.data());
      z.avail_out = static_cast<uInt>(out.size());
      const int got = inflate(&z, Z_NO_FLUSH);
      if (got == Z_STREAM_END) {
        s.sound = at + n - z.avail_in;
        inflateReset(&z);
      } else if (got != Z_OK && got != Z_BUF_ERROR) {
        s.damaged = true;
        return s;
      }
    }
    at += n;
  }
}

Result<> sync_folder(const std::filesystem::path& dir) {
  Fd d{::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!d || ::fsync(d.get()) != 0) return trouble(dir, "cannot be synchronised");
  return {};
}

// The lock is of the file that has the name now: another process may have put it aside meanwhile.
Result<int> open_locked(const std::filesystem::path& path) {
  for (int tries = 0; tries < 5; ++tries) {
    Fd file{::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600)};
    if (!file) return trouble(path, "cannot be opened");
    if (::flock(file.get(), LOCK_EX) != 0) return trouble(path, "cannot be locked");
    struct stat mine, named;
    if (::fstat(file.get(), &mine) == 0 && ::stat(path.c_str(), &named) == 0 && mine.st_ino == named.st_ino)
      return file.release();
  }
  errno = EBUSY;
  return trouble(path, "cannot be opened");
}

Result<> write_all(int fd, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return trouble(path, "cannot be written");
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

}  // namespace

std::string Archive::file_name(const std::string& kind, Time at) {
  const std::chrono::year_month_day day{std::chrono::floor<std::chrono::days>(at)};
  return fmt::format("{}-{:04}-{:02}.jsonl.gz", kind, static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()));
}

Result<> Archive::append(const std::string& kind, Time at, const std::string& lines, bool durable) {
  std::error_code ec;
  if (std::filesystem::create_directories(dir_, ec)) {
    std::filesystem::permissions(dir_, std::filesystem::perms::owner_all, ec);
  } else if (ec) {
    errno = ec.value();
    return trouble(dir_, "the folder cannot be made");
  }
  const std::string name = file_name(kind, at);
  const std::filesystem::path path = dir_ / name;
  for (;;) {
    auto opened = open_locked(path);
    if (!opened) return fail(opened.error());
    Fd file{*opened};
    struct stat info;
    if (::fstat(file.get(), &info) != 0) return trouble(path, "cannot be read");
    int64_t size = info.st_size;
    const bool fresh = size == 0;
    if (auto known = sizes_.find(name); !fresh && (known == sizes_.end() || known->second != size)) {
      auto s = inspect(file.get(), path);
      if (!s) return fail(s.error());
      if (s->damaged) {
        const std::string aside = fmt::format("{}.damaged-{}", path.string(), to_millis(now()));
        if (::rename(path.c_str(), aside.c_str()) != 0) return trouble(path, "is damaged, and stays");
        log::error("a file of the archive is damaged: it was put aside", {{"file", aside}});
        continue;
      }
      if (s->sound < size) {
        if (::ftruncate(file.get(), s->sound) != 0) return trouble(path, "its torn end cannot be cut");
        log::warning("the torn end of an archive was cut",
                     {{"file", path.string()}, {"bytes", std::to_string(size - s->sound)}});
        size = s->sound;
      }
    }
    const std::string bytes = packed(lines);
    auto written = write_all(file.get(), bytes, path);
    if (written && durable && ::fsync(file.get()) != 0) written = trouble(path, "cannot be synchronised");
    if (!written) {
      sizes_.erase(name);
      (void)!::ftruncate(file.get(), size);  // else it is cut at the next append
      return written;
    }
    sizes_[name] = size + static_cast<int64_t>(bytes.size());
    return fresh ? sync_folder(dir_) : Result<>{};
  }
}

int64_t Archive::bytes() const {
  int64_t sum = 0;
  std::error_code ec;
  for (std::filesystem::directory_iterator it(dir_, ec), end; !ec && it != end; it.increment(ec)) {
    std::error_code of_file;
    const auto size = it->file_size(of_file);
    if (!of_file) sum += static_cast<int64_t>(size);
  }
  return sum;
}

}  // namespace lemmy::retention
