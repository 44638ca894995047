// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "udp_calls.hpp"
#include "udp_open.hpp"
#include "udp_receive.hpp"
#include "udp_send.hpp"
#include "udp_socket.hpp"

namespace culvert::io {

/// A socket of a group, as Linux provides it.
class SystemUdpSocket final : public UdpSocket {
 public:
  /// Takes the descriptor over. `calls` must outlive the socket.
  SystemUdpSocket(UniqueFd fd, Family family, UdpOffloads offloads, UdpCalls& calls = system_udp_calls()) noexcept;

  [[nodiscard]] ReceiveOutcome receive(ReceiveSlab& slab) noexcept override;
  void send(std::span<const OutTrain> trains, std::span<SendOutcome> outcomes) noexcept override;
  void forget_destinations() noexcept override { sender_.forget_destinations(); }
  [[nodiscard]] int descriptor() const noexcept override { return fd_.get(); }
  [[nodiscard]] const UdpCounters& counters() const noexcept override { return counters_; }

 private:
  UdpCalls& calls_;
  UniqueFd fd_;
  UdpCounters counters_;
  TrainReceiver receiver_;
  TrainSender sender_;
};

}  // namespace culvert::io
