// SPDX-License-Identifier: MIT
// Whatever floods do to control's socket, in any order and time: the list of those who are held back is one, the filter
// holds back whom it names and nobody else, peers are spared, and it ends with the flood.
#include "heavy_senders.hpp"

#include "bpf_verdict.hpp"
#include "support/input.hpp"

using namespace culvert;
using namespace culvert::engine;
using namespace culvert::fuzz;

namespace {

constexpr std::uint32_t kMix = 0x1234'5679;
constexpr std::size_t kSenders = 600;  // more than a list takes
constexpr std::size_t kProbes = 16;    // of them, looked at one by one

IpAddress address(std::size_t number) {
  IpAddress from{Family::v4, {}};
  from.octets = {10, 0, static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)};
  return from;
}

struct World {
  Instant now{std::chrono::hours(1)};
  std::uint64_t drops = 0;
  HeavySenders senders{kMix, now, drops};
  std::vector<std::uint32_t> before;
  unsigned share_before = HeavySenders::kFirstShare;

  [[nodiscard]] std::span<const std::uint32_t> listed() const { return senders.thinning(Family::v4).senders; }
  [[nodiscard]] bool lists(std::size_t sender) const {
    return std::ranges::binary_search(listed(), io::sender_tag(address(sender), kMix));
  }

  /// \param peer  is at the address of that sender.
  void look(std::optional<std::size_t> peer) {
    if (!senders.due(now)) return;
    if (peer && senders.asks_for_peers(now, drops)) senders.spare(address(*peer));
    const bool changed = senders.look(now, drops);
    require(!peer || !lists(*peer), "a peer is not held back");

    const auto thinning = senders.thinning(Family::v4);
    const auto tags = thinning.senders;
    require(tags.size() == senders.size() && tags.size() <= io::kMostThinned, "as many as a list takes");
    require(std::ranges::adjacent_find(tags, std::ranges::greater_equal{}) == tags.end(), "ascending, each once");
    require(tags.empty() || tags.back() <= io::kTagBits, "of 31 bits");
    require(thinning.share >= HeavySenders::kFirstShare && thinning.share <= HeavySenders::kLastShare, "a share");
    const bool differs = thinning.share != share_before || !std::ranges::equal(tags, before);
    require(changed == differs, "a change is told, and nothing else");
    require(senders.next_look().has_value() == !tags.empty(), "looked at while there is somebody");
    require(!senders.next_look() || *senders.next_look() > now, "and not at once");
    before.assign(tags.begin(), tags.end());
    share_before = thinning.share;
    if (changed && !tags.empty()) check_filter(thinning);
  }

  void check_filter(const io::Thinning& thinning) const {
    const auto program = io::thinning_program(thinning, 0xdead'beef);
    require(program.size() <= BPF_MAXINSNS, "a program that the kernel takes");
    for (std::size_t i = 0; i < kProbes; ++i) {
      const auto drawn = std::uint32_t{1} << thinning.share;
      require(test::verdict(program, address(i), drawn) == true, "one of many passes");
      require(test::verdict(program, address(i), drawn - 1) == !lists(i), "of the rest those who are not listed");
    }
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  World world;
  for (int steps = 0; !input.empty() && steps < 200; ++steps) {
    switch (input.below(8)) {
      case 0:
        world.senders.count(address(input.below(kProbes)), input.number<std::uint16_t>());
        break;
      case 1: {
        const std::size_t each = input.octet();
        const std::size_t many = input.below(kSenders);
        for (std::size_t i = 0; i < many; ++i) world.senders.count(address(i), each);
        break;
      }
      case 2:
        world.drops += input.octet();
        break;
      case 3:
        world.now += std::chrono::milliseconds(input.number<std::uint16_t>());
        world.look(std::nullopt);
        break;
      case 4:
        world.now += HeavySenders::kInterval;
        world.look(input.below(kProbes));
        break;
      case 5:
        world.senders.found_empty();
        world.senders.spent(std::chrono::microseconds(input.number<std::uint16_t>()));
        break;
      case 6:
        world.senders.begin(world.now, std::chrono::milliseconds(input.octet()));
        break;
      case 7:
        world.senders.set_share(input.number<std::uint32_t>());
        break;
    }
  }
  for (int i = 0; i < 100; ++i) {
    world.now += HeavySenders::kInterval;
    world.look(std::nullopt);
  }
  require(world.senders.size() == 0, "nobody is held back when the flood is over");
  return 0;
}
