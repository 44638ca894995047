// SPDX-License-Identifier: MIT
#pragma once

#include <cstring>

#include <culvert/bytes.hpp>

namespace culvert::io {

/// A ones' complement sum that is still open [RFC 1071]. It is kept in the order of memory, which that sum allows, so
/// no word is swapped; results leave as the two octets to store.
class ChecksumSum {
 public:
  /// Octets of an even offset in what is summed: only the last part may have an odd length.
  void add(Bytes octets) noexcept;
  /// A number as it stands in the packet: 16 or 32 bits, network order. `number` itself is in host order.
  void add_number(std::uint32_t number) noexcept;

  /// What a pseudo header leaves in the field of a checksum that is to be finished later.
  [[nodiscard]] Octets<2> partial() const noexcept { return std::bit_cast<Octets<2>>(folded()); }
  /// What a finished checksum field holds.
  [[nodiscard]] Octets<2> checksum() const noexcept {
    return std::bit_cast<Octets<2>>(static_cast<std::uint16_t>(~folded()));
  }
  /// Of a sum over a header together with its checksum field: nothing was damaged.
  [[nodiscard]] bool is_valid() const noexcept { return folded() == 0xffff; }

 private:
  [[nodiscard]] std::uint16_t folded() const noexcept;

  std::uint64_t sum_ = 0;
};

/// The pseudo header of TCP and UDP [RFC 9293 3.1] [RFC 8200 8.1].
/// \param addresses  source, then destination: 8 or 32 octets, as they lie in the IP header.
[[nodiscard]] ChecksumSum pseudo_header(Bytes addresses, std::uint8_t protocol,
                                        std::uint32_t transport_octets) noexcept;

}  // namespace culvert::io
