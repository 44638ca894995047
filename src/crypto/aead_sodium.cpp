// SPDX-License-Identifier: MIT
#include "aead_backends.hpp"
#include "dead_stack.hpp"
#include "train_slots.hpp"

namespace culvert::crypto {
namespace {

class SodiumBackend final : public AeadBackend {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "libsodium"; }

  void seal_train(const Secret<32>& key, std::uint64_t first, MutBytes train,
                  std::size_t stride) const noexcept override {
    seal_slots(first, train, stride, [&key](const Slot& slot, const Nonce& nonce) {
      crypto_aead_chacha20poly1305_ietf_encrypt_detached(slot.body.data(), slot.tag.data(), nullptr, slot.body.data(),
                                                         slot.body.size(), nullptr, 0, nullptr, nonce.data(),
                                                         key.bytes().data());
    });
    wipe_dead_stack();
  }

  void open_train(const Secret<32>& key, MutBytes train, std::size_t stride,
                  std::span<std::uint8_t> opened) const noexcept override {
    open_slots(train, stride, opened, [&key](const Slot& slot, const Nonce& nonce) {
      return crypto_aead_chacha20poly1305_ietf_decrypt_detached(slot.body.data(), nullptr, slot.body.data(),
                                                                slot.body.size(), slot.tag.data(), nullptr, 0,
                                                                nonce.data(), key.bytes().data()) == 0;
    });
    wipe_dead_stack();
  }
};

}  // namespace

const AeadBackend* sodium_backend() noexcept {
  static const SodiumBackend backend;
  return &backend;
}

}  // namespace culvert::crypto
