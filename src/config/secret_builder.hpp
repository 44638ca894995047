// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <charconv>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include <sodium.h>

#include "key_text.hpp"
#include "secret_text.hpp"

namespace culvert::config {

using control::SecretText;

/// Puts a text together that may hold keys: no piece of it is built anywhere else.
class SecretBuilder {
 public:
  SecretBuilder& put(std::string_view part) {
    text_.insert(text_.end(), part.begin(), part.end());
    return *this;
  }
  template <class Integer>
  requires std::is_integral_v<Integer> SecretBuilder& put_number(Integer value) {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    return put(std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
  }
  SecretBuilder& put_base64(std::span<const std::uint8_t, 32> key) {
    const auto text = crypto::encode_key(key);
    for (const std::uint8_t octet : text.bytes()) text_.push_back(static_cast<char>(octet));
    return *this;
  }
  SecretBuilder& put_hex(std::span<const std::uint8_t, 32> key) {
    const std::size_t at = text_.size();
    text_.resize(at + 65);  // libsodium writes a final zero
    sodium_bin2hex(text_.data() + at, 65, key.data(), key.size());
    text_.pop_back();
    return *this;
  }
  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }
  [[nodiscard]] SecretText take() { return std::move(text_); }

 private:
  SecretText text_;
};

}  // namespace culvert::config
