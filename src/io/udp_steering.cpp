// SPDX-License-Identifier: MIT
#include "udp_steering.hpp"

#include "lane_index.hpp"

namespace culvert::io {
namespace {

constexpr std::uint32_t kDataMessage = 4;    // first octet of a data message [W 5.4.6]
constexpr std::uint32_t kReceiverOctet = 4;  // lowest octet of the little-endian receiver index
constexpr std::uint32_t kControlSocket = 0;  // all that is not data
constexpr std::uint32_t kFirstLaneSocket = 1;

constexpr sock_filter step(unsigned code, std::uint32_t operand, std::uint8_t if_true = 0, std::uint8_t if_false = 0) {
  return {static_cast<std::uint16_t>(code), if_true, if_false, operand};
}

}  // namespace

SteeringProgram steering_program(std::size_t lanes) noexcept {
  const auto count = static_cast<std::uint32_t>(lanes);
  return {
      step(BPF_LD | BPF_B | BPF_ABS, 0),
      step(BPF_JMP | BPF_JEQ | BPF_K, kDataMessage, 1, 0),
      step(BPF_RET | BPF_K, kControlSocket),
      step(BPF_LD | BPF_B | BPF_ABS, kReceiverOctet),
      step(BPF_ALU | BPF_AND | BPF_K, wire::lane_mask(lanes)),
      step(BPF_ALU | BPF_MOD | BPF_K, count),
      step(BPF_ALU | BPF_ADD | BPF_K, kFirstLaneSocket),
      step(BPF_RET | BPF_A, 0),
  };
}

}  // namespace culvert::io
