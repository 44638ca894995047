// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace culvert {

template <std::size_t N>
using Octets = std::array<std::uint8_t, N>;

using Bytes = std::span<const std::uint8_t>;
using MutBytes = std::span<std::uint8_t>;

/// Little-endian integer of alignment 1: a struct made of these is the wire format.
/// `bit_cast` rather than a byte loop, because gcc 12 compiles the loop to byte loads.
template <class T>
class Le {
 public:
  constexpr Le() noexcept = default;
  constexpr Le(T value) noexcept : octets_(std::bit_cast<Octets<sizeof(T)>>(native(value))) {}
  constexpr operator T() const noexcept { return native(std::bit_cast<T>(octets_)); }

 private:
  static constexpr T native(T value) noexcept {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8);
    if constexpr (std::endian::native == std::endian::little)
      return value;
    else if constexpr (sizeof(T) == 4)
      return __builtin_bswap32(value);
    else
      return __builtin_bswap64(value);
  }

  Octets<sizeof(T)> octets_{};
};

using le32 = Le<std::uint32_t>;
using le64 = Le<std::uint64_t>;

}  // namespace culvert
