// SPDX-License-Identifier: MIT
// Handshake messages and cookie replies by somebody who knows every public key, and so can make mac1 right. Input:
// steps. A step makes two tunnels say something new, lets time pass, or hands one of them a message: one that was heard
// on the network, changed here and there, or all of its own.
//
// With the true AEAD a changed message must be refused, but for the fields that no tag covers: the sender's index, by
// which data messages are addressed, and mac2. With the AEAD that accepts everything nothing may break.
#include <set>

#include "support/tunnels.hpp"

using namespace culvert;
using namespace culvert::fuzz;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kHeard = 32;

class Meddler {
 public:
  void step(Input& input) {
    const std::uint8_t what = input.octet();
    Side& side = what & 1 ? t_.b : t_.a;
    Side& other = what & 1 ? t_.a : t_.b;
    switch (what / 2 % 8) {
      case 0:
        return speak(side, other);
      case 1:
        t_.clock.advance(20ms * input.octet());
        hear(side, side.tunnel->run_timers(t_.clock.now()));
        return hear(other, other.tunnel->run_timers(t_.clock.now()));
      case 2:
        t_.clock.advance(1s * input.octet());
        return hear(side, side.tunnel->run_timers(t_.clock.now()));
      case 3:
        return side.tunnel->set_cookies(input.octet() & 1 ? Tunnel::Cookies::demanded : Tunnel::Cookies::not_asked);
      case 4:
        side.restart();
        return t_.introduce(side, other);
      case 5:  // a message of its own
        return give(side, other, made(input), input.octet());
      case 6:
      case 7:
        return give(side, other, changed(input), input.octet());
    }
  }

 private:
  void speak(Side& side, const Side& other) {
    const auto packet = sim::make_packet({side.inside, other.inside, number_++});
    hear(side, side.tunnel->from_inside(t_.clock.now(), packet));
  }

  void hear(const Side& from, const Output& output) {
    for (const OutsideDatagram& datagram : output.outside) {
      genuine_.insert(without_free_fields(datagram.octets));
      if (heard_.size() == kHeard) heard_.erase(heard_.begin());
      heard_.push_back({datagram.octets, &from == &t_.a});
    }
  }

  Datagram made(Input& input) {
    static constexpr std::size_t kSizes[] = {148, 92, 64};
    const std::size_t type = input.below(3);
    Datagram message(kSizes[type]);
    const Bytes body = input.octets(message.size() - 4);
    std::copy(body.begin(), body.end(), message.begin() + 4);
    message[0] = static_cast<std::uint8_t>(type + 1);
    return message;
  }

  Datagram changed(Input& input) {
    if (heard_.empty()) return {};
    Datagram message = heard_[heard_.size() - 1 - input.below(heard_.size())].octets;
    for (std::size_t n = input.below(4); n > 0; --n) {
      const std::size_t at = input.below(256) % message.size();
      message[at] ^= input.octet();
    }
    return message;
  }

  void give(Side& side, Side& other, Datagram message, std::uint8_t how) {
    if (message.empty()) return;
    if (how & 1) renew_mac1(message, side.tunnel->public_key());
    Endpoint from = other.outside;
    if (how & 2) from.port = static_cast<std::uint16_t>(how);
    const Output output = hand_over(side, other.tunnel->public_key(), t_.clock.now(), message, from, how >> 6);
    hear(side, output);
#if !CULVERT_ACCEPTING
    // What a tag covers was said by nobody: it must be refused.
    if (!genuine_.contains(without_free_fields(message)))
      require(!output.drops.empty(), "a message that nobody sent is refused");
#endif
  }

  /// The message without what no tag covers: the index of a handshake's sender, which decides about that of a data
  /// message's receiver, and both MACs, which take public keys only.
  static Datagram without_free_fields(Datagram message) {
    if (message[0] == 3 || message.size() < 8) return message;
    std::fill(message.begin() + 4, message.begin() + 8, std::uint8_t{0});
    if (message[0] == 4) return message;
    std::fill(message.end() - std::min<std::ptrdiff_t>(32, std::ssize(message)), message.end(), std::uint8_t{0});
    return message;
  }

  struct Heard {
    Datagram octets;
    bool from_a;
  };
  Tunnels t_;
  std::vector<Heard> heard_;
  std::set<Datagram> genuine_;
  std::uint64_t number_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, std::min<std::size_t>(size, 2048));
  Meddler meddler;
  while (!input.empty()) meddler.step(input);
  return 0;
}
