// SPDX-License-Identifier: MIT
// ChaCha20-Poly1305 [RFC 8439] for handshakes and trains, XChaCha20-Poly1305 for cookies.
//
// The nonce is 4 zero octets and a 64-bit little-endian counter [W 5.4.6]. Handshake messages go one at a time
// through `seal` and `open` (libsodium). Data goes a whole train at a time through an `AeadBackend`, the seam
// behind which the fast implementations live; it is chosen once at start by `choose_backend`.
//
// A train is one buffer of slots that lie `stride` octets apart; the last may be shorter. A slot is a whole data
// message: 16 octets of header, the plaintext or ciphertext, 16 octets of tag.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include <culvert/secret.hpp>

namespace culvert::crypto {

inline constexpr std::size_t kTagOctets = 16;
inline constexpr std::size_t kDataHeaderOctets = 16;

/// AEAD(key, counter, plain, ad): writes plain.size() + 16 octets to `out`, which may not overlap `plain`.
void seal(const Secret<32>& key, std::uint64_t counter, Bytes plain, Bytes ad, MutBytes out) noexcept;

/// The inverse: `sealed` is ciphertext and tag, `out` takes sealed.size() - 16 octets.
/// False, with `out` zeroed, when the tag does not fit.
[[nodiscard]] bool open(const Secret<32>& key, std::uint64_t counter, Bytes sealed, Bytes ad, MutBytes out) noexcept;

/// XAEAD with an explicit nonce; shapes and errors as above.
void xseal(const Secret<32>& key, std::span<const std::uint8_t, 24> nonce, Bytes plain, Bytes ad,
           MutBytes out) noexcept;
[[nodiscard]] bool xopen(const Secret<32>& key, std::span<const std::uint8_t, 24> nonce, Bytes sealed, Bytes ad,
                         MutBytes out) noexcept;

/// Seals and opens trains in place. Any thread, any number at once; a thread's first train may allocate what that
/// thread then keeps, no later one does.
class AeadBackend {
 public:
  AeadBackend() = default;
  AeadBackend(const AeadBackend&) = delete;
  AeadBackend& operator=(const AeadBackend&) = delete;
  virtual ~AeadBackend() = default;

  [[nodiscard]] virtual std::string_view name() const noexcept = 0;

  /// Seals every slot in place: slot i with counter `first + i`. Headers are neither read nor written;
  /// the tag goes into the last 16 octets of each slot. Every slot has at least 32 octets.
  virtual void seal_train(const Secret<32>& key, std::uint64_t first, MutBytes train,
                          std::size_t stride) const noexcept = 0;

  /// Opens every slot in place, each with the counter that stands at octets 8 to 15 of its header.
  /// `opened[i]` becomes 1, or 0 with the slot's ciphertext zeroed when its tag does not fit.
  /// `opened` has one entry a slot. Every slot has at least 32 octets; a shorter tail is left alone, and refused.
  virtual void open_train(const Secret<32>& key, MutBytes train, std::size_t stride,
                          std::span<std::uint8_t> opened) const noexcept = 0;
};

/// All backends that this build and this processor have, each of which passed its known-answer self-test.
/// libsodium's is always there, for `initialise` says no without it. The objects live as long as the process.
[[nodiscard]] std::vector<const AeadBackend*> available_backends();

/// The backend called `forced`, or with an empty name the fastest of those available by a short measurement.
/// nullptr: no backend of that name, which cannot be for the empty name.
[[nodiscard]] const AeadBackend* choose_backend(std::string_view forced);

/// Must run before anything else here; any later call only tells again what the first found. False when libsodium
/// cannot start (no randomness) or fails its self-test: then nothing here may be used. Any thread.
[[nodiscard]] bool initialise() noexcept;

}  // namespace culvert::crypto
