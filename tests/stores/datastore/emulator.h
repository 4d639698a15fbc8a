#pragma once
// Google's own emulators, each a Java program, as the tests of the Datastore backend use them.
#include <sys/types.h>

#include <memory>
#include <string>

#include "store/datastore/datastore_store.h"

namespace lemmy::store {

class Emulator {
 public:
  enum class Kind { datastore, firestore };  // Datastore; Firestore in Datastore mode

  // One that is shared by all tests of this program, started when first asked for; nullptr: none on this
  // machine.
  static Emulator* shared(Kind kind) noexcept;
  // One of its own.
  static std::unique_ptr<Emulator> make(Kind kind);
  // The Datastore emulator with what an earlier one left on disk.
  static std::unique_ptr<Emulator> on_disk(const std::string& written);
  ~Emulator();

  void start();  // again, on the same port, when it was stopped; what it held is gone. Throws.
  void stop();   // kill -9
  const std::string& host() const { return host_; }  // 127.0.0.1:port
  // Composite indexes that queries so far would have needed, as the Datastore emulator wrote them down.
  std::string needed_indexes() const;

 private:
  Emulator(Kind kind, std::string jar);
  Kind kind_;
  std::string jar_, dir_, host_;
  uint16_t port_ = 0;
  pid_t pid_ = -1;
  std::string written_;
};

// The jar by LEMMY_DATASTORE_EMULATOR or LEMMY_FIRESTORE_EMULATOR, else from gcloud's SDK; "" when there is
// none.
std::string find_jar(Emulator::Kind kind);

// A store in a namespace of its own.
std::unique_ptr<Store> fresh_store(asio::any_io_executor loop, const std::string& host,
                                   const std::string& name_space, datastore::Limits limits);
std::string fresh_namespace();
// For a machine that has much else to do.
inline constexpr datastore::Limits kPatient{.call = milliseconds{30'000}, .patience = milliseconds{90'000}};

}  // namespace lemmy::store
