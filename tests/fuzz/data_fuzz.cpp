// SPDX-License-Identifier: MIT
// Data messages whose tag always fits, into a session: so everything behind the tag is the fuzzer's. Each must be
// delivered or dropped just as the rules say, typed here once more: the replay rule, then an IP header that does not
// contradict itself, then the source address, then the table of RFC 6040. (Linked with the AEAD that opens everything.)
#include "support/replay_model.hpp"
#include "support/tunnels.hpp"

using namespace culvert;
using namespace culvert::fuzz;

namespace {

constexpr std::size_t kHeader = 16, kTag = 16;

struct Verdict {
  std::optional<Drop> drop;
  std::size_t octets = 0;  // of the inner packet, without padding
};

/// By the octets of the inner packet alone.
Verdict judge(Bytes plain, std::uint8_t outer_ecn) {
  const auto be16 = [&](std::size_t at) { return static_cast<std::size_t>(plain[at] << 8 | plain[at + 1]); };
  Verdict verdict;
  Bytes source;
  unsigned inner_ecn = 0;
  if (!plain.empty() && plain[0] >> 4 == 4) {
    if (plain.size() < 20) return {Drop::inner_malformed, 0};
    const std::size_t header = (plain[0] & 15u) * 4u;
    verdict.octets = be16(2);
    if (header < 20 || verdict.octets < header) return {Drop::inner_malformed, 0};
    source = plain.subspan(12, 4);
    inner_ecn = plain[1] & 3;
  } else if (!plain.empty() && plain[0] >> 4 == 6) {
    if (plain.size() < 40) return {Drop::inner_malformed, 0};
    verdict.octets = 40 + be16(4);
    source = plain.subspan(8, 16);
    inner_ecn = plain[1] >> 4 & 3;
  } else {
    return {Drop::inner_malformed, 0};
  }
  if (verdict.octets > plain.size()) return {Drop::inner_malformed, 0};
  static constexpr std::uint8_t kPeer[] = {10, 0, 0, 2};
  if (!std::ranges::equal(source, kPeer)) return {Drop::source_not_allowed, 0};
  if (inner_ecn == 0 && outer_ecn == 3) return {Drop::ecn_mismatch, 0};
  return verdict;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  Tunnels t;
  t.connect();
  const Datagram template_message = t.passed.back().octets;  // the last that B sent to A
  ReplayModel model;
  require(model.commit(0), "the counter of the message that confirmed");
  const PublicKey peer = t.b.tunnel->public_key();
  while (!input.empty()) {
    const std::uint8_t how = input.octet();
    // Mostly the next few counters, at times any at all.
    const std::uint64_t counter = how & 4 ? input.number<std::uint64_t>() : input.number<std::uint16_t>();
    const std::vector<std::uint8_t> plain = input.block();
    Datagram message(kHeader + plain.size() + kTag);
    std::copy_n(template_message.begin(), 8, message.begin());
    for (std::size_t i = 0; i < 8; ++i) message[8 + i] = static_cast<std::uint8_t>(counter >> (8 * i));
    std::copy(plain.begin(), plain.end(), message.begin() + kHeader);

    const Output output = hand_over(t.a, peer, t.clock.now(), message, t.b.outside, how & 3);
    if (!model.commit(counter)) {
      const Drop why = counter >= ~std::uint64_t{0} - 8192 ? Drop::counter_limit : Drop::replayed;
      require(output.inside.empty() && output.drops == std::vector{why}, "a counter comes once, and its drop says why");
      continue;
    }
    if (plain.empty()) {
      require(output.drops.empty() && output.inside.empty(), "a keepalive is no packet");
      continue;
    }
    const Verdict verdict = judge(plain, how & 3);
    if (verdict.drop) {
      require(output.inside.empty() && output.drops == std::vector{*verdict.drop}, "the inner packet is refused");
      continue;
    }
    require(output.drops.empty() && output.inside.size() == 1, "the inner packet is delivered");
    require(output.inside[0].size() == verdict.octets, "without its padding");
    require(std::equal(output.inside[0].begin() + 12, output.inside[0].end(), plain.begin() + 12),
            "and otherwise as it was");
  }
  return 0;
}
