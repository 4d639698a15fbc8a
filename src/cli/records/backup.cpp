#include "cli/records/backup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "base/time.h"

namespace lemmy::cli {
namespace {

constexpr int64_t kFormat = 2;
constexpr int64_t kFirst = 1;  // ends with the instances
constexpr const char* kName = "lemmy-backup";
constexpr size_t kChunk = 256u << 10, kLine = 256u << 20;
constexpr size_t kTogether = 200;

bool is_there(const std::string& path) {
  struct stat info;
  return ::lstat(path.c_str(), &info) == 0;
}

std::unexpected<Error> there_already(const std::string& path) {
  return fail(ErrorCode::conflict, path, "this file is there already",
              "name another one; nothing was written");
}

}  // namespace

// --- writing

Result<std::unique_ptr<BackupWriter>> BackupWriter::create(const std::string& path,
                                                           const store::About& about) {
  if (is_there(path)) return there_already(path);
  std::unique_ptr<BackupWriter> w(new BackupWriter);
  const std::string part = path + ".part";
  w->path_ = path;
  w->fd_ = ::open(part.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (w->fd_ < 0)
    return fail(ErrorCode::unavailable, part, std::string("cannot make the file: ") + std::strerror(errno),
                "does the folder exist, and may this user write there?");
  if (::flock(w->fd_, LOCK_EX | LOCK_NB) != 0)
    return fail(ErrorCode::conflict, part, "another backup writes this file", "name another one");
  w->part_ = part;  // from here on it is removed when something fails
  int copy = ::fcntl(w->fd_, F_DUPFD_CLOEXEC, 0);
  if (::fchmod(w->fd_, 0600) != 0 || ::ftruncate(w->fd_, 0) != 0 || copy < 0 ||
      !(w->stream_ = gzdopen(copy, "wb6"))) {
    if (copy >= 0) ::close(copy);
    return fail(w->failed(std::strerror(errno)));
  }
  auto head = w->line(json::serialize(json::object{{"format", kName},
                                                   {"version", kFormat},
                                                   {"lemmy", LEMMY_VERSION},
                                                   {"backend", about.backend},
                                                   {"schema", about.schema},
                                                   {"at", format_time(now())}}));
  if (!head) return fail(head.error());
  return w;
}

BackupWriter::~BackupWriter() {
  if (stream_) gzclose(stream_);
  if (!part_.empty()) ::unlink(part_.c_str());
  if (fd_ >= 0) ::close(fd_);
}

Error BackupWriter::failed(const std::string& why) const {
  return {ErrorCode::unavailable, path_ + ".part", "cannot write: " + why,
          "is the disk full? Nothing of it was kept"};
}

Result<> BackupWriter::line(std::string text) {
  text += '\n';
  errno = 0;
  const size_t written = gzfwrite(text.data(), 1, text.size(), stream_);
  if (written == text.size()) return {};
  return fail(failed(std::strerror(errno)));
}

Result<> BackupWriter::add(const std::vector<store::Record>& records) {
  for (const store::Record& r : records) {
    const std::string key = json::serialize(json::value(r.key));
    auto written = line(fmt::format(R"({{"kind":"{}","key":{},"body":{}}})", name(r.kind), key, r.body));
    if (!written) return written;
  }
  return {};
}

Result<int64_t> BackupWriter::finish(const store::Tallies& tallies) {
  json::object kinds;
  for (const auto& [kind, tally] : tallies)
    kinds[name(kind)] = json::object{{"count", tally.count()}, {"hash", tally.hash()}};
  auto written = line(json::serialize(json::object{{"end", std::move(kinds)}}));
  if (!written) return fail(written.error());
  errno = 0;
  if (gzclose(std::exchange(stream_, nullptr)) != Z_OK || ::fsync(fd_) != 0)
    return fail(failed(std::strerror(errno)));
  struct stat info;
  ::fstat(fd_, &info);
  // Not rename(): what has come there meanwhile must stay.
  if (::link(part_.c_str(), path_.c_str()) != 0) {
    if (errno == EEXIST) return there_already(path_);
    if (::rename(part_.c_str(), path_.c_str()) != 0) return fail(failed(std::strerror(errno)));
  }
  ::unlink(part_.c_str());
  part_.clear();
  std::string folder = std::filesystem::path(path_).parent_path().string();
  int dir = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir >= 0) {
    ::fsync(dir);
    ::close(dir);
  }
  return info.st_size;
}

// --- reading

Result<std::unique_ptr<BackupReader>> BackupReader::open(const std::string& path) {
  std::unique_ptr<BackupReader> r(new BackupReader);
  r->path_ = path;
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return fail(errno == ENOENT ? ErrorCode::not_found : ErrorCode::unavailable, path, std::strerror(errno),
                "name a file that lemmy store backup wrote");
  r->stream_ = gzdopen(fd, "rb");
  if (!r->stream_) {
    ::close(fd);
    return fail(ErrorCode::unavailable, path, "no memory to read it");
  }
  auto not_one = [&] {
    return fail(ErrorCode::invalid, path, "this is no backup of Lemmy",
                "name a file that lemmy store backup wrote; nothing was written");
  };
  if (gzdirect(r->stream_) == 1) return not_one();
  auto line = r->line();
  if (!line) return fail(line.error());
  auto head = parse_json(*line, path);
  if (!head || !head->is_object() || text_or(head->get_object(), "format") != kName) return not_one();
  const json::object& o = head->get_object();
  r->format_ = int_or(o, "version");
  if (r->format_ < kFirst || r->format_ > kFormat)
    return fail(ErrorCode::conflict, path,
                fmt::format("the backup has format {}, this Lemmy knows up to {}", r->format_, kFormat),
                "restore it with the newer Lemmy that wrote it; nothing was written");
  return r;
}

BackupReader::~BackupReader() {
  if (stream_) gzclose(stream_);
}

std::unexpected<Error> BackupReader::damaged(const std::string& why) const {
  return fail(ErrorCode::invalid, path_, "the backup is damaged: " + why, "take another backup");
}

Result<std::string> BackupReader::line() {
  size_t searched = from_;
  for (;;) {
    if (size_t end = buffer_.find('\n', searched); end != buffer_.npos) {
      std::string out = buffer_.substr(from_, end - from_);
      from_ = end + 1;
      return out;
    }
    buffer_.erase(0, std::exchange(from_, 0));
    searched = buffer_.size();
    if (searched > kLine) return damaged("a line of it does not end");
    buffer_.resize(searched + kChunk);
    const int n = gzread(stream_, buffer_.data() + searched, static_cast<unsigned>(kChunk));
    buffer_.resize(searched + static_cast<size_t>(std::max(n, 0)));
    if (n > 0) continue;
    int code = Z_OK;
    gzerror(stream_, &code);
    if (code == Z_BUF_ERROR || n == 0) return damaged("it is cut, its end is not there");
    return damaged("it does not unpack");
  }
}

Result<> BackupReader::read_end(const json::value& end) {
  for (store::RecordKind kind : store::kRecordKinds) {
    const store::Tally& seen = seen_[kind];
    const json::value* told = find(end, {"end", name(kind)});
    const json::object* o = told ? told->if_object() : nullptr;
    if (format_ == kFirst && kind > store::RecordKind::instance && seen.count() == 0) continue;
    if (!o || int_or(*o, "count", -1) != seen.count())
      return damaged(fmt::format("records of kind {} are missing, or too many", name(kind)));
    if (text_or(*o, "hash") != seen.hash())
      return damaged(fmt::format("records of kind {} were changed", name(kind)));
  }
  char more;
  if (from_ < buffer_.size() || gzread(stream_, &more, 1) > 0) return damaged("something follows its end");
  int code = Z_OK;
  gzerror(stream_, &code);
  if (code != Z_OK && code != Z_STREAM_END) return damaged("the last bytes of the file are not as they were");
  told_ = seen_;
  ended_ = true;
  return {};
}

Result<std::vector<store::Record>> BackupReader::next() {
  std::vector<store::Record> out;
  size_t bytes = 0;
  while (!ended_ && out.size() < kTogether && bytes < store::kPageBytes) {
    auto text = line();
    if (!text) return fail(text.error());
    auto v = parse_json(*text, path_);
    if (!v || !v->is_object()) return damaged("a line of it is not JSON");
    const json::object& o = v->get_object();
    if (o.contains("end")) {
      if (auto ok = read_end(*v); !ok) return fail(ok.error());
      break;
    }
    auto kind = store::record_kind_from(text_or(o, "kind"));
    const json::value* body = o.if_contains("body");
    if (!kind || !body) return damaged("a line of it is no record");
    store::Record& r =
        out.emplace_back(store::Record{*kind, std::string(text_or(o, "key")), json::serialize(*body)});
    bytes += r.body.size();
    seen_[*kind].add(r);
  }
  return out;
}

}  // namespace lemmy::cli
