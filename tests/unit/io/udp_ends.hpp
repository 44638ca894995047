// SPDX-License-Identifier: MIT
// Real groups of sockets, for tests over the kernel's own network.
#pragma once

#include "udp_open.hpp"
#include "udp_support.hpp"
#include "udp_system_socket.hpp"

namespace culvert::io::test {

/// One end of a conversation: a group with sockets that send and receive.
struct End {
  explicit End(Family family, std::size_t lanes = 1, Switch gso = Switch::on, Switch gro = Switch::on) {
    UdpOptions options;
    options.lanes = lanes;
    options.gso = gso;
    options.gro = gro;
    auto group = open_udp_group(family, options);
    REQUIRE(group);
    at = {loopback(family), group->port, 0};
    offloads = group->offloads;
    control = make_udp_socket(std::move(group->control), family, group->offloads);
    for (UniqueFd& lane : group->lanes) sockets.push_back(make_udp_socket(std::move(lane), family, group->offloads));
  }
  [[nodiscard]] UdpSocket& lane(std::size_t i = 0) { return *sockets[i]; }

  /// The same, by another address of the host.
  [[nodiscard]] Endpoint by(const IpAddress& address, std::uint32_t scope = 0) const {
    return {address, at.port, scope};
  }

  Endpoint at;
  UdpOffloads offloads;
  std::unique_ptr<UdpSocket> control;
  std::vector<std::unique_ptr<UdpSocket>> sockets;
};

inline SendOutcome send_one(UdpSocket& socket, const OutTrain& train) {
  SendOutcome outcome;
  socket.send(std::span(&train, 1), std::span(&outcome, 1));
  return outcome;
}

inline Datagram data_message(std::size_t octets, std::uint32_t receiver_index, std::uint32_t number) {
  Datagram out = numbered(octets, number);
  const std::uint8_t header[8] = {4,
                                  0,
                                  0,
                                  0,
                                  static_cast<std::uint8_t>(receiver_index),
                                  static_cast<std::uint8_t>(receiver_index >> 8),
                                  static_cast<std::uint8_t>(receiver_index >> 16),
                                  static_cast<std::uint8_t>(receiver_index >> 24)};
  std::copy(header, header + std::min<std::size_t>(octets, 8), out.begin());
  return out;
}

}  // namespace culvert::io::test
