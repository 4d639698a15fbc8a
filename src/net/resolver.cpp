#include "net/resolver.h"

#include <ares.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/time.h>

#include <algorithm>
#include <map>

#include "base/strings.h"

namespace lemmy::net {
namespace {

using asio::ip::address;
using boost::system::error_code;
constexpr size_t kMostAddresses = 16;
constexpr std::chrono::milliseconds kOtherFamily{50};  // RFC 8305, 3: Resolution Delay

// One look-up with a channel of its own. Handlers of Asio hold it weakly, c-ares by pointer until close().
class Lookup : public std::enable_shared_from_this<Lookup> {
 public:
  explicit Lookup(asio::any_io_executor executor)
      : executor_(executor), retry_(executor), settle_(executor), done_(executor) {}
  ~Lookup() { close(); }

  Result<> start(const std::string& host, const ResolverOptions& o) {
    static const int library = ares_library_init(ARES_LIB_INIT_ALL);
    ares_options options{};
    options.flags = ARES_FLAG_NOALIASES;  // HOSTALIASES is of people at a shell
    options.timeout = static_cast<int>(o.first_try.count());
    options.tries = o.tries;
    options.sock_state_cb = &Lookup::on_socket;
    options.sock_state_cb_data = this;
    int status = library;
    if (status == ARES_SUCCESS)
      status = ares_init_options(
          &channel_, &options, ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
    if (status == ARES_SUCCESS && !o.servers.empty())
      status = ares_set_servers_ports_csv(channel_, o.servers.c_str());
    if (status != ARES_SUCCESS)
      return fail(ErrorCode::unavailable, host,
                  fmt::format("names cannot be looked up: {}", ares_strerror(status)),
                  "is /etc/resolv.conf as it should be?");
    for (Family* f : {&six_, &four_}) {
      ares_addrinfo_hints hints{};
      hints.ai_family = f == &six_ ? AF_INET6 : AF_INET;
      hints.ai_socktype = SOCK_STREAM;
      ares_getaddrinfo(channel_, host.c_str(), nullptr, &hints, &Lookup::on_answer, f);
    }
    go_on();
    return {};
  }

  // False: `limit` has passed. Who cancels gets an exception.
  Task<bool> wait(std::chrono::milliseconds limit) {
    done_.expires_after(limit);
    if (!finished_) co_await done_.async_wait(asio::as_tuple(asio::use_awaitable));
    bool stopped = co_await cancelled();
    if (stopped) throw boost::system::system_error(asio::error::operation_aborted);
    co_return finished_;
  }

  std::vector<address> addresses() const {
    std::vector<address> out;
    for (size_t i = 0; i < std::max(six_.found.size(), four_.found.size()); ++i)
      for (const Family* f : {&six_, &four_})
        if (i < f->found.size() && out.size() < kMostAddresses) out.push_back(f->found[i]);
    return out;
  }
  // What IPv4 was told counts: some name servers answer wrongly about IPv6.
  int status() const { return four_.status; }

  void close() {
    finished_ = true;
    if (ares_channel channel = std::exchange(channel_, nullptr)) ares_destroy(channel);
    for (auto& [fd, s] : sockets_) s.descriptor.release();
    sockets_.clear();
    retry_.cancel();
    settle_.cancel();
  }

 private:
  struct Family {
    Lookup* lookup;
    bool answered = false;
    int status = ARES_SUCCESS;
    std::vector<address> found;
  };
  struct Socket {
    asio::posix::stream_descriptor descriptor;
    uint64_t id;  // a descriptor's number is used again
    bool want_read = false, want_write = false, reading = false, writing = false;
  };

  static void on_socket(void* data, ares_socket_t fd, int readable, int writable) {
    auto* self = static_cast<Lookup*>(data);
    auto it = self->sockets_.find(fd);
    if (!readable && !writable) {  // c-ares closes it
      if (it == self->sockets_.end()) return;
      it->second.descriptor.release();
      self->sockets_.erase(it);
      return;
    }
    if (it == self->sockets_.end()) {
      asio::posix::stream_descriptor descriptor(self->executor_);
      error_code ec;
      descriptor.assign(fd, ec);
      if (ec) return;  // as if it never answered
      it = self->sockets_.emplace(fd, Socket{std::move(descriptor), ++self->last_id_}).first;
    }
    it->second.want_read = readable;
    it->second.want_write = writable;
  }

  static void on_answer(void* data, int status, int, ares_addrinfo* result) {
    auto* family = static_cast<Family*>(data);
    family->answered = true;
    family->status = status;
    for (ares_addrinfo_node* n = result ? result->nodes : nullptr; n; n = n->ai_next) {
      if (family->found.size() == kMostAddresses) break;
      if (n->ai_family == AF_INET6) {
        auto* from = reinterpret_cast<const sockaddr_in6*>(n->ai_addr);
        asio::ip::address_v6::bytes_type bytes;
        std::copy_n(from->sin6_addr.s6_addr, bytes.size(), bytes.begin());
        family->found.emplace_back(asio::ip::address_v6(bytes, from->sin6_scope_id));
      } else if (n->ai_family == AF_INET) {
        auto* from = reinterpret_cast<const sockaddr_in*>(n->ai_addr);
        family->found.emplace_back(asio::ip::address_v4(ntohl(from->sin_addr.s_addr)));
      }
    }
    if (result) ares_freeaddrinfo(result);
  }

  // After each time that c-ares ran.
  void go_on() {
    if (finished_) return;
    const bool some = !six_.found.empty() || !four_.found.empty();
    if (six_.answered && four_.answered) return finish();
    if (some && !settling_) {
      settling_ = true;
      settle_.expires_after(kOtherFamily);
      settle_.async_wait([weak = weak_from_this()](error_code ec) {
        auto self = weak.lock();
        if (self && !ec) self->finish();
      });
    }
    for (auto& [fd, s] : sockets_) watch(fd, s);
    timeval at_most{60, 0}, left{};
    timeval* t = ares_timeout(channel_, &at_most, &left);
    retry_.expires_after(std::chrono::seconds{t->tv_sec} + std::chrono::microseconds{t->tv_usec} +
                         std::chrono::milliseconds{1});
    retry_.async_wait([weak = weak_from_this()](error_code ec) {
      auto self = weak.lock();
      if (!self || ec || self->finished_) return;
      ares_process_fd(self->channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
      self->go_on();
    });
  }

  void watch(int fd, Socket& s) {
    using Wait = asio::posix::stream_descriptor;
    auto ready = [weak = weak_from_this(), fd, id = s.id](bool read) {
      return [weak, fd, id, read](error_code ec) {
        auto self = weak.lock();
        if (!self || self->finished_) return;
        auto it = self->sockets_.find(fd);
        if (it == self->sockets_.end() || it->second.id != id) return;
        (read ? it->second.reading : it->second.writing) = false;
        if (ec) return;
        ares_process_fd(self->channel_, read ? fd : ARES_SOCKET_BAD, read ? ARES_SOCKET_BAD : fd);
        self->go_on();
      };
    };
    if (s.want_read && !std::exchange(s.reading, true)) s.descriptor.async_wait(Wait::wait_read, ready(true));
    if (s.want_write && !std::exchange(s.writing, true))
      s.descriptor.async_wait(Wait::wait_write, ready(false));
  }

  void finish() {
    finished_ = true;
    done_.cancel();
  }

  asio::any_io_executor executor_;
  ares_channel channel_ = nullptr;
  std::map<int, Socket> sockets_;
  uint64_t last_id_ = 0;
  asio::steady_timer retry_, settle_, done_;
  Family six_{this}, four_{this};
  bool settling_ = false, finished_ = false;
};

// RFC 6761, 6.3: always this machine, whatever files and name servers say. (c-ares 1.18 leaks the name where
// /etc/hosts has it for one family only.)
bool is_local(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  const std::string name = lower(host);
  return name == "localhost" || name.ends_with(".localhost");
}

}  // namespace

Task<Result<std::vector<address>>> Resolver::resolve(std::string host, std::chrono::milliseconds limit) {
  error_code not_numeric;
  address numeric = asio::ip::make_address(host, not_numeric);
  if (!not_numeric) co_return std::vector<address>{numeric};
  if (is_local(host))
    co_return std::vector<address>{asio::ip::address_v6::loopback(), asio::ip::address_v4::loopback()};
  auto lookup = std::make_shared<Lookup>(executor_);
  struct Closes {  // also when this coroutine is cancelled or destroyed
    Lookup& of;
    ~Closes() { of.close(); }
  } closes{*lookup};
  auto started = lookup->start(host, options_);
  if (!started) co_return fail(started.error());
  bool answered = co_await lookup->wait(limit);
  if (!answered)
    co_return fail(ErrorCode::timeout, host,
                   fmt::format("no name server answered within {} ms", limit.count()),
                   "are the name servers of /etc/resolv.conf reachable from here?");
  auto found = lookup->addresses();
  if (!found.empty()) co_return found;
  const int status = lookup->status();
  if (status == ARES_SUCCESS || status == ARES_ENOTFOUND || status == ARES_ENODATA || status == ARES_EBADNAME)
    co_return fail(ErrorCode::unavailable, host,
                   fmt::format("no such host: {}", ares_strerror(status ? status : ARES_ENODATA)),
                   "is the name right?");
  co_return fail(ErrorCode::unavailable, host,
                 fmt::format("the name servers do not say: {}", ares_strerror(status)),
                 "are the name servers of /etc/resolv.conf reachable from here?");
}

}  // namespace lemmy::net
