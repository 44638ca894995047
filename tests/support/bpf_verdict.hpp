// SPDX-License-Identifier: MIT
// What the kernel would do with a packet by a program of io/udp_thinning.hpp: its steps, one after the other.
#pragma once

#include <linux/filter.h>

#include <optional>
#include <span>

#include <culvert/address.hpp>

namespace culvert::test {

/// Whether it passes, when the kernel drew this number. Nullopt: the program has a step of another kind, jumps beyond
/// its end, or reads something else than the sender.
[[nodiscard]] inline std::optional<bool> verdict(std::span<const sock_filter> program, const IpAddress& from,
                                                 std::uint32_t drawn) {
  constexpr std::uint32_t kAll = 0xffff'ffff;
  const std::uint32_t source_at = from.family == Family::v4 ? 12 : 8;
  std::uint32_t a = 0, x = 0;
  for (std::size_t at = 0; at < program.size(); ++at) {
    const auto& [code, if_true, if_false, k] = program[at];
    switch (code) {
      case BPF_LD | BPF_W | BPF_ABS: {
        const std::uint32_t octet = k - static_cast<std::uint32_t>(SKF_NET_OFF) - source_at;
        if (k == static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_RANDOM)) {
          a = drawn;
          break;
        }
        if (octet > (from.family == Family::v4 ? 0U : 4U)) return std::nullopt;
        a = 0;
        for (std::uint32_t i = 0; i < 4; ++i) a = a << 8 | from.octets[octet + i];
        break;
      }
      case BPF_ALU | BPF_MUL | BPF_K:
        a *= k;
        break;
      case BPF_ALU | BPF_ADD | BPF_X:
        a += x;
        break;
      case BPF_ALU | BPF_XOR | BPF_X:
        a ^= x;
        break;
      case BPF_ALU | BPF_XOR | BPF_K:
        a ^= k;
        break;
      case BPF_ALU | BPF_RSH | BPF_K:
        a >>= k;
        break;
      case BPF_MISC | BPF_TAX:
        x = a;
        break;
      case BPF_JMP | BPF_JA:
        at += k;
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        at += (a & k) != 0 ? if_true : if_false;
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        at += a >= k ? if_true : if_false;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        at += a == k ? if_true : if_false;
        break;
      case BPF_RET | BPF_K:
        if (k != 0 && k != kAll) return std::nullopt;
        return k != 0;
      default:
        return std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace culvert::test
