// SPDX-License-Identifier: MIT
// What is left on the stack below a call: no word of a key, nor of what came out.
//
// `stain` and `remains` use the same stretch of stack as the call between them. A sanitizer lays the stack out in its
// own way, with frames of its own size: there these tests are skipped.
#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <string>

#include "aead_backends.hpp"
#include "hash.hpp"
#include "support.hpp"
#include "x25519.hpp"

using namespace culvert;
using namespace culvert::test;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

using Sizes = std::initializer_list<std::size_t>;

constexpr std::size_t kStretch = 12288;
constexpr std::size_t kSlots = 16;

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

// Fixed, so that the four octets of a word never match something else by chance.
const char* const kKey = "c3a1f7924be05d1886d93f6ea7520cbb91e6487d1fb3c05ad2794e83f60b65ae";

struct Heap {  // so that the secrets themselves are not on the stack
  Secret<32> key = secret<32>(kKey);
  Secret<32> out;
  std::unique_ptr<std::array<Secret<32>, 3>> outputs;
  std::vector<std::uint8_t> octets = std::vector<std::uint8_t>(kSlots * 1452);
  std::vector<std::uint8_t> opened = std::vector<std::uint8_t>(kSlots);
};

// Made where they stay: to move one leaves a word of it in a register, which 32-bit ARM then puts on the stack.
[[gnu::noinline]] void do_kdf(Heap& heap) {
  heap.outputs.reset(new std::array<Secret<32>, 3>(crypto::kdf<3>(heap.key, heap.octets)));
}
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

TEST_CASE("no secret stays on the stack after a call" * doctest::skip(kSanitized)) {
  REQUIRE(crypto::initialise());
  Heap* heap = new Heap;
  struct Named {
    std::string name;
    void (*call)(Heap&);
  };
  for (const Named& each : {Named{"kdf", do_kdf}, Named{"hmac", do_hmac}, Named{"x25519", do_x25519},
                            Named{"seal", do_seal}, Named{"open", do_open}}) {
    CAPTURE(each.name);
    stain();
    each.call(*heap);
    CHECK(remains(heap->key.bytes()) == 0);
    heap->out.wipe();
    stain();
    each.call(*heap);
    if (!heap->out.is_zero()) CHECK(remains(heap->out.bytes()) == 0);
    for (std::size_t i = 0; heap->outputs && i < heap->outputs->size(); ++i)
      CHECK(remains((*heap->outputs)[i].bytes()) == 0);
    heap->outputs.reset();
  }
  for (const crypto::AeadBackend* backend : crypto::all_backends()) {
    CAPTURE(backend->name());
    for (const std::size_t stride : Sizes{64, 128, 256, 1452}) {
      CAPTURE(stride);
      stain();
      backend->seal_train(heap->key, 0, MutBytes(heap->octets).first(kSlots * stride), stride);
      CHECK(remains(heap->key.bytes()) == 0);
      stain();
      backend->open_train(heap->key, MutBytes(heap->octets).first(kSlots * stride), stride, heap->opened);
      CHECK(remains(heap->key.bytes()) == 0);
    }
  }
  delete heap;
}

TEST_CASE("no key stream stays on the stack, though a train does not fill a backend's lanes" *
          doctest::skip(kSanitized)) {
  Heap* heap = new Heap;
  constexpr std::size_t kStride = 16 + 64 + 16;
  std::vector<std::uint8_t> key_stream(64);
  const Octets<12> nonce{};  // of counter 0, which stands in all headers
  REQUIRE(crypto_stream_chacha20_ietf_xor_ic(key_stream.data(), key_stream.data(), 64, nonce.data(), 1,
                                             heap->key.bytes().data()) == 0);
  for (const crypto::AeadBackend* backend : crypto::all_backends()) {
    CAPTURE(backend->name());
    for (std::size_t slots = 1; slots <= kSlots; ++slots) {
      CAPTURE(slots);
      std::fill(heap->octets.begin(), heap->octets.end(), std::uint8_t{0});
      stain();
      backend->seal_train(heap->key, 0, MutBytes(heap->octets).first(slots * kStride), kStride);
      CHECK(remains(key_stream) == 0);
      stain();
      backend->open_train(heap->key, MutBytes(heap->octets).first(slots * kStride), kStride,
                          MutBytes(heap->opened).first(slots));
      CHECK(remains(key_stream) == 0);
    }
  }
  delete heap;
}
