#include "emulator.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <thread>

#include "async/subprocess.h"
#include "base/crypto.h"
#include "base/files.h"
#include "base/strings.h"

namespace lemmy::store {
namespace {

using asio::ip::tcp;

uint16_t free_port() {
  asio::io_context loop;
  tcp::acceptor acceptor(loop, {asio::ip::make_address("127.0.0.1"), 0});
  return acceptor.local_endpoint().port();
}

bool answers(uint16_t port) {
  asio::io_context loop;
  auto client = net::Client::create(loop.get_executor(), "http://127.0.0.1:" + std::to_string(port));
  auto answer = asio::co_spawn(loop, (*client)->send({"GET", "/", {}, ""}, seconds{5}), asio::use_future);
  loop.run();
  auto got = answer.get();
  return got && got->status == 200;
}

void run_or_throw(const std::vector<std::string>& argv) {
  auto out = run_process({argv, {}, "/", seconds{60}});
  if (!out || out->exit_code != 0)
    throw std::runtime_error(argv[0] + ": " + (out ? out->err : out.error().str()));
}

}  // namespace

std::string find_jar(Emulator::Kind kind) {
  const bool datastore = kind == Emulator::Kind::datastore;
  const char* named = std::getenv(datastore ? "LEMMY_DATASTORE_EMULATOR" : "LEMMY_FIRESTORE_EMULATOR");
  std::string jar = named ? named : "";
  if (!named) {
    static const std::string root = [] {
      auto out =
          run_process({{"gcloud", "info", "--format=value(installation.sdk_root)"}, {}, "/", seconds{60}});
      return out && out->exit_code == 0 ? std::string(trim(out->out)) : "";
    }();
    if (root.empty()) return "";
    jar = root + (datastore ? "/platform/cloud-datastore-emulator/CloudDatastore.jar"
                            : "/platform/cloud-firestore-emulator/cloud-firestore-emulator.jar");
  }
  return std::filesystem::exists(jar) ? jar : "";
}

std::unique_ptr<Emulator> Emulator::make(Kind kind) {
  std::string jar = find_jar(kind);
  if (jar.empty()) return nullptr;
  std::unique_ptr<Emulator> e(new Emulator(kind, jar));
  e->start();
  return e;
}

std::unique_ptr<Emulator> Emulator::on_disk(const std::string& written) {
  std::string jar = find_jar(Kind::datastore);
  if (jar.empty()) return nullptr;
  std::unique_ptr<Emulator> e(new Emulator(Kind::datastore, jar));
  e->written_ = written;
  e->start();
  return e;
}

Emulator* Emulator::shared(Kind kind) noexcept {
  // One that does not start ends the program: each test would wait for it again.
  static std::unique_ptr<Emulator> all[] = {make(Kind::datastore), make(Kind::firestore)};
  return all[static_cast<int>(kind)].get();
}

Emulator::Emulator(Kind kind, std::string jar)
    : kind_(kind),
      jar_(std::move(jar)),
      dir_((std::filesystem::temp_directory_path() / ("lemmy-emulator-" + random_hex(6))).string()),
      port_(free_port()) {
  std::filesystem::create_directory(dir_);
  host_ = "127.0.0.1:" + std::to_string(port_);
}

Emulator::~Emulator() {
  stop();
  std::error_code ignored;
  std::filesystem::remove_all(dir_, ignored);
}

void Emulator::start() {
  const std::string data = dir_ + "/data", port = "--port=" + std::to_string(port_);
  // It keeps everything in memory; when that runs short it answers UNKNOWN and loses writes.
  std::vector<std::string> argv{"java", "-Xmx1536m", "-Duser.language=en", "-cp", jar_};
  if (kind_ == Kind::datastore) {
    auto create = argv;
    create.insert(create.end(), {"com.google.cloud.datastore.emulator.CloudDatastore", "create",
                                 "--project_id=lemmy", data});
    if (!std::filesystem::exists(data)) run_or_throw(create);
    if (!written_.empty()) {
      const std::string folder = data + "/WEB-INF/appengine-generated";
      std::filesystem::create_directories(folder);
      if (auto ok = write_file(folder + "/local_db.bin", written_); !ok)
        throw std::runtime_error(ok.error().str());
    }
    argv.insert(
        argv.end(),
        {"com.google.cloud.datastore.emulator.CloudDatastore", "start", "--host=127.0.0.1", port,
         written_.empty() ? "--store_on_disk=False" : "--store_on_disk=True", "--consistency=1.0", data});
  } else {
    argv.insert(argv.end(), {"com.google.cloud.datastore.emulator.firestore.CloudFirestore", "start",
                             "--host=127.0.0.1", port, "--database-mode=datastore-mode"});
  }
  std::vector<char*> args;
  for (std::string& a : argv) args.push_back(a.data());
  args.push_back(nullptr);
  const std::string log = dir_ + "/log";
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    int out = ::open(log.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    int in = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::dup2(in, 0);
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::execvp(args[0], args.data());
    ::_exit(127);
  }
  for (auto end = Clock::now() + seconds{90}; Clock::now() < end;) {
    if (answers(port_)) return;
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      break;
    }
    std::this_thread::sleep_for(milliseconds{100});
  }
  throw std::runtime_error("the emulator does not start: " + read_file(log).value_or(""));
}

void Emulator::stop() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::string Emulator::needed_indexes() const {
  return read_file(dir_ + "/data/WEB-INF/index.yaml").value_or("");
}

std::string fresh_namespace() { return "t-" + random_hex(8); }

std::unique_ptr<Store> fresh_store(asio::any_io_executor loop, const std::string& host,
                                   const std::string& name_space, datastore::Limits limits) {
  datastore::Options o;
  o.env = [host](const char* name) -> const char* {
    return std::strcmp(name, "DATASTORE_EMULATOR_HOST") == 0 ? host.c_str() : nullptr;
  };
  o.limits = limits;
  auto s = open_datastore(loop, "datastore://lemmy?namespace=" + name_space, std::move(o));
  if (!s) throw std::runtime_error(s.error().str());
  return std::move(*s);
}

}  // namespace lemmy::store
