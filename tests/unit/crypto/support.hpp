// SPDX-License-Identifier: MIT
#pragma once

#include <hex.hpp>
#include <vector>

#include <culvert/secret.hpp>

namespace culvert::test {

/// first, first + 1, ...: the inputs that the oracle scripts used, modulo 251 so that blocks differ.
inline std::vector<std::uint8_t> counting(std::size_t octets, unsigned first = 0) {
  std::vector<std::uint8_t> result(octets);
  for (std::size_t i = 0; i < octets; ++i) result[i] = static_cast<std::uint8_t>((first + i) % 251);
  return result;
}

inline Bytes text(std::string_view characters) {
  return {reinterpret_cast<const std::uint8_t*>(characters.data()), characters.size()};
}

template <std::size_t N>
Secret<N> secret(std::string_view hexadecimal) {
  return Secret<N>(unhex_array<N>(hexadecimal));
}

}  // namespace culvert::test
