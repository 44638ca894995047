// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <algorithm>

#include "aead_backends.hpp"
#include "support.hpp"

using namespace culvert;
using crypto::AeadBackend;

namespace {

/// A backend that works as libsodium's does, until a test says what to break.
class Broken : public AeadBackend {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "broken"; }
  void seal_train(const Secret<32>& key, std::uint64_t first, MutBytes train,
                  std::size_t stride) const noexcept override {
    crypto::sodium_backend()->seal_train(key, first, train, stride);
  }
  void open_train(const Secret<32>& key, MutBytes train, std::size_t stride,
                  std::span<std::uint8_t> opened) const noexcept override {
    crypto::sodium_backend()->open_train(key, train, stride, opened);
  }
};

class WrongTag final : public Broken {
  void seal_train(const Secret<32>& key, std::uint64_t first, MutBytes train,
                  std::size_t stride) const noexcept override {
    Broken::seal_train(key, first, train, stride);
    train.back() ^= 1;
  }
};

class SameCounter final : public Broken {
  void seal_train(const Secret<32>& key, std::uint64_t first, MutBytes train,
                  std::size_t stride) const noexcept override {
    for (std::size_t at = 0; at < train.size(); at += stride)
      Broken::seal_train(key, first, train.subspan(at, std::min(stride, train.size() - at)), stride);
  }
};

class WrongOnlyAt64 final : public Broken {
  void seal_train(const Secret<32>& key, std::uint64_t first, MutBytes train,
                  std::size_t stride) const noexcept override {
    Broken::seal_train(key, first, train, stride);
    if (stride == 64 + 32) train[20] ^= 1;
  }
};

class TrustsEverything final : public Broken {
  void open_train(const Secret<32>& key, MutBytes train, std::size_t stride,
                  std::span<std::uint8_t> opened) const noexcept override {
    Broken::open_train(key, train, stride, opened);
    std::fill(opened.begin(), opened.end(), std::uint8_t{1});
  }
};

class LeavesCiphertext final : public Broken {
  void open_train(const Secret<32>& key, MutBytes train, std::size_t stride,
                  std::span<std::uint8_t> opened) const noexcept override {
    const std::vector<std::uint8_t> before(train.begin(), train.end());
    Broken::open_train(key, train, stride, opened);
    for (std::size_t i = 0; i < opened.size(); ++i)
      if (opened[i] == 0)
        std::copy_n(before.begin() + static_cast<std::ptrdiff_t>(i * stride),
                    std::min(stride, train.size() - i * stride),
                    train.begin() + static_cast<std::ptrdiff_t>(i * stride));
  }
};

class WritesHeaders final : public Broken {
  void open_train(const Secret<32>& key, MutBytes train, std::size_t stride,
                  std::span<std::uint8_t> opened) const noexcept override {
    Broken::open_train(key, train, stride, opened);
    train[0] ^= 1;
  }
};

}  // namespace

TEST_CASE("libsodium's backend is there, and each backend once") {
  REQUIRE(crypto::initialise());
  std::vector<std::string_view> names;
  for (const AeadBackend* backend : crypto::available_backends()) names.push_back(backend->name());
  MESSAGE("backends: ", names.size(), ", the last is ", names.back());
  CHECK(std::count(names.begin(), names.end(), "libsodium") == 1);
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
}

TEST_CASE("every backend of this build passes its self-test") {
  for (const AeadBackend* backend : crypto::all_backends()) {
    CAPTURE(backend->name());
    CHECK(crypto::passes_self_test(*backend));
  }
  CHECK(crypto::available_backends() == crypto::all_backends());
}

TEST_CASE("a backend is chosen by its name") {
  for (const AeadBackend* backend : crypto::available_backends())
    CHECK(crypto::choose_backend(backend->name()) == backend);
  CHECK(crypto::choose_backend("no such backend") == nullptr);
  CHECK(crypto::choose_backend("libsodiu") == nullptr);
}

TEST_CASE("without a name one of the available backends is chosen") {
  const AeadBackend* chosen = crypto::choose_backend("");
  const auto backends = crypto::available_backends();
  CHECK(std::find(backends.begin(), backends.end(), chosen) != backends.end());
}

TEST_CASE("the self-test passes a backend that works, and refuses each way of being broken") {
  CHECK(crypto::passes_self_test(Broken{}));
  CHECK_FALSE(crypto::passes_self_test(WrongTag{}));
  CHECK_FALSE(crypto::passes_self_test(SameCounter{}));
  CHECK_FALSE(crypto::passes_self_test(WrongOnlyAt64{}));
  CHECK_FALSE(crypto::passes_self_test(TrustsEverything{}));
  CHECK_FALSE(crypto::passes_self_test(LeavesCiphertext{}));
  CHECK_FALSE(crypto::passes_self_test(WritesHeaders{}));
}
