// SPDX-License-Identifier: MIT
#include "rates.hpp"

#include <doctest/doctest.h>

#include <array>

#include "table.hpp"

using namespace culvert;
using namespace culvert::cli;
using namespace std::chrono_literals;

namespace {

InterfaceStatus with_counters(std::uint64_t received, std::uint64_t sent) {
  InterfaceStatus status;
  status.name = "wg0";
  status.link = "up";
  PeerStatus peer;
  peer.public_key = "KEYKEYKEY=";
  peer.name = "alice";
  peer.received = received;
  peer.sent = sent;
  status.peers = {peer};
  return status;
}

}  // namespace

TEST_CASE("a graph shows the last values as parts of the greatest shown") {
  const std::array<double, 5> values{100, 0, 4, 8, 1};
  CHECK(sparkline(values, 4) == "▁▅█▂");
  CHECK(sparkline(values, 9) == "█▁▂▂▂");
  CHECK(sparkline(values, 0).empty());
  CHECK(sparkline({}, 5).empty());
  const std::array<double, 2> zeros{0, 0};
  CHECK(sparkline(zeros, 5) == "▁▁");
}

TEST_CASE("a rate is the counters' difference over the time between two looks") {
  Rates rates;
  const Instant start{100s};
  rates.look(with_counters(1000, 50), start);
  CHECK(rates.of(with_counters(0, 0).peers[0]).received.empty());
  rates.look(with_counters(3000, 50), start + 2s);
  CHECK(rates.of(with_counters(0, 0).peers[0]).received.back() == doctest::Approx(1000));
  CHECK(rates.of(with_counters(0, 0).peers[0]).sent.back() == doctest::Approx(0));
  // A daemon that was restarted counts from zero: that is no negative rate, and no enormous one.
  rates.look(with_counters(10, 10), start + 3s);
  CHECK(rates.of(with_counters(0, 0).peers[0]).received.back() == doctest::Approx(0));
  // Nor is a second look at the same instant infinite.
  rates.look(with_counters(99, 99), start + 3s);
  CHECK(rates.of(with_counters(0, 0).peers[0]).received.back() == doctest::Approx(0));
}

TEST_CASE("no more than a minute of looks is kept, and peers that went are forgotten") {
  Rates rates;
  for (int i = 0; i < 200; ++i) rates.look(with_counters(0, 0), Instant{std::chrono::seconds(i)});
  CHECK(rates.of(with_counters(0, 0).peers[0]).received.size() == Rates::kLooks);
  rates.look(InterfaceStatus{}, Instant{201s});
  CHECK(rates.of(with_counters(0, 0).peers[0]).received.empty());
}

TEST_CASE("a screen keeps to its columns and lines") {
  Rates rates;
  InterfaceStatus status = with_counters(0, 0);
  for (int i = 0; i < 70; ++i) {
    status.peers[0].received += 1000;
    rates.look(status, Instant{std::chrono::seconds(i)});
  }
  const std::string screen = watch_screen(status, rates, 1'795'930'321, Console::Colours::none, 60, 20);
  CHECK(
      screen.starts_with("wg0  0 of 1 peer up  2026-11-29 05:32:01Z  q ends\n\n● alice  never connected\n"
                         "    ↓ 8.00 kbit/s   68.36 KiB  "));
  std::size_t start = 0;
  for (std::size_t end; (end = screen.find('\n', start)) != std::string::npos; start = end + 1)
    CHECK(columns_of(screen.substr(start, end - start)) <= 60);
  CHECK(watch_screen(status, rates, 0, Console::Colours::none, 60, 1).find('\n') ==
        watch_screen(status, rates, 0, Console::Colours::none, 60, 1).size() - 1);
  CHECK(watch_screen(status, rates, 0, Console::Colours::none, 3, 1) == "wg0\n");
  status.peers.clear();
  CHECK(watch_screen(status, rates, 0, Console::Colours::none, 60, 5).starts_with("wg0  no peers  1970"));
}

TEST_CASE("names, states and endpoints stand in columns, and a peer that is not up comes with what to do") {
  InterfaceStatus status = with_counters(0, 0);
  status.peers[0].state = status.peers[0].state_name = "up";
  status.peers[0].endpoint = "192.0.2.1:51820";
  status.peers[0].round_trip_ms = 1.25;
  PeerStatus bob;
  bob.name = "bob";
  bob.state = "silent for 20 s";
  bob.state_name = "silent";
  bob.endpoint = "198.51.100.7:4500";
  bob.advice = "Look at the firewall.";
  status.peers.push_back(bob);
  CHECK(watch_screen(status, Rates{}, 0, Console::Colours::none, 80, 24) ==
        "wg0  1 of 2 peers up  1970-01-01 00:00:00Z  q ends\n"
        "\n"
        "● alice  192.0.2.1:51820    up  1.2 ms\n"
        "\n"
        "● bob    198.51.100.7:4500  silent for 20 s\n"
        "    → Look at the firewall.\n");
  const std::string painted = watch_screen(status, Rates{}, 0, Console::Colours::ansi, 80, 24);
  CHECK(painted.find("\x1b[32m● \x1b[0m\x1b[1malice") != std::string::npos);
  CHECK(painted.find("\x1b[31m● \x1b[0m\x1b[1mbob") != std::string::npos);
}
