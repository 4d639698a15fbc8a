#include "base/files.h"

#include <algorithm>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/crypto.h"
#include "base/fd.h"

namespace lemmy {
namespace {
std::unexpected<Error> system_error(const std::filesystem::path& path, int error) {
  return fail(error == ENOENT ? ErrorCode::not_found : ErrorCode::unavailable, path.string(),
              std::strerror(error));
}

Result<std::string> read_all(int file, const std::filesystem::path& path, size_t limit) {
  std::string out;
  char buffer[16384];
  for (;;) {
    ssize_t n = ::read(file, buffer, sizeof buffer);
    if (n == 0) return out;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(path, errno);
    out.append(buffer, n);
    if (out.size() > limit)
      return fail(ErrorCode::too_large, path.string(),
                  fmt::format("the file is larger than {} bytes", limit));
  }
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path, size_t limit) {
  // Not to wait for who writes a pipe.
  Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (!file) return system_error(path, errno);
  struct stat info;
  if (::fstat(file.get(), &info) != 0) return system_error(path, errno);
  if (S_ISDIR(info.st_mode)) return system_error(path, EISDIR);
  if (!S_ISREG(info.st_mode))
    return fail(ErrorCode::unavailable, path.string(), "this is not a regular file");
  return read_all(file.get(), path, limit);
}

Result<std::string> read_input(const std::filesystem::path& path, size_t limit) {
  Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file) return system_error(path, errno);
  return read_all(file.get(), path, limit);
}

Result<std::vector<std::filesystem::path>> entries_of(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> out;
  std::error_code error;
  std::filesystem::directory_iterator it(folder, error);
  if (error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory) return out;
  for (const std::filesystem::directory_iterator end; !error && it != end; it.increment(error))
    out.push_back(it->path());
  if (error)
    return fail(ErrorCode::unavailable, folder.string(), "the folder cannot be read: " + error.message());
  std::ranges::sort(out);
  return out;
}

Result<> write_file(const std::filesystem::path& path, std::string_view text, unsigned mode) {
  std::filesystem::path temporary = path;
  temporary += ".tmp-" + random_hex(4);
  {
    Fd file{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)};
    if (!file) return system_error(temporary, errno);
    while (!text.empty()) {
      ssize_t n = ::write(file.get(), text.data(), text.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        int error = errno;
        ::unlink(temporary.c_str());
        return system_error(temporary, error);
      }
      text.remove_prefix(n);
    }
    ::fsync(file.get());
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    int error = errno;
    ::unlink(temporary.c_str());
    return system_error(path, error);
  }
  return {};
}

}  // namespace lemmy
