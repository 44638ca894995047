// SPDX-License-Identifier: MIT
#include <cstdlib>

#include <culvert/keys.hpp>

#include "key_text.hpp"

namespace culvert {
namespace crypto {
namespace {

constexpr int kVariant = sodium_base64_VARIANT_ORIGINAL;
static_assert(sodium_base64_ENCODED_LEN(32, kVariant) == kKeyTextOctets + 1);  // and a terminating zero

}  // namespace

Secret<kKeyTextOctets> encode_key(std::span<const std::uint8_t, 32> key) noexcept {
  std::array<char, kKeyTextOctets + 1> text{};
  if (sodium_bin2base64(text.data(), text.size(), key.data(), key.size(), kVariant) == nullptr) std::abort();
  Secret<kKeyTextOctets> result;
  std::copy_n(text.begin(), kKeyTextOctets, result.bytes().begin());
  sodium_memzero(text.data(), text.size());
  return result;
}

bool decode_key(std::string_view base64, std::span<std::uint8_t, 32> key) noexcept {
  std::size_t octets = 0;
  if (base64.size() == kKeyTextOctets &&
      sodium_base642bin(key.data(), key.size(), base64.data(), base64.size(), nullptr, &octets, nullptr, kVariant) ==
          0 &&
      octets == key.size() &&
      // One spelling a key: libsodium 1.0.18 reads every character from 0x80 on as '/'.
      sodium_memcmp(encode_key(key).bytes().data(), base64.data(), kKeyTextOctets) == 0)
    return true;
  sodium_memzero(key.data(), key.size());
  return false;
}

}  // namespace crypto

std::string to_base64(const PublicKey& key) {
  const Secret<crypto::kKeyTextOctets> text = crypto::encode_key(key.bytes());
  return std::string(text.bytes().begin(), text.bytes().end());
}

std::string to_short(const PublicKey& key) {
  const std::string text = to_base64(key);
  return text.substr(0, 4) + "…" + text.substr(crypto::kKeyTextOctets - 5, 4);
}

std::optional<PublicKey> parse_public_key(std::string_view base64) noexcept {
  PublicKey key;
  if (!crypto::decode_key(base64, key.octets)) return std::nullopt;
  return key;
}

}  // namespace culvert
