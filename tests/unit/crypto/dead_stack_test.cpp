// SPDX-License-Identifier: MIT
// What is left on the stack below a call: no word of a key, nor of what came out.
//
// `stain` and `remains` use the same stretch of stack as the call between them. A sanitizer lays the stack out in its
// own way, so there the test finds nothing to look at.
#include <doctest/doctest.h>

#include <cstring>

#include "aead_backends.hpp"
#include "hash.hpp"
#include "support.hpp"
#include "x25519.hpp"

using namespace culvert;
using namespace culvert::test;

namespace {

using Sizes = std::initializer_list<std::size_t>;

constexpr std::size_t kStretch = 12288;

[[gnu::noinline]] void stain() {
  std::uint8_t stretch[kStretch];
  for (std::uint8_t& octet : stretch) octet = 0x5a;
  asm volatile("" : "+m"(stretch));
}

/// How many 4-octet words of `secret` lie on the dead stack. The stretch is read as it was found, on purpose.
[[gnu::noinline]] int remains(Bytes secret) {
  std::uint8_t stretch[kStretch];
  asm volatile("" : "=m"(stretch));
  int found = 0;
  for (std::size_t word = 0; word + 4 <= secret.size(); word += 4)
    for (std::size_t at = 0; at + 4 <= kStretch; ++at)
      if (std::memcmp(stretch + at, secret.data() + word, 4) == 0) ++found;
  return found;
}

Octets<32> random_key() {
  Octets<32> key;
  randombytes_buf(key.data(), key.size());
  return key;
}

struct Heap {  // so that the secrets themselves are not on the stack
  Secret<32> key{random_key()};
  Secret<32> out;
  std::vector<std::uint8_t> octets = std::vector<std::uint8_t>(8 * 1452);
  std::vector<std::uint8_t> opened = std::vector<std::uint8_t>(8);
};

[[gnu::noinline]] void do_kdf(Heap& heap) { heap.out = std::move(crypto::kdf<3>(heap.key, heap.octets)[2]); }
[[gnu::noinline]] void do_hmac(Heap& heap) { heap.out = crypto::hmac(heap.key.bytes(), {heap.octets}); }
[[gnu::noinline]] void do_x25519(Heap& heap) {
  PublicKey nine;
  nine.octets[0] = 9;
  PrivateKey mine{heap.key.clone()};
  (void)crypto::x25519(mine, nine, heap.out);
}
[[gnu::noinline]] void do_seal(Heap& heap) {
  crypto::seal(heap.key, 1, Bytes(heap.octets).first(1420), {}, MutBytes(heap.octets).subspan(4000, 1436));
}
[[gnu::noinline]] void do_open(Heap& heap) {
  (void)crypto::open(heap.key, 1, Bytes(heap.octets).first(1436), {}, MutBytes(heap.octets).subspan(4000, 1420));
}

}  // namespace

TEST_CASE("no secret stays on the stack after a call") {
  REQUIRE(crypto::initialise());
  Heap* heap = new Heap;
  for (const auto call : {do_kdf, do_hmac, do_x25519, do_seal, do_open}) {
    stain();
    call(*heap);
    CHECK(remains(heap->key.bytes()) == 0);
    heap->out.wipe();
    stain();
    call(*heap);
    if (!heap->out.is_zero()) CHECK(remains(heap->out.bytes()) == 0);
  }
  for (const crypto::AeadBackend* backend : crypto::all_backends()) {
    CAPTURE(backend->name());
    for (const std::size_t stride : Sizes{64, 128, 256, 1452}) {
      CAPTURE(stride);
      stain();
      backend->seal_train(heap->key, 0, MutBytes(heap->octets).first(8 * stride), stride);
      CHECK(remains(heap->key.bytes()) == 0);
      stain();
      backend->open_train(heap->key, MutBytes(heap->octets).first(8 * stride), stride, heap->opened);
      CHECK(remains(heap->key.bytes()) == 0);
    }
  }
  delete heap;
}
