// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include <culvert/secret.hpp>

namespace culvert::crypto {

inline constexpr std::size_t kKeyTextOctets = 44;  // of 32 octets: ceil(32 / 3) * 4, the last one '='

/// The base64 of a key of either kind, without a terminating zero. Wiped when it dies, for it may be a private key's.
[[nodiscard]] Secret<kKeyTextOctets> encode_key(std::span<const std::uint8_t, 32> key) noexcept;

/// Strict: exactly the text that `encode_key` would write. False, with `key` wiped: anything else.
/// Takes the same time for every text that is a key.
[[nodiscard]] bool decode_key(std::string_view base64, std::span<std::uint8_t, 32> key) noexcept;

}  // namespace culvert::crypto
