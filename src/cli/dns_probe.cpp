// SPDX-License-Identifier: MIT
#include "dns_probe.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "socket_name.hpp"
#include "unique_fd.hpp"

namespace culvert::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint16_t kDnsPort = 53;
constexpr int kTries = 2;

// [RFC 1035 4.1] number, recursion desired, one question: the root, NS, IN. The number is set for each.
using Question = std::array<std::uint8_t, 17>;
constexpr Question kQuestion{0, 0, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1};

io::UniqueFd datagram_socket(Family family) noexcept {
  return io::UniqueFd(::socket(io::socket_domain(family), SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

DnsOutcome outcome_of(int error) noexcept {
  switch (error) {
    case ECONNREFUSED:
      return DnsOutcome::port_closed;
    case EPERM:
    case EACCES:
      return DnsOutcome::forbidden;
    default:
      return DnsOutcome::unreachable;
  }
}

}  // namespace

DnsReply ask_resolver(const IpAddress& server, std::chrono::milliseconds within) {
  const io::UniqueFd fd = datagram_socket(server.family);
  if (const int error = io::connect_to(fd.get(), {server, kDnsPort, 0}); error != 0)
    return {.outcome = outcome_of(error)};
  for (int attempt = 0; attempt < kTries; ++attempt) {
    Question question = kQuestion;
    question[0] = static_cast<std::uint8_t>(::getpid() >> 8);
    question[1] = static_cast<std::uint8_t>(::getpid() + attempt);
    const auto start = Clock::now();
    if (::send(fd.get(), question.data(), question.size(), 0) < 0) return {.outcome = outcome_of(errno)};
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(start + within - Clock::now()).count();
      pollfd entry{fd.get(), POLLIN, 0};
      if (left <= 0 || ::poll(&entry, 1, static_cast<int>(left)) != 1) break;
      std::array<std::uint8_t, 4096> answer;
      const ssize_t got = ::recv(fd.get(), answer.data(), answer.size(), MSG_DONTWAIT);
      if (got < 0 && errno == EAGAIN) continue;
      if (got < 0) return {.outcome = outcome_of(errno)};
      const bool is_answer =
          got >= 12 && answer[0] == question[0] && answer[1] == question[1] && (answer[2] & 0x80) != 0;
      if (!is_answer) continue;
      return {.outcome = DnsOutcome::answered,
              .code = answer[3] & 0x0fU,
              .took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start)};
    }
  }
  return {};
}

OutsideWay try_outside(const std::string& interface, Family family) {
  const io::UniqueFd fd = datagram_socket(family);
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, interface.c_str(),
                   static_cast<socklen_t>(interface.size())) != 0)
    return OutsideWay::none;
  const IpAddress nobody = *parse_address(family == Family::v4 ? "192.0.2.53" : "2001:db8::53");
  if (const int error = io::connect_to(fd.get(), {nobody, kDnsPort, 0}); error != 0)
    return error == EPERM || error == EACCES ? OutsideWay::shut : OutsideWay::none;
  if (::send(fd.get(), kQuestion.data(), kQuestion.size(), 0) >= 0) return OutsideWay::open;
  return errno == EPERM || errno == EACCES ? OutsideWay::shut : OutsideWay::none;
}

}  // namespace culvert::cli
