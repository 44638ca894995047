// SPDX-License-Identifier: MIT
#pragma once

#include <compare>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <culvert/secret.hpp>

namespace culvert {

/// A Curve25519 public key: 32 octets, not secret.
struct PublicKey {
  Octets<32> octets{};

  [[nodiscard]] std::span<const std::uint8_t, 32> bytes() const noexcept { return octets; }
  friend auto operator<=>(const PublicKey&, const PublicKey&) = default;
};

/// A Curve25519 private key. All zero means "no identity".
struct PrivateKey {
  Secret<32> secret;
  [[nodiscard]] PrivateKey clone() const noexcept { return {secret.clone()}; }
};

/// A preshared key. All zero means "none", as on the wire.
struct PresharedKey {
  Secret<32> secret;
  [[nodiscard]] PresharedKey clone() const noexcept { return {secret.clone()}; }
};

/// 44 characters of base64, the form that people exchange.
[[nodiscard]] std::string to_base64(const PublicKey& key);
/// "AbCd…WxYz": the abbreviation of logs and messages.
[[nodiscard]] std::string to_short(const PublicKey& key);
/// Strict: exactly 44 characters that decode to 32 octets. nullopt: anything else.
[[nodiscard]] std::optional<PublicKey> parse_public_key(std::string_view base64) noexcept;

}  // namespace culvert

template <>
struct std::hash<culvert::PublicKey> {
  std::size_t operator()(const culvert::PublicKey& key) const noexcept {
    // Peers are added by the owner of the device, so nobody can aim at one bucket.
    std::size_t h = 0;
    std::memcpy(&h, key.octets.data() + 8, sizeof h);
    return h;
  }
};
