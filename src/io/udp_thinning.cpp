// SPDX-License-Identifier: MIT
// The program draws a number first: one datagram in 2^share passes whoever sent it. The rest are looked up in a binary
// tree whose leaves compare a few tags one after the other.
//
// Offsets: negative loads reach the IP header [K net/core/filter.c, SKF_NET_OFF]. A conditional jump reaches 255 steps,
// so the way to the right half of the tree takes an unconditional one.
#include "udp_thinning.hpp"

#include <sodium.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "udp_calls.hpp"

namespace culvert::io {
namespace {

constexpr std::uint32_t kPass = 0xffff'ffff;
constexpr std::uint32_t kDrop = 0;
constexpr std::uint32_t kV4Source = 12;  // in the IPv4 header
constexpr std::uint32_t kV6Source = 8;   // in the IPv6 header
constexpr std::size_t kLeafTags = 8;
constexpr unsigned kFold = 15;

using Program = std::vector<sock_filter>;

void add(Program& program, unsigned code, std::uint32_t operand, std::size_t if_true = 0, std::size_t if_false = 0) {
  program.push_back({static_cast<std::uint16_t>(code), static_cast<std::uint8_t>(if_true),
                     static_cast<std::uint8_t>(if_false), operand});
}

void load_from_ip_header(Program& program, std::uint32_t offset) {
  add(program, BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(SKF_NET_OFF) + offset);
}

/// As `sender_tag` does it.
void load_tag(Program& program, const Thinning& thinning) {
  const auto multiply = [&] { add(program, BPF_ALU | BPF_MUL | BPF_K, thinning.mix); };
  if (thinning.family == Family::v4) {
    load_from_ip_header(program, kV4Source);
  } else {
    load_from_ip_header(program, kV6Source);
    multiply();
    add(program, BPF_MISC | BPF_TAX, 0);
    add(program, BPF_ALU | BPF_RSH | BPF_K, kFold);
    add(program, BPF_ALU | BPF_XOR | BPF_X, 0);
    add(program, BPF_MISC | BPF_TAX, 0);
    load_from_ip_header(program, kV6Source + 4);
    add(program, BPF_ALU | BPF_ADD | BPF_X, 0);
  }
  multiply();
  add(program, BPF_ALU | BPF_RSH | BPF_K, 1);
}

void look_up(Program& program, std::span<const std::uint32_t> tags) {
  if (tags.size() <= kLeafTags) {
    for (std::size_t i = 0; i < tags.size(); ++i) add(program, BPF_JMP | BPF_JEQ | BPF_K, tags[i], tags.size() - i);
    add(program, BPF_RET | BPF_K, kPass);
    add(program, BPF_RET | BPF_K, kDrop);
    return;
  }
  const std::size_t middle = tags.size() / 2;
  add(program, BPF_JMP | BPF_JGE | BPF_K, tags[middle], 0, 1);
  const std::size_t jump = program.size();
  add(program, BPF_JMP | BPF_JA, 0);
  look_up(program, tags.first(middle));
  program[jump].k = static_cast<std::uint32_t>(program.size() - jump - 1);
  look_up(program, tags.subspan(middle));
}

}  // namespace

std::uint32_t sender_tag(const IpAddress& from, std::uint32_t mix) noexcept {
  const auto word = [&](std::size_t at) {
    const auto octet = [&](std::size_t i) { return std::uint32_t{from.octets[at + i]}; };
    return octet(0) << 24 | octet(1) << 16 | octet(2) << 8 | octet(3);
  };
  if (from.family == Family::v4) return word(0) * mix >> 1;
  const std::uint32_t high = word(0) * mix;
  return ((high ^ high >> kFold) + word(4)) * mix >> 1;
}

std::vector<sock_filter> thinning_program(const Thinning& thinning, std::uint32_t blind) {
  blind &= kTagBits;
  std::vector<std::uint32_t> blinded(thinning.senders.begin(), thinning.senders.end());
  for (std::uint32_t& tag : blinded) tag ^= blind;
  std::ranges::sort(blinded);

  Program program;
  program.reserve(2 * blinded.size() + 24);
  add(program, BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_RANDOM));
  add(program, BPF_JMP | BPF_JSET | BPF_K, (1U << thinning.share) - 1, 1, 0);
  add(program, BPF_RET | BPF_K, kPass);
  load_tag(program, thinning);
  add(program, BPF_ALU | BPF_XOR | BPF_K, blind);
  look_up(program, blinded);
  return program;
}

Result<void, SystemError> thin(int socket, const Thinning& thinning) {
  const auto set = [&](int option, std::span<const std::byte> value) {
    return system_udp_calls().set_option(socket, SOL_SOCKET, option, value);
  };
  if (thinning.senders.empty()) {
    const int unused = 0;
    const int r = set(SO_DETACH_FILTER, std::as_bytes(std::span(&unused, 1)));
    if (r < 0 && r != -ENOENT) return Err{SystemError{-r, "take the thinning filter away"}};
    return {};
  }
  Program steps = thinning_program(thinning, ::randombytes_random());
  const sock_fprog program{static_cast<unsigned short>(steps.size()), steps.data()};
  if (const int r = set(SO_ATTACH_FILTER, std::as_bytes(std::span(&program, 1))); r < 0)
    return Err{SystemError{-r, "attach the thinning filter"}};
  return {};
}

}  // namespace culvert::io
