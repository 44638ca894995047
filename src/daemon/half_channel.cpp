// SPDX-License-Identifier: MIT
#include "half_channel.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace culvert::daemon {
namespace {

using ControlOctets = std::array<char, CMSG_SPACE(sizeof(int) * half::kMaxDescriptors)>;

/// Takes over every descriptor that the kernel has put in.
void take_descriptors(const msghdr& header, std::vector<io::UniqueFd>& into) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr;
       part = CMSG_NXTHDR(const_cast<msghdr*>(&header), part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
      into.emplace_back(fd);
    }
  }
}

}  // namespace

Result<HalfPair, int> make_half_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) return Err{errno};
  return HalfPair{io::UniqueFd(ends[0]), io::UniqueFd(ends[1])};
}

Result<void, int> send_half_message(int fd, Bytes octets, std::span<const int> descriptors) {
  if (descriptors.size() > half::kMaxDescriptors) return Err{EMSGSIZE};
  iovec part{const_cast<std::uint8_t*>(octets.data()), octets.size()};  // only read from
  alignas(cmsghdr) ControlOctets control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* const rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
  }
  while (::sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
    if (errno != EINTR) return Err{errno};
  return {};
}

Result<HalfMessage, int> receive_half_message(int fd, std::size_t most_descriptors) {
  HalfMessage message;
  iovec part{message.octets.data(), message.octets.size()};
  alignas(cmsghdr) ControlOctets control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  // Without room the kernel hands over no descriptor at all.
  header.msg_control = most_descriptors != 0 ? control.data() : nullptr;
  header.msg_controllen = most_descriptors != 0 ? CMSG_SPACE(sizeof(int) * most_descriptors) : 0;
  ssize_t got = 0;
  do {
    got = ::recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return Err{errno};
  take_descriptors(header, message.descriptors);
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || message.descriptors.size() > most_descriptors)
    return Err{EMSGSIZE};
  message.size = static_cast<std::size_t>(got);
  return message;
}

bool tells_end(const Result<HalfMessage, int>& received) noexcept {
  return received ? received->size == 0 : received.error() == ECONNRESET || received.error() == EPIPE;
}

Result<void, int> await_half_message(int fd, int limit_ms) {
  pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
  for (;;) {
    const int ready = ::poll(&waiting, 1, limit_ms);
    if (ready > 0) return {};
    if (ready == 0) return Err{ETIMEDOUT};
    if (errno != EINTR) return Err{errno};
  }
}

}  // namespace culvert::daemon
