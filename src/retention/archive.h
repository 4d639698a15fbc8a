#pragma once
// What was let go, on disk for good: DIR/KIND-2026-11.jsonl.gz, one file for each kind and month (UTC) of the
// archiving, mode 0600. Each append is one gzip member of whole lines of JSON, so that zcat reads the file
// and what a crash left half written is found and cut. Blocks: not on the loop thread. One call at a time;
// several processes may append to one folder.
#include <filesystem>
#include <map>
#include <string>

#include "base/error.h"
#include "base/time.h"

namespace lemmy::retention {

class Archive {
 public:
  explicit Archive(std::filesystem::path dir) : dir_(std::move(dir)) {}

  // `lines` end with a newline each. Made sure to be on disk when `durable`, with all that went into the same
  // file before. Whoever repeats what failed may write it twice. Errors: unavailable, with what to do.
  // The first append of a process reads the month's file once: a tail that a crash cut short is cut off; a
  // file that is damaged otherwise is put aside as NAME.damaged-MILLIS, and a new one begun.
  Result<> append(const std::string& kind, Time at, const std::string& lines, bool durable);
  int64_t bytes() const;  // of all files; 0 when there is no folder

  const std::filesystem::path& dir() const { return dir_; }
  static std::string file_name(const std::string& kind, Time at);

 private:
  std::filesystem::path dir_;
  std::map<std::string, int64_t> sizes_;  // of files as we left them
};

}  // namespace lemmy::retention
