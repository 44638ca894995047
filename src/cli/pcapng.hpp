// SPDX-License-Identifier: MIT
// Blocks of a pcapng file [PCAPNG] (draft-ietf-opsawg-pcapng): one section, one interface of raw IP packets with
// nanoseconds, then packets, then statistics. Pure; any thread. Octets of numbers are in this machine's order, as the
// format wants it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <culvert/bytes.hpp>

namespace culvert::cli::pcapng {

/// The first block of a file. \param program  "culvert 1.2".
[[nodiscard]] std::string section_header(std::string_view program);

/// The one interface, number 0: LINKTYPE_RAW, times in nanoseconds. \param snap  octets of a packet at most.
[[nodiscard]] std::string interface_description(std::string_view name, std::string_view description,
                                                std::uint32_t snap);

struct Packet {
  std::uint64_t nanoseconds = 0;  // since 1970
  enum class Direction : std::uint32_t { inbound = 1, outbound = 2 } direction = Direction::inbound;
  std::uint32_t whole = 0;   // octets of the packet
  Bytes octets;              // the first of them
  std::string_view comment;  // cut at 65535 octets; empty: none
};
[[nodiscard]] std::string packet(const Packet& packet);

/// The last block. \param received  packets of the whole capture, of which `left_out` are not in the file.
[[nodiscard]] std::string statistics(std::uint64_t nanoseconds, std::uint64_t received, std::uint64_t left_out);

}  // namespace culvert::cli::pcapng
