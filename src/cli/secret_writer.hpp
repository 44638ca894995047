// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include <culvert/keys.hpp>

#include "key_text.hpp"
#include "secret_text.hpp"

namespace culvert::cli {

using control::SecretText;

/// borrowed: until the text changes or dies.
[[nodiscard]] inline std::string_view view_of(const SecretText& text) noexcept { return {text.data(), text.size()}; }

/// Builds a text that holds keys; no copy of one stays behind in memory.
class SecretWriter {
 public:
  SecretWriter& operator<<(std::string_view text) {
    text_.insert(text_.end(), text.begin(), text.end());
    return *this;
  }
  SecretWriter& operator<<(const PrivateKey& key) { return add_key(key.secret.bytes()); }
  SecretWriter& operator<<(const PresharedKey& key) { return add_key(key.secret.bytes()); }
  [[nodiscard]] SecretText take() noexcept { return std::move(text_); }

 private:
  SecretWriter& add_key(std::span<const std::uint8_t, 32> key) {
    const auto text = crypto::encode_key(key);
    text_.insert(text_.end(), text.bytes().begin(), text.bytes().end());
    return *this;
  }
  SecretText text_;
};

}  // namespace culvert::cli
