// SPDX-License-Identifier: MIT
// Every backend against libsodium's one-shot function, called here directly, and against every other backend.
#include <doctest/doctest.h>
#include <sodium.h>

#include <random>
#include <thread>

#include "aead_backends.hpp"
#include "support.hpp"

using namespace culvert;
using namespace culvert::test;

namespace {

using Buffer = std::vector<std::uint8_t>;
using Sizes = std::initializer_list<std::size_t>;

constexpr std::size_t kCanary = 64;
constexpr std::uint8_t kCanaryOctet = 0xc5;

const Secret<32>& key() {
  static const auto value = secret<32>("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
  return value;
}

std::mt19937_64& random_source() {
  static std::mt19937_64 source(20260703);
  return source;
}

std::size_t below(std::mt19937_64& random, std::size_t bound) { return static_cast<std::size_t>(random() % bound); }

/// A train between two canaries, `shift` octets off an aligned start.
class Guarded {
 public:
  explicit Guarded(Bytes train, std::size_t shift)
      : storage_(kCanary + shift + train.size() + kCanary, kCanaryOctet), shift_(shift), octets_(train.size()) {
    for (std::size_t i = 0; i < octets_; ++i) storage_[kCanary + shift_ + i] = train[i];
  }
  MutBytes train() { return MutBytes(storage_).subspan(kCanary + shift_, octets_); }
  Buffer copy() { return {train().begin(), train().end()}; }
  bool canaries_live() const {
    const Bytes all(storage_);
    const auto live = [](Bytes octets) {
      for (const std::uint8_t octet : octets)
        if (octet != kCanaryOctet) return false;
      return true;
    };
    return live(all.first(kCanary + shift_)) && live(all.last(kCanary));
  }

 private:
  Buffer storage_;
  std::size_t shift_;
  std::size_t octets_;
};

struct Shape {
  std::size_t body;       // octets of plaintext in a slot
  std::size_t slots;      // how many
  std::size_t last_body;  // of the last, at most body

  std::size_t stride() const { return body + 32; }
  std::size_t octets() const { return (slots - 1) * stride() + last_body + 32; }
  std::size_t body_of(std::size_t slot) const { return slot + 1 == slots ? last_body : body; }
};

void put_counter(MutBytes slot, std::uint64_t counter) {
  for (std::size_t i = 0; i < 8; ++i) slot[8 + i] = static_cast<std::uint8_t>(counter >> (8 * i));
}

/// Headers and plaintext of no pattern, zeros where the tags will be; the counters of the headers are first, ...
Buffer plain_train(const Shape& shape, std::uint64_t first) {
  Buffer train(shape.octets());
  std::uint64_t word = random_source()();
  for (std::size_t i = 0; i < train.size(); ++i) {
    if (i % 8 == 0) word = word * 6364136223846793005u + 1442695040888963407u;
    train[i] = static_cast<std::uint8_t>(word >> (8 * (i % 8)));
  }
  for (std::size_t s = 0; s < shape.slots; ++s) {
    const MutBytes slot = MutBytes(train).subspan(s * shape.stride());
    put_counter(slot, first + s);
    for (std::size_t i = 0; i < 16; ++i) slot[16 + shape.body_of(s) + i] = 0;
  }
  return train;
}

/// The oracle: libsodium, one message after the other.
Buffer sealed_by_libsodium(const Buffer& plain, const Shape& shape, std::uint64_t first) {
  Buffer train = plain;
  for (std::size_t s = 0; s < shape.slots; ++s) {
    Octets<12> nonce{};
    for (std::size_t i = 0; i < 8; ++i) nonce[4 + i] = static_cast<std::uint8_t>((first + s) >> (8 * i));
    const std::uint8_t* text = plain.data() + s * shape.stride() + 16;
    REQUIRE(crypto_aead_chacha20poly1305_ietf_encrypt(train.data() + s * shape.stride() + 16, nullptr, text,
                                                      shape.body_of(s), nullptr, 0, nullptr, nonce.data(),
                                                      key().bytes().data()) == 0);
  }
  return train;
}

Buffer without_tags(Buffer train, const Shape& shape) {
  for (std::size_t s = 0; s < shape.slots; ++s)
    for (std::size_t i = 0; i < 16; ++i) train[s * shape.stride() + 16 + shape.body_of(s) + i] = 0;
  return train;
}

/// Seals and opens a train of this shape with every backend. CHECKs are few: there are millions of octets.
void check_shape(const Shape& shape, std::uint64_t first, std::size_t shift) {
  CAPTURE(shape.body);
  CAPTURE(shape.slots);
  CAPTURE(shape.last_body);
  CAPTURE(shift);
  const Buffer plain = plain_train(shape, first);
  const Buffer expected = sealed_by_libsodium(plain, shape, first);
  for (const crypto::AeadBackend* backend : crypto::all_backends()) {
    CAPTURE(backend->name());
    Guarded guarded(plain, shift);
    backend->seal_train(key(), first, guarded.train(), shape.stride());
    REQUIRE(guarded.copy() == expected);
    REQUIRE(guarded.canaries_live());

    Buffer opened(shape.slots + 2, 0xaa);
    backend->open_train(key(), guarded.train(), shape.stride(), MutBytes(opened).subspan(1, shape.slots));
    REQUIRE(opened.front() == 0xaa);
    REQUIRE(opened.back() == 0xaa);
    REQUIRE(Buffer(opened.begin() + 1, opened.end() - 1) == Buffer(shape.slots, 1));
    REQUIRE(without_tags(guarded.copy(), shape) == plain);
    REQUIRE(guarded.canaries_live());
  }
}

}  // namespace

TEST_CASE("every backend agrees with libsodium at every length from 0 to 2048") {
  REQUIRE(crypto::initialise());
  for (std::size_t body = 0; body <= 2048; ++body) {
    check_shape({body, 2, body}, body, body % 64);
    check_shape({body, 16, body}, body, body % 32);  // as many as any backend takes at once
  }
}

TEST_CASE("every backend agrees with libsodium up to the largest datagram, at every remainder of a block") {
  // 67 has no divisor in common with 64 or 1024: every remainder of both comes up.
  for (std::size_t body = 2049; body < 65503; body += 67)
    check_shape({body, 1, body}, std::uint64_t{body} << 33, body % 16);
  for (std::size_t body = 2050; body < 65503; body += 997)
    check_shape({body, 16, body}, std::uint64_t{body} << 33, body % 16);
  check_shape({65503, 1, 65503}, 0, 1);
  check_shape({65503, 16, 65503}, 0, 1);
}

TEST_CASE("every backend agrees with libsodium for trains of 1 to 64 slots") {
  for (const std::size_t body : Sizes{0, 1, 16, 52, 64, 100, 128, 256, 600})
    for (std::size_t slots = 1; slots <= 64; ++slots) check_shape({body, slots, body}, 1000, slots % 8);
}

TEST_CASE("the last slot may be shorter by anything") {
  for (const std::size_t slots : Sizes{2, 3, 8, 9, 16, 17, 18, 33})
    for (std::size_t last = 0; last <= 300; last += last < 70 ? 1 : 7) check_shape({300, slots, last}, 5, last % 4);
  check_shape({1420, 44, 17}, 5, 0);
}

TEST_CASE("every alignment of the train's start") {
  for (std::size_t shift = 0; shift < 64; ++shift) {
    check_shape({1420, 3, 1420}, 7, shift);
    check_shape({49, 20, 33}, 7, shift);
  }
}

TEST_CASE("counters cross 2^32 and come near their end") {
  check_shape({64, 20, 64}, 0xfffffff7, 0);
  check_shape({64, 20, 64}, 0xfffffffffff7, 0);
  check_shape({64, 20, 64}, 0x0fffffffffffffff, 0);
  check_shape({64, 20, 64}, 0xffffffffffffdfe0, 0);  // the last is 2^64 - 2^13 - 13
}

TEST_CASE("random shapes") {
  for (int i = 0; i < 300; ++i) {
    std::mt19937_64& random = random_source();
    const std::size_t body = below(random, 1500);
    const Shape shape{body, 1 + below(random, 64), below(random, body + 1)};
    check_shape(shape, random(), below(random, 64));
  }
}

TEST_CASE("opening takes each slot's counter from its own header") {
  for (const crypto::AeadBackend* backend : crypto::all_backends()) {
    CAPTURE(backend->name());
    constexpr std::size_t kSlots = 40;
    const Shape one{80, 1, 80};
    Buffer train;
    Buffer plain;
    for (std::size_t s = 0; s < kSlots; ++s) {
      const std::uint64_t counter = random_source()();
      const Buffer slot = plain_train(one, counter);
      const Buffer sealed = sealed_by_libsodium(slot, one, counter);
      train.insert(train.end(), sealed.begin(), sealed.end());
      plain.insert(plain.end(), slot.begin(), slot.end());
    }
    Buffer opened(kSlots, 0);
    backend->open_train(key(), train, one.stride(), opened);
    CHECK(opened == Buffer(kSlots, 1));
    CHECK(without_tags(train, {80, kSlots, 80}) == plain);
  }
}

TEST_CASE("one bad slot in a train is zeroed, and its neighbours open") {
  for (const crypto::AeadBackend* backend : crypto::all_backends()) {
    CAPTURE(backend->name());
    for (const std::size_t body : Sizes{0, 1, 40, 64, 300, 1420})
      for (const std::size_t slots : Sizes{1, 2, 7, 8, 9, 16, 17, 44}) {
        const Shape shape{body, slots, body - body / 3};
        const Buffer plain = plain_train(shape, 9);
        const Buffer sealed = sealed_by_libsodium(plain, shape, 9);
        for (std::size_t bad = 0; bad < slots; ++bad) {
          Buffer train = sealed;
          const std::size_t damaged = 16 + below(random_source(), shape.body_of(bad) + 16);
          train[bad * shape.stride() + damaged] ^= static_cast<std::uint8_t>(1u << (random_source()() % 8));
          Buffer opened(slots, 0xaa);
          backend->open_train(key(), train, shape.stride(), opened);

          Buffer expected = plain;
          for (std::size_t i = 0; i < shape.body_of(bad); ++i) expected[bad * shape.stride() + 16 + i] = 0;
          Buffer verdicts(slots, 1);
          verdicts[bad] = 0;
          REQUIRE(opened == verdicts);
          REQUIRE(without_tags(train, shape) == expected);
        }
      }
  }
}

TEST_CASE("every single wrong bit of a slot is refused") {
  for (const crypto::AeadBackend* backend : crypto::all_backends()) {
    CAPTURE(backend->name());
    const Shape shape{40, 1, 40};
    const Buffer sealed = sealed_by_libsodium(plain_train(shape, 3), shape, 3);
    // The header's counter counts, its other octets are not authenticated [W 5.4.6].
    for (std::size_t bit = 8 * 8; bit < sealed.size() * 8; ++bit) {
      Buffer train = sealed;
      train[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
      Buffer opened(1, 1);
      backend->open_train(key(), train, shape.stride(), opened);
      REQUIRE(opened[0] == 0);
      for (std::size_t i = 0; i < 40; ++i) REQUIRE(train[16 + i] == 0);
    }
    Buffer train = sealed;
    Buffer opened(1, 1);
    backend->open_train(secret<32>("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e1f"), train,
                        shape.stride(), opened);
    CHECK(opened[0] == 0);
  }
}

TEST_CASE("a tail too short for a data message is refused and left alone") {
  for (const crypto::AeadBackend* backend : crypto::all_backends()) {
    CAPTURE(backend->name());
    const Shape shape{100, 3, 100};
    const Buffer sealed = sealed_by_libsodium(plain_train(shape, 3), shape, 3);
    for (std::size_t tail = 1; tail < 32; ++tail) {
      Guarded guarded(Bytes(sealed).first(2 * shape.stride() + tail), 0);
      Buffer opened(3, 0xaa);
      backend->open_train(key(), guarded.train(), shape.stride(), opened);
      CHECK(opened == Buffer{1, 1, 0});
      CHECK(guarded.canaries_live());
    }
  }
}

TEST_CASE("any number of threads seal and open at once") {
  for (const crypto::AeadBackend* backend : crypto::all_backends()) {
    CAPTURE(backend->name());
    const Shape shape{200, 44, 100};
    const Buffer plain = plain_train(shape, 77);
    const Buffer expected = sealed_by_libsodium(plain, shape, 77);
    std::array<int, 4> wrong{};
    std::vector<std::thread> threads;
    for (int& mine : wrong)
      threads.emplace_back([&, backend] {
        for (int round = 0; round < 50; ++round) {
          Buffer train = plain;
          backend->seal_train(key(), 77, train, shape.stride());
          if (train != expected) ++mine;
          Buffer opened(44, 0);
          backend->open_train(key(), train, shape.stride(), opened);
          if (opened != Buffer(44, 1) || without_tags(train, shape) != plain) ++mine;
        }
      });
    for (std::thread& thread : threads) thread.join();
    CHECK(wrong == std::array<int, 4>{});
  }
}
