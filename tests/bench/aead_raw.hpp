// SPDX-License-Identifier: MIT
// The libraries behind the backends, called directly: what they can do at best, on one buffer that stays in the first
// cache, with nothing prepared that could have been prepared before.
#pragma once

#include <string_view>
#include <vector>

#include <culvert/secret.hpp>

namespace culvert::bench {

enum class Direction : std::uint8_t { seal, open };

struct PreparedBuffer {
  explicit PreparedBuffer(std::size_t size) : body(size), out(size) {}

  Secret<32> key;
  Octets<12> nonce{};
  std::vector<std::uint8_t> body;  // plaintext to seal, ciphertext to open
  std::vector<std::uint8_t> out;
  Octets<16> tag{};
};

class RawAead {
 public:
  RawAead() = default;
  RawAead(const RawAead&) = delete;
  RawAead& operator=(const RawAead&) = delete;
  virtual ~RawAead() = default;

  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  /// Makes `buffer` one that `run` can be called with any number of times.
  virtual void prepare(PreparedBuffer& buffer, Direction direction) const noexcept = 0;
  /// Seals or opens `body` into `out`, so that `body` stays as it is.
  virtual void run(PreparedBuffer& buffer, Direction direction) const noexcept = 0;
};

/// Those that this build and this processor have.
[[nodiscard]] std::vector<const RawAead*> raw_aeads();

}  // namespace culvert::bench
