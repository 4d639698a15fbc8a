#pragma once
// Inside room cli: the file of `lemmy store backup`, gzip'd lines of JSON: a head, a line for each record,
// and an end with counts and hashes, without which the file is cut. docs/stores.md says more. All of it
// blocks.
#include <zlib.h>

#include <memory>

#include "store/copying.h"
#include "store/maintain.h"

namespace lemmy::cli {

class BackupWriter {
 public:
  // Writes PATH.part, mode 0600. Errors: conflict when PATH is there, or another backup writes it.
  static Result<std::unique_ptr<BackupWriter>> create(const std::string& path, const store::About& about);
  ~BackupWriter();  // one that was not finished is removed

  Result<> add(const std::vector<store::Record>& records);
  // Writes the end, and when all is on disk gives the file its name. How many bytes it has.
  Result<int64_t> finish(const store::Tallies& tallies);

 private:
  BackupWriter() = default;
  Result<> line(std::string text);
  Error failed(const std::string& why) const;

  std::string path_, part_;
  int fd_ = -1;  // beside the stream's own
  gzFile stream_ = nullptr;
};

class BackupReader {
 public:
  // Errors: not_found; invalid when it is no backup; conflict when a newer Lemmy wrote it.
  static Result<std::unique_ptr<BackupReader>> open(const std::string& path);
  ~BackupReader();

  // The next few records; none: the end was there. Errors: invalid when the file is cut or damaged.
  Result<std::vector<store::Record>> next();
  const store::Tallies& told() const { return told_; }  // by the end

 private:
  BackupReader() = default;
  Result<std::string> line();
  Result<> read_end(const json::value& end);
  std::unexpected<Error> damaged(const std::string& why) const;

  std::string path_, buffer_;
  size_t from_ = 0;  // in the buffer
  gzFile stream_ = nullptr;
  bool ended_ = false;
  int64_t format_ = 0;
  store::Tallies seen_, told_;
};

}  // namespace lemmy::cli
