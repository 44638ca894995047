// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <algorithm>
#include <new>

#include <culvert/keys.hpp>

#include "support.hpp"

using namespace culvert;
using namespace culvert::test;

static_assert(!std::is_copy_constructible_v<Secret<32>> && !std::is_copy_assignable_v<Secret<32>>);
static_assert(std::is_nothrow_move_constructible_v<Secret<32>> && std::is_nothrow_move_assignable_v<Secret<32>>);
static_assert(!std::is_copy_constructible_v<PrivateKey> && !std::is_copy_constructible_v<PresharedKey>);

namespace {

template <class T>
concept Comparable = requires(const T& a, const T& b) {
  a == b;
};
static_assert(!Comparable<Secret<32>>);

const char* const kOnes = "1111111111111111111111111111111111111111111111111111111111111111";

bool all_zero(Bytes octets) {
  return std::all_of(octets.begin(), octets.end(), [](std::uint8_t octet) { return octet == 0; });
}

}  // namespace

TEST_CASE("a secret that dies leaves zeros behind") {
  alignas(Secret<32>) Octets<sizeof(Secret<32>)> storage;
  storage.fill(0xaa);
  auto* dying = new (storage.data()) Secret<32>(unhex_array<32>(kOnes));
  REQUIRE_FALSE(all_zero(storage));
  dying->~Secret();
  CHECK(all_zero(storage));
}

TEST_CASE("a secret that is moved from is zero") {
  Secret<32> first = secret<32>(kOnes);
  Secret<32> second = std::move(first);
  CHECK(first.is_zero());  // NOLINT(bugprone-use-after-move): that it is zero is the promise
  CHECK(hex(second.bytes()) == kOnes);
  Secret<32> third;
  third = std::move(second);
  CHECK(second.is_zero());  // NOLINT(bugprone-use-after-move)
  CHECK(hex(third.bytes()) == kOnes);
}

TEST_CASE("a secret moved onto itself stays") {
  Secret<32> value = secret<32>(kOnes);
  Secret<32>& same = value;
  value = std::move(same);
  CHECK(hex(value.bytes()) == kOnes);
}

TEST_CASE("a clone is a copy, and wiping one leaves the other") {
  Secret<32> value = secret<32>(kOnes);
  const Secret<32> copy = value.clone();
  value.wipe();
  CHECK(value.is_zero());
  CHECK(hex(copy.bytes()) == kOnes);
}

TEST_CASE("ct_equal sees a difference in every bit") {
  const Octets<16> a = unhex_array<16>("00112233445566778899aabbccddeeff");
  Octets<16> b = a;
  CHECK(ct_equal<16>(a, b));
  for (std::size_t bit = 0; bit < 128; ++bit) {
    b = a;
    b[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    CHECK_FALSE(ct_equal<16>(a, b));
  }
}
