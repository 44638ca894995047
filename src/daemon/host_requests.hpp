// SPDX-License-Identifier: MIT
// The packet half's side of the request pair: each call asks the host half and waits for its answer.
#pragma once

#include <cstdint>
#include <string_view>

#include "half_channel.hpp"
#include "udp_open.hpp"
#include "udp_thinning.hpp"

namespace culvert::daemon {

/// On one thread. A host half that does not answer in time counts as a failure (ETIMEDOUT), and its late answer for
/// nothing.
class HostRequests {
 public:
  explicit HostRequests(int descriptor) noexcept : fd_(descriptor) {}

  [[nodiscard]] Result<io::Outside, io::SystemError> open_udp(const io::UdpOptions& options);
  [[nodiscard]] Result<void, io::SystemError> set_mark(std::uint32_t mark);
  [[nodiscard]] Result<void, io::SystemError> thin(const io::Thinning& thinning);
  void close_udp();
  /// 0: there is no such interface.
  [[nodiscard]] std::uint32_t scope_index(std::string_view name);
  /// What was told last, when the host half has no time.
  [[nodiscard]] std::uint64_t link_drops();

 private:
  struct Answer {
    half::Reply reply;
    std::vector<io::UniqueFd> descriptors;
  };
  [[nodiscard]] Result<Answer, io::SystemError> ask(half::Request request, int limit_ms, std::string_view what);
  /// \param octets  a message with `serial_`. \param sockets  in each group that the answer brings.
  [[nodiscard]] Result<Answer, io::SystemError> exchange(Bytes octets, half::Ask kind, std::size_t lanes, int limit_ms,
                                                         std::string_view what);

  int fd_;  // borrowed
  std::uint32_t serial_ = 0;
  std::uint16_t port_ = 0;  // of the sockets opened last
  std::uint64_t drops_ = 0;
};

}  // namespace culvert::daemon
