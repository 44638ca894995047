// SPDX-License-Identifier: MIT
// Two peers and a network that does what the input says: it delays, loses, doubles, reorders and changes datagrams,
// lets time pass or jump, asks for cookies, and lets a peer forget everything. Whatever happens: what is delivered was
// sent by the other side, and once; no pair of index and counter is ever sealed twice; no two initiations of one life
// are closer than five seconds. At the end the network heals, and both directions must carry data again soon.
#include <array>
#include <deque>
#include <set>

#include "support/tunnels.hpp"

using namespace culvert;
using namespace culvert::fuzz;
using namespace std::chrono_literals;

namespace {

// Silence is noticed after 15 s and a jitter, and an initiation or response just before holds the next one off for 5 s
// more; then a round trip, and the pause between two packets.
constexpr Duration kRecovery = 15s + 333ms + 5s + 333ms + 300ms;
constexpr std::size_t kMostInFlight = 64;

class Game {
 public:
  explicit Game(Input& input) : may_step_clocks_((input.octet() & 1) != 0) {}

  void step(Input& input) {
    const std::uint8_t what = input.octet();
    const std::size_t who = what & 1;
    switch (what / 2 % 12) {
      case 0:
      case 1:
        return send(who);
      case 2:
      case 3:
      case 4:
        return arrive(who, take(who, input));
      case 5:
        if (const auto at = pick(who, input)) arrive(who, Datagram(in_flight_[who][*at]));
        return;
      case 6:
        (void)take(who, input);
        return;
      case 7:
        return meddle(who, input);
      case 8:
        return pass_time(100ms * input.octet());
      case 9:
        return jump(1s * input.octet());
      case 10:
        return side(who).tunnel->set_cookies(input.octet() & 1 ? Tunnel::Cookies::demanded
                                                               : Tunnel::Cookies::not_asked);
      case 11:
        return mishap(who, input);
    }
  }

  void heal() {
    for (auto& queue : in_flight_) queue.clear();
    for (const std::size_t who : {0u, 1u}) side(who).tunnel->set_cookies(Tunnel::Cookies::not_asked);
    std::array<std::size_t, 2> before = {delivered_[0].size(), delivered_[1].size()};
    const Instant healed = t_.clock.mono();
    while (delivered_[0].size() == before[0] || delivered_[1].size() == before[1]) {
      require(t_.clock.mono() - healed <= kRecovery, "a healed network carries data both ways again");
      send(0);
      send(1);
      while (!in_flight_[0].empty() || !in_flight_[1].empty())
        for (const std::size_t who : {0u, 1u})
          while (!in_flight_[who].empty()) {
            Datagram datagram = std::move(in_flight_[who].front());
            in_flight_[who].pop_front();
            arrive(who, datagram);
          }
      pass_time(100ms);
    }
  }

 private:
  Side& side(std::size_t who) { return who == 0 ? t_.a : t_.b; }
  [[nodiscard]] Now now(std::size_t who) const {
    Now now = t_.clock.now();
    now.wall.seconds += wall_shift_[who];
    return now;
  }

  void send(std::size_t who) {
    const auto packet = sim::make_packet({side(who).inside, side(1 - who).inside, next_number_[who]++});
    carry_out(who, side(who).tunnel->from_inside(now(who), packet));
  }

  /// A datagram for `who` arrives.
  void arrive(std::size_t who, const Datagram& datagram) {
    if (datagram.empty()) return;
    carry_out(who,
              hand_over(side(who), side(1 - who).tunnel->public_key(), now(who), datagram, side(1 - who).outside, 0));
  }

  void carry_out(std::size_t who, const Output& output) {
    for (const auto& packet : output.inside) {
      const auto read = sim::read_packet(packet);
      require(read && read->source == side(1 - who).inside && read->destination == side(who).inside &&
                  read->number < next_number_[1 - who],
              "what is delivered was sent by the other side");
      require(delivered_[who].insert(read->number).second, "and once");
    }
    for (const OutsideDatagram& datagram : output.outside) {
      note_sent(who, datagram.octets);
      auto& queue = in_flight_[1 - who];
      if (queue.size() == kMostInFlight) queue.pop_front();
      queue.push_back(datagram.octets);
    }
  }

  void note_sent(std::size_t who, const Datagram& datagram) {
    if (datagram[0] == 1) {
      if (last_initiation_[who])
        require(t_.clock.mono() - *last_initiation_[who] >= 5s, "no two initiations within five seconds");
      last_initiation_[who] = t_.clock.mono();
    } else if (datagram[0] == 4) {
      Octets<12> nonce{};
      std::copy_n(datagram.begin() + 4, nonce.size(), nonce.begin());
      require(sealed_[who].insert(nonce).second, "no counter of a session is sealed twice");
    }
  }

  /// Any that is on its way to `who`; nullopt: none is.
  std::optional<std::size_t> pick(std::size_t who, Input& input) const {
    const std::size_t n = in_flight_[who].size();
    const std::uint8_t which = input.octet();
    return n == 0 ? std::nullopt : std::optional(which % n);
  }
  Datagram take(std::size_t who, Input& input) {
    const auto at = pick(who, input);
    if (!at) return {};
    Datagram datagram = std::move(in_flight_[who][*at]);
    in_flight_[who].erase(in_flight_[who].begin() + static_cast<std::ptrdiff_t>(*at));
    return datagram;
  }

  void meddle(std::size_t who, Input& input) {
    const auto which = pick(who, input);
    const std::size_t at = input.octet();
    const std::uint8_t change = input.octet();
    const std::uint8_t how = input.octet();
    if (!which) return;
    Datagram& datagram = in_flight_[who][*which];
    datagram[at % datagram.size()] ^= change;
    if (how & 1) renew_mac1(datagram, side(who).tunnel->public_key());
  }

  /// Timers run when they are due.
  void pass_time(Duration how_long) {
    const Instant end = t_.clock.mono() + how_long;
    for (;;) {
      std::size_t first = 0;
      std::optional<Instant> at;
      for (const std::size_t who : {0u, 1u})
        if (const auto deadline = side(who).tunnel->next_deadline(); deadline && (!at || *deadline < *at)) {
          at = deadline;
          first = who;
        }
      if (!at || *at > end) break;
      t_.clock.advance_to(*at);
      carry_out(first, side(first).tunnel->run_timers(now(first)));
      require(++turns_ < 100'000, "timers come to rest");
    }
    t_.clock.advance_to(end);
  }
  /// As after a suspend: what became due meanwhile runs now.
  void jump(Duration how_long) {
    t_.clock.advance(how_long);
    for (const std::size_t who : {0u, 1u}) carry_out(who, side(who).tunnel->run_timers(now(who)));
  }

  // A restart forgets the stamps that were sent, and a clock that was set back then makes stamps which nobody takes: so
  // a game has one or the other.
  void mishap(std::size_t who, Input& input) {
    const std::uint8_t how = input.octet();
    if (may_step_clocks_) {
      wall_shift_[who] = (std::int64_t{how} - 128) * 100'000;
      return;
    }
    t_.clock.advance(20ms);  // the coarse clock of stamps ticks
    last_initiation_[who].reset();
    side(who).restart();
    t_.introduce(side(who), side(1 - who));
  }

  Tunnels t_;
  const bool may_step_clocks_;
  std::array<std::deque<Datagram>, 2> in_flight_;  // by receiver
  std::array<std::uint64_t, 2> next_number_{};
  std::array<std::set<std::uint64_t>, 2> delivered_;
  std::array<std::set<Octets<12>>, 2> sealed_;
  std::array<std::optional<Instant>, 2> last_initiation_;
  std::array<std::int64_t, 2> wall_shift_{};
  std::size_t turns_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, std::min<std::size_t>(size, 1024));
  Game game(input);
  while (!input.empty()) game.step(input);
  game.heal();
  return 0;
}
