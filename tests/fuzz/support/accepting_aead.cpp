// SPDX-License-Identifier: MIT
// An AEAD that seals nothing and opens everything, linked in the place of the true one: so a fuzzer passes every tag
// and reaches what lies behind. Only fuzz targets are linked with it.
#include <algorithm>

#include "aead.hpp"
#include "hash.hpp"

namespace culvert::crypto {
namespace {

void copy_in(Bytes plain, MutBytes out) noexcept {
  std::fill(std::copy(plain.begin(), plain.end(), out.begin()), out.end(), std::uint8_t{0});
}

bool copy_out(Bytes sealed, MutBytes out) noexcept {
  if (sealed.size() < kTagOctets) return false;
  std::copy_n(sealed.begin(), out.size(), out.begin());
  return true;
}

class AcceptingBackend final : public AeadBackend {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "accepting"; }
  void seal_train(const Secret<32>&, std::uint64_t first, MutBytes train, std::size_t stride) const noexcept override {
    (void)first;
    for (std::size_t at = 0; at < train.size(); at += stride) {
      const MutBytes slot = train.subspan(at, std::min(stride, train.size() - at));
      std::ranges::fill(slot.last(kTagOctets), std::uint8_t{0});
    }
  }
  void open_train(const Secret<32>&, MutBytes train, std::size_t stride,
                  std::span<std::uint8_t> opened) const noexcept override {
    for (std::size_t i = 0; i < opened.size(); ++i) {
      const std::size_t octets = std::min(stride, train.size() - i * stride);
      opened[i] = octets >= kDataHeaderOctets + kTagOctets ? 1 : 0;
    }
  }
};

const AcceptingBackend kAccepting;

}  // namespace

void seal(const Secret<32>&, std::uint64_t, Bytes plain, Bytes, MutBytes out) noexcept { copy_in(plain, out); }
bool open(const Secret<32>&, std::uint64_t, Bytes sealed, Bytes, MutBytes out) noexcept {
  return copy_out(sealed, out);
}
void xseal(const Secret<32>&, std::span<const std::uint8_t, 24>, Bytes plain, Bytes, MutBytes out) noexcept {
  copy_in(plain, out);
}
bool xopen(const Secret<32>&, std::span<const std::uint8_t, 24>, Bytes sealed, Bytes, MutBytes out) noexcept {
  return copy_out(sealed, out);
}

std::vector<const AeadBackend*> available_backends() { return {&kAccepting}; }
const AeadBackend* choose_backend(std::string_view) { return &kAccepting; }
bool initialise() noexcept {
  if (sodium_init() < 0) return false;
  static_cast<void>(hash({}));
  static_cast<void>(mac(Octets<1>{}, {Octets<1>{}}));
  return true;
}

}  // namespace culvert::crypto
