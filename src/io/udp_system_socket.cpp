// SPDX-License-Identifier: MIT
#include "udp_system_socket.hpp"

namespace culvert::io {

SystemUdpSocket::SystemUdpSocket(UniqueFd fd, Family family, UdpOffloads offloads, UdpCalls& calls) noexcept
    : calls_(calls), fd_(std::move(fd)), sender_(family, offloads.gso ? GsoPolicy::Start::on : GsoPolicy::Start::off) {}

ReceiveOutcome SystemUdpSocket::receive(ReceiveSlab& slab) noexcept {
  return receiver_.receive(calls_, fd_.get(), slab, counters_);
}

void SystemUdpSocket::send(std::span<const OutTrain> trains, std::span<SendOutcome> outcomes) noexcept {
  sender_.send({calls_, fd_.get(), counters_, trains, outcomes});
}

}  // namespace culvert::io
