// SPDX-License-Identifier: MIT
// The daemon with an AEAD that does nothing: the ceiling that its input and output set. It exists for the benchmark
// alone. Both ends must be this program, for what it sends is plaintext.
#include "aead.hpp"
#include "run.hpp"

namespace {

using namespace culvert;

class Identity final : public crypto::AeadBackend {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "identity"; }
  void seal_train(const Secret<32>&, std::uint64_t, MutBytes, std::size_t) const noexcept override {}
  void open_train(const Secret<32>&, MutBytes, std::size_t, std::span<std::uint8_t> opened) const noexcept override {
    for (std::uint8_t& one : opened) one = 1;
  }
};

}  // namespace

int main(int argc, char** argv) {
  const Identity nothing;
  return daemon::run(argc, argv, &nothing);
}
