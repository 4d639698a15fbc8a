#pragma once
// Inside room cli: how far a long run over records is. Bars on a terminal, else a line now and then; all of
// it on standard error.
#include "async/task.h"
#include "store/copying.h"

namespace lemmy::cli {

using Counts = std::map<store::RecordKind, int64_t>;
Counts counts_of(const store::Tallies& tallies);
// As the store says; those that it does not say are missing.
Counts counts_of(const std::vector<store::Size>& sizes);
std::string_view plural(store::RecordKind kind);  // "deliveries"

class Progress {
 public:
  explicit Progress(std::string what);                           // "copying"
  void expect(Counts counts) { expected_ = std::move(counts); }  // makes shares of it
  void seen(store::RecordKind kind, int64_t count);
  store::Seen listener();  // hands on to seen(); not after this is gone
  ~Progress();

 private:
  void draw(bool whole);

  std::string what_;
  bool terminal_;
  Counts expected_;
  std::optional<store::RecordKind> kind_;
  int64_t count_ = 0;
  Clock::time_point drawn_{};
};

// read_records() with a Progress. `expected`: nullopt asks the store how much there is.
Task<Result<store::Tallies>> read_shown(store::Store* from, std::string what, store::Take take,
                                        std::optional<Counts> expected);

}  // namespace lemmy::cli
