// SPDX-License-Identifier: MIT
// Stand-ins for the system calls of the outside half: calls that fail when a test says so, and a network that
// remembers.
#pragma once

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>

#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <map>
#include <optional>
#include <vector>

#include "udp_calls.hpp"
#include "udp_slab.hpp"
#include "udp_socket.hpp"

namespace culvert::io::test {

using Datagram = std::vector<std::uint8_t>;

inline IpAddress v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  IpAddress address{Family::v4, {}};
  address.octets = {a, b, c, d};
  return address;
}

inline IpAddress v6(std::initializer_list<std::uint16_t> words) {
  IpAddress address{Family::v6, {}};
  std::size_t i = 0;
  for (const std::uint16_t word : words) {
    address.octets[i++] = static_cast<std::uint8_t>(word >> 8);
    address.octets[i++] = static_cast<std::uint8_t>(word & 0xff);
  }
  return address;
}

inline IpAddress loopback(Family family) {
  return family == Family::v4 ? v4(127, 0, 0, 1) : v6({0, 0, 0, 0, 0, 0, 0, 1});
}

/// Octets that tell where they belong: no two datagrams of one test begin alike.
inline Datagram numbered(std::size_t octets, std::uint32_t number) {
  Datagram out(octets);
  for (std::size_t i = 0; i < octets; ++i) out[i] = static_cast<std::uint8_t>(number * 31 + i * 7 + (i >> 8));
  for (std::size_t i = 0; i < octets && i < 4; ++i) out[i] = static_cast<std::uint8_t>(number >> (8 * i));
  return out;
}

inline std::vector<Datagram> cut(Bytes octets, std::size_t stride) {
  std::vector<Datagram> out;
  do {
    const std::size_t n = stride < octets.size() ? stride : octets.size();
    out.emplace_back(octets.begin(), octets.begin() + static_cast<std::ptrdiff_t>(n));
    octets = octets.subspan(n);
  } while (!octets.empty());
  return out;
}

/// One message that the fake network took.
struct Taken {
  sockaddr_in6 to{};  // large enough for both forms
  Datagram octets;
  int segment = 0;  // 0: no UDP_SEGMENT
  std::optional<in_addr> source4;
  std::optional<in6_pktinfo> source6;
  int source4_interface = 0;
  int tos = -1;  // -1: none given
};

inline Taken take(const msghdr& message) {
  Taken out;
  if (message.msg_namelen != 0) std::memcpy(&out.to, message.msg_name, message.msg_namelen);
  for (std::size_t i = 0; i < message.msg_iovlen; ++i) {
    const auto* base = static_cast<const std::uint8_t*>(message.msg_iov[i].iov_base);
    out.octets.insert(out.octets.end(), base, base + message.msg_iov[i].iov_len);
  }
  auto& chain = const_cast<msghdr&>(message);
  for (cmsghdr* c = CMSG_FIRSTHDR(&chain); c != nullptr; c = CMSG_NXTHDR(&chain, c)) {
    if (c->cmsg_level == SOL_UDP && c->cmsg_type == 103) {
      std::uint16_t size = 0;
      REQUIRE(c->cmsg_len == CMSG_LEN(2));
      std::memcpy(&size, CMSG_DATA(c), 2);
      out.segment = size;
    } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
      in_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(c), sizeof info);
      out.source4 = info.ipi_spec_dst;
      out.source4_interface = info.ipi_ifindex;
    } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(c), sizeof info);
      out.source6 = info;
    } else if (c->cmsg_type == (c->cmsg_level == IPPROTO_IP ? IP_TOS : IPV6_TCLASS)) {
      std::memcpy(&out.tos, CMSG_DATA(c), sizeof out.tos);
    } else {
      FAIL("a control message that nobody asked for");
    }
  }
  return out;
}

enum class Op { open, bind, local_name, set_option, get_option, send, receive };

/// Passes every call on to another `UdpCalls`, but for those that are to fail.
class FaultyCalls : public UdpCalls {
 public:
  explicit FaultyCalls(UdpCalls& real) : real_(real) {}

  /// Calls `first` to `first + count - 1` of this kind, counted from 1 and from now, return the error.
  void fail(Op op, int error, unsigned first = 1, unsigned count = 1) {
    faults_[op].push_back({made_[op] + first, count, error});
  }
  /// The setting of one option fails whenever it is tried.
  void fail_option(int level, int option, int error) { options_.push_back({level, option, error}); }

  [[nodiscard]] unsigned made(Op op) { return made_[op]; }
  unsigned injected = 0;
  std::vector<std::pair<Await, std::chrono::microseconds>> waits;

  int open(int domain) noexcept override {
    if (const int e = due(Op::open)) return -e;
    return real_.open(domain);
  }
  int bind(int fd, const sockaddr* name, socklen_t octets) noexcept override {
    if (const int e = due(Op::bind)) return -e;
    return real_.bind(fd, name, octets);
  }
  int local_name(int fd, sockaddr* name, socklen_t* octets) noexcept override {
    if (const int e = due(Op::local_name)) return -e;
    return real_.local_name(fd, name, octets);
  }
  int set_option(int fd, int level, int option, std::span<const std::byte> value) noexcept override {
    if (const int e = due(Op::set_option)) return -e;
    for (const auto& [l, o, error] : options_) {
      if (l == level && o == option) return -error;
    }
    return real_.set_option(fd, level, option, value);
  }
  int get_option(int fd, int level, int option, int& value) noexcept override {
    if (const int e = due(Op::get_option)) return -e;
    return real_.get_option(fd, level, option, value);
  }
  int send_batch(int fd, std::span<mmsghdr> messages) noexcept override {
    if (const int e = due(Op::send)) return -e;
    return real_.send_batch(fd, messages);
  }
  int receive_batch(int fd, std::span<mmsghdr> messages) noexcept override {
    if (const int e = due(Op::receive)) return -e;
    return real_.receive_batch(fd, messages);
  }
  void wait(int, Await what, std::chrono::microseconds limit) noexcept override { waits.emplace_back(what, limit); }

 private:
  struct Fault {
    unsigned first, count;
    int error;
  };
  struct OptionFault {
    int level, option, error;
  };

  int due(Op op) {
    const unsigned call = ++made_[op];
    for (const Fault& fault : faults_[op]) {
      if (call >= fault.first && call - fault.first < fault.count) {
        ++injected;
        return fault.error;
      }
    }
    return 0;
  }

  UdpCalls& real_;
  std::map<Op, unsigned> made_;
  std::map<Op, std::vector<Fault>> faults_;
  std::vector<OptionFault> options_;
};

/// A network without a kernel: takes all that is sent, in order. `refuse` sees a message before it is taken and may
/// name an error; like the kernel, a batch then ends before that message.
class FakeNetwork : public UdpCalls {
 public:
  std::vector<Taken> taken;
  std::vector<int> errors;  // as returned
  unsigned calls = 0;
  std::size_t most_at_once = 1024;  // messages that one call takes at most
  int (*refuse)(const Taken&) = nullptr;

  [[nodiscard]] std::vector<Datagram> datagrams() const {
    std::vector<Datagram> out;
    for (const Taken& message : taken) {
      const std::size_t stride =
          message.segment != 0 ? static_cast<std::size_t>(message.segment) : message.octets.size();
      for (Datagram& d : cut(message.octets, stride)) out.push_back(std::move(d));
    }
    return out;
  }

  int open(int) noexcept override { return -EAFNOSUPPORT; }
  int bind(int, const sockaddr*, socklen_t) noexcept override { return -EBADF; }
  int local_name(int, sockaddr*, socklen_t*) noexcept override { return -EBADF; }
  int set_option(int, int, int, std::span<const std::byte>) noexcept override { return 0; }
  int get_option(int, int, int, int&) noexcept override { return 0; }
  int receive_batch(int, std::span<mmsghdr>) noexcept override { return -EAGAIN; }
  void wait(int, Await, std::chrono::microseconds) noexcept override {}

  int send_batch(int, std::span<mmsghdr> messages) noexcept override {
    ++calls;
    int count = 0;
    for (const mmsghdr& header : messages.first(std::min(messages.size(), most_at_once))) {
      Taken message = take(header.msg_hdr);
      if (const int error = refuse != nullptr ? refuse(message) : 0) {
        if (count > 0) return count;
        errors.push_back(error);
        return -error;
      }
      taken.push_back(std::move(message));
      ++count;
    }
    return count;
  }
};

/// What arrived, with octets that live on.
struct Arrived {
  Datagram octets;
  std::size_t stride = 0;
  Endpoint from;
  std::optional<Source> local;
  wire::Ecn ecn = wire::Ecn::not_ect;
  bool truncated = false;
};

/// Receives until `datagrams` are there or nothing comes for two seconds.
inline std::vector<Arrived> collect(UdpSocket& socket, std::size_t datagrams, std::size_t slots = 16) {
  ReceiveSlab slab(slots);
  std::vector<Arrived> out;
  for (std::size_t have = 0; have < datagrams;) {
    pollfd entry{socket.descriptor(), POLLIN, 0};
    if (::poll(&entry, 1, 2000) <= 0) break;
    for (const InTrain& train : socket.receive(slab).trains) {
      out.push_back({Datagram(train.octets.begin(), train.octets.end()), train.stride, train.from, train.local,
                     train.ecn, train.truncated});
      have += datagram_count(train.octets.size(), train.stride);
    }
  }
  return out;
}

inline std::vector<Datagram> split(const std::vector<Arrived>& arrived) {
  std::vector<Datagram> out;
  for (const Arrived& a : arrived) {
    for (Datagram& d : cut(a.octets, a.stride)) out.push_back(std::move(d));
  }
  return out;
}

/// True when nothing waits on the socket.
inline bool is_quiet(UdpSocket& socket) {
  ReceiveSlab slab(1);
  return socket.receive(slab).status == ReceiveStatus::empty;
}

}  // namespace culvert::io::test
