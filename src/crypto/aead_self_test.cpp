// SPDX-License-Identifier: MIT
// The test that a backend has to pass in every process before it is used: a miscompiled library or a processor that
// miscalculates must not reach the wire.
#include "aead_backends.hpp"
#include "train_slots.hpp"

namespace culvert::crypto {
namespace {

// Key, counter (octets 40 to 47) and text of [RFC 8439 2.8.2], with our first four octets of nonce (zero) and no
// associated data; the result is OpenSSL's.
constexpr std::uint64_t kKnownCounter = 0x4746454443424140;
constexpr std::string_view kKnownText =
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be "
    "it.";
constexpr Octets<130> kKnownSealed{
    0xa4, 0x79, 0xcb, 0x54, 0x62, 0x89, 0x46, 0xd6, 0xf4, 0x04, 0x2a, 0x8e, 0x38, 0x4e, 0xf4, 0xbd, 0x2f, 0xbc, 0x73,
    0x30, 0xb8, 0xbe, 0x55, 0xeb, 0x2d, 0x8d, 0xc1, 0x8a, 0xaa, 0x51, 0xd6, 0x6a, 0x8e, 0xc1, 0xf8, 0xd3, 0x61, 0x9a,
    0x25, 0x8d, 0xb0, 0xac, 0x56, 0x95, 0x60, 0x15, 0xb7, 0xb4, 0x93, 0x7e, 0x9b, 0x8e, 0x6a, 0xa9, 0x57, 0xb3, 0xdc,
    0x02, 0x14, 0xd8, 0x03, 0xd7, 0x76, 0x60, 0xaa, 0xbc, 0x91, 0x30, 0x92, 0x97, 0x1d, 0xa8, 0xf2, 0x07, 0x17, 0x1c,
    0xe7, 0x84, 0x36, 0x08, 0x16, 0x2e, 0x2e, 0x75, 0x9d, 0x8e, 0xfc, 0x25, 0xd8, 0xd0, 0x93, 0x69, 0x90, 0xaf, 0x63,
    0xc8, 0x20, 0xba, 0x87, 0xe8, 0xa9, 0x55, 0xb5, 0xc8, 0x27, 0x4e, 0xf7, 0xd1, 0x0f, 0x6f, 0xaf, 0xd0, 0x46, 0x47,
    0xfa, 0x67, 0x75, 0x57, 0x7a, 0x1a, 0x25, 0x0d, 0xcc, 0x2d, 0xf3, 0x7e, 0x95, 0xe4, 0x6c, 0x4a};

/// On both sides of the ends of Poly1305 and ChaCha20 blocks, and of the 4, 8 and 16 blocks that vectors take.
constexpr std::size_t kBodyOctets[] = {0,   1,   15,  16,  17,  63,  64,  65,   127,  128,
                                       129, 192, 255, 257, 448, 511, 513, 1023, 1025, 1420};
constexpr std::size_t kTrainSlots = 19;

Secret<32> known_key() noexcept {
  Secret<32> key;
  std::uint8_t octet = 0x80;
  for (std::uint8_t& o : key.bytes()) o = octet++;
  return key;
}

bool equal(Bytes a, Bytes b) noexcept { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

void set_header(MutBytes slot, std::uint64_t counter) noexcept {
  for (std::size_t i = 0; i < kDataHeaderOctets; ++i) slot[i] = static_cast<std::uint8_t>(0xa0 + i);
  const auto octets = std::bit_cast<Octets<8>>(le64(counter));
  std::copy(octets.begin(), octets.end(), slot.begin() + kCounterOffset);
}

bool seals_the_known_text(const AeadBackend& backend) {
  std::vector<std::uint8_t> slot(kDataHeaderOctets + kKnownSealed.size());
  set_header(slot, kKnownCounter);
  std::copy(kKnownText.begin(), kKnownText.end(), slot.begin() + kDataHeaderOctets);
  backend.seal_train(known_key(), kKnownCounter, slot, slot.size());
  if (!equal(Bytes(slot).subspan(kDataHeaderOctets), kKnownSealed)) return false;

  std::uint8_t opened = 0;
  backend.open_train(known_key(), slot, slot.size(), {&opened, 1});
  return opened == 1 && std::equal(kKnownText.begin(), kKnownText.end(), slot.begin() + kDataHeaderOctets);
}

/// A train of equal slots but for a shorter last one, as `seal` would have sealed each; and then opened with one bit
/// wrong in the middle.
bool agrees_with_one_shot(const AeadBackend& backend, std::size_t body) {
  const Secret<32> key = known_key();
  const std::size_t stride = kSmallestSlot + body;
  std::vector<std::uint8_t> plain(stride * kTrainSlots - body / 3);
  for (std::size_t i = 0; i < plain.size(); ++i) plain[i] = static_cast<std::uint8_t>(i * 7 + body);
  for (std::size_t i = 0; i < kTrainSlots; ++i) set_header(slot_octets(plain, stride, i), kKnownCounter + i);

  std::vector<std::uint8_t> expected = plain;
  for (std::size_t i = 0; i < kTrainSlots; ++i) {
    const MutBytes sealed = slot_octets(expected, stride, i).subspan(kDataHeaderOctets);
    const std::vector<std::uint8_t> text(sealed.begin(), sealed.end() - kTagOctets);
    seal(key, kKnownCounter + i, text, {}, sealed);
  }
  std::vector<std::uint8_t> train = plain;
  backend.seal_train(key, kKnownCounter, train, stride);
  if (train != expected) return false;

  constexpr std::size_t kBad = kTrainSlots / 2;
  slot_octets(train, stride, kBad)[kDataHeaderOctets + body / 2] ^= 0x10;
  Octets<kTrainSlots> opened{};
  backend.open_train(key, train, stride, opened);
  for (std::size_t i = 0; i < kTrainSlots; ++i) {
    const Slot after(slot_octets(train, stride, i));
    const Slot before(slot_octets(plain, stride, i));
    if (opened[i] != (i == kBad ? 0 : 1)) return false;
    if (!equal(after.header, before.header)) return false;
    if (i == kBad && !std::all_of(after.body.begin(), after.body.end(), [](std::uint8_t o) { return o == 0; }))
      return false;
    if (i != kBad && !equal(after.body, before.body)) return false;
  }
  return true;
}

}  // namespace

bool passes_self_test(const AeadBackend& backend) noexcept {
  return seals_the_known_text(backend) &&
         std::all_of(std::begin(kBodyOctets), std::end(kBodyOctets),
                     [&backend](std::size_t body) { return agrees_with_one_shot(backend, body); });
}

}  // namespace culvert::crypto
