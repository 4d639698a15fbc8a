// What is refused at start, rather than found out later.
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "app/app.h"

namespace lemmy::app {
namespace {

bool is_loopback(const std::string& host) {
  boost::system::error_code ec;
  auto address = asio::ip::make_address(host, ec);
  return host == "localhost" || (!ec && address.is_loopback());
}

}  // namespace

Result<> App::check_binding() const {
  if (config()->has_access || is_loopback(options_.host)) return {};
  return fail(ErrorCode::invalid, options_.host,
              "without an access.yaml everybody who reaches the server could deploy",
              "listen on 127.0.0.1, or make users and tokens first: lemmy user add NAME --role admin");
}

// By writing: rights alone do not tell of a file system that takes nothing.
Result<> App::check_archive(const std::string& dir) {
  if (dir.empty()) return {};
  auto refused = [&](const std::string& what) {
    return fail(ErrorCode::invalid, dir, what, "--archive names a folder that this server may write to");
  };
  std::error_code ec;
  if (std::filesystem::create_directories(dir, ec))
    std::filesystem::permissions(dir, std::filesystem::perms::owner_all, ec);
  else if (ec)
    return refused("the archive's folder cannot be made: " + ec.message());
  std::string probe = dir + "/.lemmy-probe-XXXXXX";
  const int fd = ::mkstemp(probe.data());
  if (fd < 0) return refused(std::string("the archive cannot be written: ") + std::strerror(errno));
  ::close(fd);
  ::unlink(probe.c_str());
  return {};
}

}  // namespace lemmy::app
