// SPDX-License-Identifier: MIT
// Sixteen slots of a train at once, one in each lane of the vectors (AVX-512 with IFMA).
//
// Other implementations spread the blocks of one message over a vector's lanes, so a short message pays for sixteen
// blocks and for the powers of r that it does not need. Here every lane is a slot of its own, and a train of equal
// slots keeps all lanes busy from the first block to the tag. Sealing, per packet of a 44-slot train on one Zen 5 core:
//     octets          64    256   1420
//     libsodium      439    559   1985  ns
//     libipsec-mb    194    238    474  ns
//     lanes           28     66    267  ns
//
// Read it in this order: `run_group` is the whole AEAD [RFC 8439 2.8] of sixteen slots; `chacha_blocks` makes twice 64
// octets of key stream for each, word by word (vector w holds word w of every slot); `rows_of_words` turns that into
// sixteen rows of 64 octets, which are added to the texts; `words_of_rows` turns ciphertext rows back into 64-bit lanes
// for `Poly`, which is eight one-time authenticators side by side. The backend at the end cuts a train into groups, and
// leaves what would not fill one to the next best backend.
//
// What limits it is not how much there is to do but how much of it waits for something else. So two blocks of the
// cipher are made at once, and two blocks are authenticated by one step, with r and its square: together 1.35 times as
// fast as one by one.
//
// Nothing depends on a secret but the contents of vectors: lengths, counters and verdicts are public.
#include "aead_backends.hpp"

#if defined(__x86_64__) && defined(__GNUC__)

#include "dead_stack.hpp"
#include "lanes_chacha20.hpp"
#include "lanes_poly1305.hpp"
#include "train_slots.hpp"

namespace culvert::crypto {
namespace {

using namespace lanes;

/// Up to sixteen slots of one length. A lane without a slot works on `idle`, on the same 64 octets again and again.
class Group {
 public:
  /// `slots` slots of the train, from `first` on.
  Group(MutBytes train, std::size_t stride, std::size_t first, std::size_t slots) noexcept
      : octets(stride - kSmallestSlot), slots_(slots) {
    for (std::size_t l = 0; l < kLanes; ++l) {
      text[l] = l < slots ? train.data() + (first + l) * stride + kDataHeaderOctets : idle_;
      step[l] = l < slots ? 1 : 0;
    }
  }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  ~Group() { sodium_memzero(idle_, sizeof idle_); }  // holds key stream

  [[nodiscard]] std::size_t slots() const noexcept { return slots_; }
  void set_counter(std::size_t lane, std::uint64_t counter) noexcept {
    counters.low[lane] = static_cast<std::uint32_t>(counter);
    counters.high[lane] = static_cast<std::uint32_t>(counter >> 32);
  }
  [[nodiscard]] Octets<kTagOctets> tag(std::size_t lane) const noexcept {
    return std::bit_cast<Octets<kTagOctets>>(std::array{tag_low[lane], tag_high[lane]});
  }

  const std::size_t octets;  // of each text
  std::uint8_t* text[kLanes];
  std::size_t step[kLanes];  // octets of address an octet of text: 1, or 0 without a slot
  Counters counters{};
  std::uint64_t tag_low[kLanes];
  std::uint64_t tag_high[kLanes];

 private:
  std::size_t slots_;
  std::uint8_t idle_[kBlockOctets] = {};
};

enum class Direction { seal, open };

/// Adds key stream to up to 64 octets of a lane. What comes back is the ciphertext, with zeros behind it.
template <Direction direction>
CULVERT_LANES Longs crypt_row(std::uint8_t* text, Longs key_stream, std::size_t octets) noexcept {
  if (octets == kBlockOctets) {
    Longs in;
    std::memcpy(&in, text, sizeof in);
    const Longs out = in ^ key_stream;
    std::memcpy(text, &out, sizeof out);
    return direction == Direction::seal ? out : in;
  }
  const __mmask64 some = (std::uint64_t{1} << octets) - 1;
  const auto in = as<Longs>(_mm512_maskz_loadu_epi8(some, text));
  const __m512i out = _mm512_maskz_mov_epi8(some, as<__m512i>(in ^ key_stream));
  _mm512_mask_storeu_epi8(text, some, out);
  return direction == Direction::seal ? as<Longs>(out) : in;
}

/// Adds key stream to `octets` octets of every lane, from `at` on, and authenticates the ciphertext.
template <Direction direction>
CULVERT_LANES void crypt_block(Group& group, const Words16& key_stream, std::size_t at, std::size_t octets, Poly& lower,
                               Poly& upper) noexcept {
  Rows rows = rows_of_words(key_stream);
#pragma GCC unroll 16
  for (std::size_t l = 0; l < kLanes; ++l)
    rows.v[l] = crypt_row<direction>(group.text[l] + at * group.step[l], rows.v[l], octets);
  const Longs8 low = words_of_rows(rows.v);
  const Longs8 high = words_of_rows(rows.v + 8);
#pragma GCC unroll 2
  for (std::size_t k = 0; 32 * k < octets; ++k) {
    const Longs *l = low.v + 4 * k, *h = high.v + 4 * k;
    if (octets - 32 * k > 16) {
      absorb_two(lower, l[0], l[1], l[2], l[3]);
      absorb_two(upper, h[0], h[1], h[2], h[3]);
    } else {
      absorb(lower, l[0], l[1]);
      absorb(upper, h[0], h[1]);
    }
  }
}

template <Direction direction>
[[CULVERT_VECTORS_OF_512, gnu::noinline]] void run_group(const std::uint8_t* key, Group& group) noexcept {
  const Words16 start = starting_state(key, group.counters);
  TwoBlocks stream = chacha_blocks(start, 0);
  const Words* w = stream.v[0].v;  // the one-time key [RFC 8439 2.6]
  Poly lower =
      poly_keyed(lower_lanes(w[0], w[1]), lower_lanes(w[2], w[3]), lower_lanes(w[4], w[5]), lower_lanes(w[6], w[7]));
  Poly upper =
      poly_keyed(upper_lanes(w[0], w[1]), upper_lanes(w[2], w[3]), upper_lanes(w[4], w[5]), upper_lanes(w[6], w[7]));

  std::uint32_t block = 1;
  for (std::size_t at = 0; at < group.octets; at += kBlockOctets, ++block) {
    if (block % 2 == 0) stream = chacha_blocks(start, block);
    const Words16& key_stream = stream.v[block % 2];
    const std::size_t left = group.octets - at;
    if (left >= kBlockOctets)
      crypt_block<direction>(group, key_stream, at, kBlockOctets, lower, upper);
    else
      crypt_block<direction>(group, key_stream, at, left, lower, upper);
  }

  const Longs ad_octets{};
  const Longs text_octets = ad_octets + group.octets;
  absorb(lower, ad_octets, text_octets);
  absorb(upper, ad_octets, text_octets);
  const Tags low = finished(lower);
  const Tags high = finished(upper);
  std::memcpy(group.tag_low, &low.low, sizeof low.low);
  std::memcpy(group.tag_low + 8, &high.low, sizeof high.low);
  std::memcpy(group.tag_high, &low.high, sizeof low.high);
  std::memcpy(group.tag_high + 8, &high.high, sizeof high.high);
}

/// From so many slots on a group is faster than the next best backend: it costs the same however many of its lanes have
/// a slot, and in the time of one libipsec-mb does 2 messages of 64 octets, 4 of 256, or 9 of 1420.
constexpr std::size_t smallest_group(std::size_t text_octets) noexcept {
  const std::size_t blocks = 1 + (text_octets + kBlockOctets - 1) / kBlockOctets;  // the one-time key's is the first
  return std::min<std::size_t>(1 + (blocks + 1) / 2, 9);
}

/// How many slots, of full length each, make the group that begins at slot `first`; 0 for too few.
std::size_t group_size(MutBytes train, std::size_t stride, std::size_t first) noexcept {
  const std::size_t slots = std::min(kLanes, train.size() / stride - first);
  return slots >= smallest_group(stride - kSmallestSlot) ? slots : 0;
}

// The frame of `run_group`, which spills vectors: 6.5 to 9 KiB, or 155 when gcc and 800 when clang optimises nothing.
#ifdef __OPTIMIZE__
constexpr std::size_t kGroupStackOctets = 10240;
#else
constexpr std::size_t kGroupStackOctets = 1 << 20;
#endif

class LanesBackend final : public AeadBackend {
 public:
  explicit LanesBackend(const AeadBackend& rest) noexcept : rest_(rest) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "lanes"; }

  void seal_train(const Secret<32>& key, std::uint64_t first, MutBytes train,
                  std::size_t stride) const noexcept override {
    std::size_t done = 0;
    while (const std::size_t slots = group_size(train, stride, done)) {
      Group group(train, stride, done, slots);
      for (std::size_t l = 0; l < slots; ++l) group.set_counter(l, first + done + l);
      run_group<Direction::seal>(key.bytes().data(), group);
      for (std::size_t l = 0; l < slots; ++l) {
        const Octets<kTagOctets> tag = group.tag(l);
        std::copy(tag.begin(), tag.end(), Slot(slot_octets(train, stride, done + l)).tag.begin());
      }
      done += slots;
    }
    if (done != 0) wipe_dead_stack(kGroupStackOctets);
    if (done * stride < train.size()) rest_.seal_train(key, first + done, train.subspan(done * stride), stride);
  }

  void open_train(const Secret<32>& key, MutBytes train, std::size_t stride,
                  std::span<std::uint8_t> opened) const noexcept override {
    std::size_t done = 0;
    while (const std::size_t slots = group_size(train, stride, done)) {
      Group group(train, stride, done, slots);
      for (std::size_t l = 0; l < slots; ++l)
        group.set_counter(l, Slot(slot_octets(train, stride, done + l)).counter_of_header());
      run_group<Direction::open>(key.bytes().data(), group);
      std::size_t lane = 0;
      open_slots(train.subspan(done * stride, slots * stride), stride, opened.subspan(done, slots),
                 [&](const Slot& slot, const Nonce&) { return same_tag(group.tag(lane++), slot.tag); });
      done += slots;
    }
    if (done != 0) wipe_dead_stack(kGroupStackOctets);
    if (done * stride < train.size()) rest_.open_train(key, train.subspan(done * stride), stride, opened.subspan(done));
  }

 private:
  const AeadBackend& rest_;  // for what does not fill a group
};

}  // namespace

const AeadBackend* lanes_backend() noexcept {
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512ifma"))
    return nullptr;
  static const LanesBackend backend(ipsec_mb_backend() != nullptr ? *ipsec_mb_backend() : *sodium_backend());
  return &backend;
}

}  // namespace culvert::crypto

#else

namespace culvert::crypto {
const AeadBackend* lanes_backend() noexcept { return nullptr; }
}  // namespace culvert::crypto

#endif
