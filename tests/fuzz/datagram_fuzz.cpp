// SPDX-License-Identifier: MIT
// Datagrams from anywhere into a tunnel that has a session. Input: steps of an octet for sender and TOS, two for the
// number of octets, base and mac1, and those octets. Base 0: they are the datagram, or, with none, time passes. Any
// other: they are laid over a message that the peer said, which with none is a genuine one. mac1 may be made right.
#include "support/tunnels.hpp"

using namespace culvert;
using namespace culvert::fuzz;

namespace {

/// What the peer said and this side has not heard, then what it has.
std::vector<Datagram> said_by_peer(Tunnels& tunnels) {
  std::vector<Datagram> said;
  const auto packet = sim::make_packet({tunnels.b.inside, tunnels.a.inside, 1});
  for (OutsideDatagram& datagram : tunnels.b.tunnel->from_inside(tunnels.clock.now(), packet).outside)
    said.push_back(std::move(datagram.octets));
  for (const Tunnels::Passed& passed : tunnels.passed)
    if (!passed.to_b) said.push_back(passed.octets);
  return said;
}

Datagram make(Input& input, const std::vector<Datagram>& said, const PublicKey& receiver) {
  const std::size_t word = input.number<std::uint16_t>();
  const Bytes octets = input.octets(word % 2048);
  const std::size_t base = word / 2048 % 16;
  Datagram datagram = base == 0 ? Datagram{} : said[(base - 1) % said.size()];
  if (datagram.size() < octets.size()) datagram.resize(octets.size());
  for (std::size_t i = 0; i < octets.size(); ++i) datagram[i] ^= octets[i];
  if (word >> 15 != 0) renew_mac1(datagram, receiver);
  return datagram;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  Tunnels tunnels;
  tunnels.connect();
  Side& side = tunnels.a;
  const std::vector<Datagram> said = said_by_peer(tunnels);
  const PublicKey peer = tunnels.b.tunnel->public_key();
  if (input.octet() % 2 == 1) side.tunnel->set_cookies(Tunnel::Cookies::demanded);
  while (!input.empty()) {
    const std::uint8_t how = input.octet();
    const Datagram datagram = make(input, said, side.tunnel->public_key());
    if (datagram.empty()) {
      tunnels.clock.advance(std::chrono::seconds(how));
      (void)side.tunnel->run_timers(tunnels.clock.now());
      continue;
    }
    Endpoint from = tunnels.b.outside;
    from.port = static_cast<std::uint16_t>(from.port + how / 16);
    (void)hand_over(side, peer, tunnels.clock.now(), datagram, from, how % 16);
  }
  return 0;
}
