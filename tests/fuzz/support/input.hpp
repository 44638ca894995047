// SPDX-License-Identifier: MIT
// A fuzzer's octets as the choices of a target: what is not there any more reads as zero, so that every input is one.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <culvert/bytes.hpp>

namespace culvert::fuzz {

/// Ends the process with a sentence: that is a finding.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) noexcept : rest_(data, size) {}

  [[nodiscard]] bool empty() const noexcept { return rest_.empty(); }
  [[nodiscard]] std::uint8_t octet() noexcept {
    if (rest_.empty()) return 0;
    const std::uint8_t first = rest_.front();
    rest_ = rest_.subspan(1);
    return first;
  }
  /// Little-endian, of as many octets as T has.
  template <class T>
  [[nodiscard]] T number() noexcept {
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value | static_cast<T>(octet()) << (8 * i));
    return value;
  }
  /// 0 <= result < n <= 65536. 1 <= n.
  [[nodiscard]] std::size_t below(std::size_t n) noexcept {
    return n <= 256 ? octet() % n : number<std::uint16_t>() % n;
  }
  /// At most `n` octets.
  [[nodiscard]] Bytes octets(std::size_t n) noexcept {
    const Bytes taken = rest_.first(std::min(n, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  /// As many as the next two octets say, if there are so many.
  [[nodiscard]] std::vector<std::uint8_t> block() {
    const Bytes taken = octets(number<std::uint16_t>() % 2048);
    return {taken.begin(), taken.end()};
  }
  template <std::size_t N>
  [[nodiscard]] Octets<N> array() noexcept {
    Octets<N> result{};
    const Bytes taken = octets(N);
    std::copy(taken.begin(), taken.end(), result.begin());
    return result;
  }

 private:
  Bytes rest_;
};

}  // namespace culvert::fuzz
