#pragma once
// For the tests of room net: a name server on loopback (RFC 1035) that answers as it is told.
#include <map>
#include <set>

#include "async/task.h"

namespace lemmy::net {

struct NameServer {
  using udp = asio::ip::udp;
  enum class Mood { answers, silent, slow, other_question, other_id, refuses, garbage };

  explicit NameServer(asio::any_io_executor executor, Mood mood = Mood::answers)
      : socket(executor, {asio::ip::address_v4::loopback(), 0}), mood(mood) {}

  std::string address() const { return "127.0.0.1:" + std::to_string(socket.local_endpoint().port()); }
  Task<> serve() {
    for (;;) {
      std::array<unsigned char, 512> in;
      udp::endpoint from;
      auto [ec, n] =
          co_await socket.async_receive_from(asio::buffer(in), from, asio::as_tuple(asio::use_awaitable));
      if (ec) co_return;
      std::string question(reinterpret_cast<char*>(in.data()), n);
      ++asked;
      if (mood == Mood::silent || n < 17) continue;
      const bool six = question[question.size() - 3] == 28;  // QTYPE AAAA
      if (six && silent_about_six) continue;
      if (mood == Mood::slow) co_await sleep_for(slow);
      std::string out = answer(question, six);
      co_await socket.async_send_to(asio::buffer(out), from, asio::as_tuple(asio::use_awaitable));
    }
  }

  udp::socket socket;
  Mood mood;
  std::chrono::milliseconds slow{400};
  bool silent_about_six = false;
  std::map<std::string, std::vector<std::string>> names;  // "cluster.test" -> IPv4 or IPv6 addresses
  int asked = 0;

 private:
  static std::string name_in(const std::string& question) {
    std::string out;
    for (size_t at = 12; at < question.size() && question[at]; at += size_t(question[at]) + 1)
      out += (out.empty() ? "" : ".") + question.substr(at + 1, size_t(question[at]));
    return out;
  }
  std::string answer(std::string question, bool six) const {
    if (mood == Mood::garbage) return std::string(40, '\xff');
    std::vector<asio::ip::address> found;
    auto known = names.find(name_in(question));
    if (known != names.end())
      for (const std::string& text : known->second)
        if (auto a = asio::ip::make_address(text); a.is_v6() == six) found.push_back(a);
    std::string out = question;
    out[2] = '\x81', out[3] = '\x80';  // an answer, recursion
    if (known == names.end()) out[3] = '\x83';
    if (mood == Mood::refuses) out[3] = '\x85';
    if (mood == Mood::other_id) out[0] = char(out[0] + 1);
    if (mood == Mood::other_question) out[13] = out[13] == 'x' ? 'y' : 'x';
    out[6] = char(found.size() >> 8), out[7] = char(found.size() & 0xff);
    out[10] = out[11] = 0;  // no additional records
    for (const auto& a : found) {
      out += std::string("\xc0\x0c\0", 3) + (six ? '\x1c' : '\x01') + std::string("\0\x01\0\0\0\x3c\0", 7);
      if (six) {
        auto bytes = a.to_v6().to_bytes();
        out += '\x10' + std::string(bytes.begin(), bytes.end());
      } else {
        auto bytes = a.to_v4().to_bytes();
        out += '\x04' + std::string(bytes.begin(), bytes.end());
      }
    }
    return out;
  }
};

}  // namespace lemmy::net
