// SPDX-License-Identifier: MIT
// The host half's side of the request pair: what the packet half may ask for, judged and done.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "half_protocol.hpp"
#include "udp_open.hpp"
#include "udp_thinning.hpp"

namespace culvert::daemon {

/// What the host half decided itself; a request for anything else is refused with EPERM.
struct RequestPolicy {
  std::size_t lanes = 1;
  io::Switch gso = io::Switch::on;
  io::Switch gro = io::Switch::on;
  std::optional<std::uint16_t> port;  // nullopt: whichever is asked for, since `wg` may set it
  std::optional<std::uint32_t> mark;  // likewise
  int lane_buffer_octets = io::kUsualLaneBuffer;
};

/// What the server does to the system. A seam for tests.
struct RequestCalls {
  std::function<Result<io::Outside, io::SystemError>(const io::UdpOptions&)> open_udp;
  std::function<Result<void, io::SystemError>(const io::Outside&, std::uint32_t mark)> set_mark;
  std::function<void(const io::Outside&, int octets)> set_buffers;
  std::function<Result<void, io::SystemError>(int socket, const io::Thinning&)> thin;
  std::function<std::uint32_t(std::string_view name)> scope_index;
  std::function<std::uint64_t()> link_drops;
};

/// On the thread of the host half's loop.
class RequestServer {
 public:
  RequestServer(RequestPolicy policy, RequestCalls calls) : policy_(policy), calls_(std::move(calls)) {}

  struct Answer {
    half::Reply reply;
    std::vector<int> descriptors;  // borrowed: until the next answer
  };
  /// What came by the request pair: a `Request` or a `Thinning`, by its size. \returns why it is neither.
  [[nodiscard]] Result<Answer, half::Refusal> answer(Bytes octets);
  /// \param request  checked.
  [[nodiscard]] Answer answer(const half::Request& request);
  /// Of the packet half's own sockets, whose datagrams it could leave unread as well: always allowed.
  /// \param thinning  checked.
  [[nodiscard]] Answer answer(const half::Thinning& thinning);

  /// Changes what is allowed from now on; the sockets that are open stay, with their buffers as it says now.
  void set_policy(RequestPolicy policy);
  [[nodiscard]] const RequestPolicy& policy() const noexcept { return policy_; }
  /// The packet half is gone, and its sockets with it.
  void forget_sockets() noexcept { outside_.reset(); }
  [[nodiscard]] bool holds_sockets() const noexcept { return outside_.has_value(); }
  /// Why the last opening or marking failed, in words; empty: it did not.
  [[nodiscard]] const std::string& last_refusal() const noexcept { return last_refusal_; }

 private:
  [[nodiscard]] Answer failure(const half::Request& request, const io::SystemError& error);
  [[nodiscard]] Answer open_udp(const half::Request& request);
  [[nodiscard]] Answer hand_over(const half::Request& request) const;
  [[nodiscard]] Answer set_mark(const half::Request& request);

  RequestPolicy policy_;
  RequestCalls calls_;
  std::optional<io::Outside> outside_;  // the same sockets as the packet half's, so that they can be marked
  std::uint32_t mark_ = 0;
  std::string last_refusal_;
};

/// The calls of this system, for an interface whose name may change.
[[nodiscard]] RequestCalls system_request_calls(const std::string& interface);

}  // namespace culvert::daemon
