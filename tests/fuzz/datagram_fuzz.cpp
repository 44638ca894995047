// SPDX-License-Identifier: MIT
// Raw datagrams from anywhere into a tunnel that has a session and an initiation under way. Input: steps of an octet
// for sender and TOS, two of length, and the datagram; a step of length 0 lets time pass. All keys and indices are the
// same in every run, so that seeds which were recorded are genuine messages.
#include "support/tunnels.hpp"

using namespace culvert;
using namespace culvert::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  Tunnels tunnels;
  tunnels.connect();
  Side& side = tunnels.a;
  const PublicKey peer = tunnels.b.tunnel->public_key();
  if (input.octet() % 2 == 1) side.tunnel->set_cookies(Tunnel::Cookies::demanded);
  while (!input.empty()) {
    const std::uint8_t how = input.octet();
    const Datagram datagram = input.block();
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
