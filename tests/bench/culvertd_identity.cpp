// SPDX-License-Identifier: MIT
// The daemon with an AEAD that does nothing: the ceiling that its input and output set. It exists for the benchmark
// alone. Both ends must be this program, for what it sends is plaintext.
#include <cstdio>
#include <exception>

#include "aead.hpp"
#include "daemon.hpp"

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
  const std::span<const char* const> words(argv, static_cast<std::size_t>(argc));
  const auto options = daemon::parse_arguments(words.subspan(1), daemon::process_environment);
  if (!options) {
    std::fprintf(stderr, "%s\n", options.error().c_str());
    return daemon::kExitUsage;
  }
  try {
    const Identity nothing;
    daemon::Daemon daemon(*options, &nothing);
    return daemon.run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return daemon::kExitSetupFailed;
  }
}
