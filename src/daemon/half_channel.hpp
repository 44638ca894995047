// SPDX-License-Identifier: MIT
// One message between the halves, with the descriptors that come along (SCM_RIGHTS).
#pragma once

#include <array>
#include <span>
#include <vector>

#include <culvert/bytes.hpp>
#include <culvert/result.hpp>

#include "half_protocol.hpp"
#include "unique_fd.hpp"

namespace culvert::daemon {

struct HalfMessage {
  std::array<std::uint8_t, half::kMaxMessageOctets> octets{};
  std::size_t size = 0;  // 0: the other half is gone
  std::vector<io::UniqueFd> descriptors;

  [[nodiscard]] Bytes bytes() const noexcept { return Bytes(octets).first(size); }
};

/// Two connected ends, closed on exec.
struct HalfPair {
  io::UniqueFd mine, theirs;
};

/// Error: errno, here and below.
[[nodiscard]] Result<HalfPair, int> make_half_pair();

/// Never waits: EAGAIN when the other half leaves too much unread.
[[nodiscard]] Result<void, int> send_half_message(int fd, Bytes octets, std::span<const int> descriptors = {});

/// Never waits: EAGAIN when there is none. EMSGSIZE: longer than any message, or with more descriptors than
/// `most_descriptors`; those are closed.
[[nodiscard]] Result<HalfMessage, int> receive_half_message(int fd, std::size_t most_descriptors = 0);

/// Whether that is the end of the other half, rather than a moment in which nothing can be read.
[[nodiscard]] bool tells_end(const Result<HalfMessage, int>& received) noexcept;

/// Waits until there is a message or the other half is gone. ETIMEDOUT after `limit_ms`; -1: no limit.
[[nodiscard]] Result<void, int> await_half_message(int fd, int limit_ms);

}  // namespace culvert::daemon
