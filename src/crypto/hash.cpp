// SPDX-License-Identifier: MIT
#include "hash.hpp"

#include "blake2s.hpp"
#include "dead_stack.hpp"

namespace culvert::crypto {
namespace {

constexpr std::size_t kBlockOctets = BLAKE2S_BLOCKBYTES;

/// The two padded keys of [RFC 2104]: a longer key than a block is hashed first.
class HmacKey {
 public:
  explicit HmacKey(Bytes key) noexcept {
    const std::span<std::uint8_t, kBlockOctets> block = block_.bytes();
    if (key.size() <= kBlockOctets) {
      std::copy(key.begin(), key.end(), block.begin());
      return;
    }
    Blake2s hashed(32);
    hashed.update(key);
    hashed.finish(block.first<32>());
  }
  [[nodiscard]] Secret<kBlockOctets> xored_with(std::uint8_t pad) const noexcept {
    Secret<kBlockOctets> result = block_.clone();
    for (std::uint8_t& octet : result.bytes()) octet ^= pad;
    return result;
  }

 private:
  Secret<kBlockOctets> block_;
};

}  // namespace

Octets<32> hash(std::initializer_list<Bytes> parts) noexcept {
  Octets<32> digest;
  Blake2s state(digest.size());
  state.update(parts);
  state.finish(digest);
  return digest;
}

Octets<16> mac(Bytes key, std::initializer_list<Bytes> parts) noexcept {
  Octets<16> digest;
  Blake2s state(digest.size(), key);
  state.update(parts);
  state.finish(digest);
  return digest;
}

Secret<32> hmac(Bytes key, std::initializer_list<Bytes> parts) noexcept {
  const HmacKey padded(key);
  Secret<32> digest;

  Blake2s inner(32);
  inner.update(padded.xored_with(0x36).bytes());
  inner.update(parts);
  inner.finish(digest.bytes());

  Blake2s outer(32);
  outer.update(padded.xored_with(0x5c).bytes());
  outer.update(digest.bytes());
  outer.finish(digest.bytes());
  wipe_dead_stack();
  return digest;
}

template <std::size_t N>
std::array<Secret<32>, N> kdf(const Secret<32>& chaining_key, Bytes input) noexcept {
  static_assert(N >= 1 && N <= 3);
  const Secret<32> extracted = hmac(chaining_key.bytes(), {input});  // tau_0 [W 5.4]
  std::array<Secret<32>, N> outputs;
  for (std::size_t i = 0; i < N; ++i) {
    const Bytes previous = i == 0 ? Bytes{} : Bytes(outputs[i - 1].bytes());
    const Octets<1> number{static_cast<std::uint8_t>(i + 1)};
    outputs[i] = hmac(extracted.bytes(), {previous, number});
  }
  return outputs;
}

template std::array<Secret<32>, 1> kdf<1>(const Secret<32>&, Bytes) noexcept;
template std::array<Secret<32>, 2> kdf<2>(const Secret<32>&, Bytes) noexcept;
template std::array<Secret<32>, 3> kdf<3>(const Secret<32>&, Bytes) noexcept;

}  // namespace culvert::crypto
