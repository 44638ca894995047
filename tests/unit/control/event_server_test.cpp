// SPDX-License-Identifier: MIT
#include "event_server.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <asio/io_context.hpp>
#include <nlohmann/json.hpp>
#include <vector>

using namespace culvert;
using namespace culvert::control;
using nlohmann::json;

namespace {

const Now kStart{Instant(std::chrono::hours(1)), {1'700'000'000, 250'000'000}};

/// A server in a folder of its own; its context is run by the test, on the test's thread.
struct Serving {
  Serving() {
    char pattern[] = "/tmp/culvert-events-XXXXXX";
    folder = ::mkdtemp(pattern);
    path = folder + "/run/test.events";
    auto socket = UapiSocket::open(path);
    REQUIRE(socket);
    server = std::make_unique<EventServer>(context, std::move(*socket), "wg0");
  }
  ~Serving() {
    server.reset();
    context.poll();
    ::rmdir((folder + "/run").c_str());
    ::rmdir(folder.c_str());
  }
  /// Connected, and its first line taken.
  [[nodiscard]] io::UniqueFd connect() {
    io::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path.copy(name.sun_path, sizeof name.sun_path - 1);
    REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
    run();
    return fd;
  }
  void run() {
    context.restart();
    context.poll();
  }

  std::string folder, path;
  asio::io_context context{1};
  std::unique_ptr<EventServer> server;
};

std::string read_all(const io::UniqueFd& fd) {
  std::string all;
  char part[65536];
  for (ssize_t n = 0; (n = ::read(fd.get(), part, sizeof part)) > 0;) all.append(part, static_cast<std::size_t>(n));
  return all;
}

std::vector<json> lines_of(const std::string& text) {
  std::vector<json> lines;
  std::size_t from = 0;
  for (std::size_t to = 0; (to = text.find('\n', from)) != std::string::npos; from = to + 1)
    lines.push_back(json::parse(text.substr(from, to - from)));
  CHECK(from == text.size());
  return lines;
}

Event refused(Drop drop) {
  return {.kind = Event::Kind::refused, .drop = drop, .endpoint = parse_endpoint("192.0.2.9:999")};
}

}  // namespace

TEST_CASE("a reader gets what happens after it came, a line of JSON each, in order") {
  Serving serving;
  serving.server->tell(kStart, "link", "up");
  const io::UniqueFd reader = serving.connect();
  Peer peer;
  peer.public_key.octets.fill(0x22);
  serving.server->tell(
      kStart, {.kind = Event::Kind::response_received, .endpoint = parse_endpoint("192.0.2.1:51820"), .news = true},
      &peer);
  serving.server->tell(kStart, {.kind = Event::Kind::response_received}, &peer);
  serving.server->tell(kStart, {.kind = Event::Kind::keepalive_sent}, &peer);
  serving.server->tell(kStart, "link", "down");
  serving.run();
  const auto lines = lines_of(read_all(reader));
  REQUIRE(lines.size() == 4);
  CHECK(lines[0] == json({{"interface", "wg0"}, {"event", "begin"}}));
  CHECK(lines[1]["event"] == "peer_up");
  CHECK(lines[1]["time"] == 1'700'000'000.25);
  CHECK(lines[1]["interface"] == "wg0");
  CHECK(lines[1]["publicKey"] == "IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI=");
  CHECK(lines[1]["endpoint"] == "192.0.2.1:51820");
  CHECK(lines[2]["event"] == "rekey");
  CHECK(lines[3]["event"] == "link");
  CHECK(lines[3]["detail"] == "down");
}

TEST_CASE("a refused handshake tells its reason, who sent it and the key that it showed") {
  Serving serving;
  const io::UniqueFd reader = serving.connect();
  Event event = refused(Drop::unknown_peer);
  event.key.emplace().octets.fill(0x44);
  serving.server->tell(kStart, event, nullptr);
  serving.run();
  const auto lines = lines_of(read_all(reader));
  REQUIRE(lines.size() == 2);
  CHECK(lines[1]["event"] == "handshake_refused");
  CHECK(lines[1]["reason"] == "unknown_peer");
  CHECK(lines[1]["endpoint"] == "192.0.2.9:999");
  CHECK(lines[1]["publicKey"] == "REREREREREREREREREREREREREREREREREREREREREQ=");
}

TEST_CASE("a flood of refused handshakes makes three lines a second, and then how many were left out") {
  Serving serving;
  const io::UniqueFd reader = serving.connect();
  for (int i = 0; i < 100'000; ++i) serving.server->tell(kStart, refused(Drop::bad_mac1), nullptr);
  serving.server->tell({kStart.mono + std::chrono::seconds(1), kStart.wall}, refused(Drop::bad_mac1), nullptr);
  serving.run();
  const auto lines = lines_of(read_all(reader));
  REQUIRE(lines.size() == 6);
  CHECK(lines[4]["event"] == "left_out");
  CHECK(lines[4]["detail"] == "99997 events of reason bad_mac1");
  CHECK(lines[5]["event"] == "handshake_refused");
}

TEST_CASE("a peer that moves without end makes three lines a second, and hides no move of another") {
  Serving serving;
  const io::UniqueFd reader = serving.connect();
  const auto move = [&](std::uint32_t slot, std::chrono::milliseconds after) {
    serving.server->tell({kStart.mono + after, kStart.wall},
                         {.kind = Event::Kind::endpoint_moved, .peer = PeerId{slot, 1}, .detail = 1}, nullptr);
  };
  for (int i = 0; i < 10'000; ++i) move(0, std::chrono::milliseconds(0));
  move(1, std::chrono::milliseconds(999));
  move(0, std::chrono::milliseconds(1000));
  serving.run();
  const auto lines = lines_of(read_all(reader));
  REQUIRE(lines.size() == 1 + 3 + 2 + 1);
  CHECK(lines[4]["event"] == "left_out");
  CHECK(lines[4]["detail"] == "9997 events of kind endpoint_moved");
  for (const std::size_t i : {1u, 2u, 3u, 5u, 6u}) CHECK(lines[i]["event"] == "endpoint_moved");
}

TEST_CASE("a reader that does not read is cut off with a last line, and others go on") {
  Serving serving;
  const io::UniqueFd slow = serving.connect();
  const io::UniqueFd quick = serving.connect();
  std::string got;
  for (int i = 0; i < 20'000; ++i) {
    serving.server->tell(kStart, "link", "up");
    serving.run();
    if (i % 100 == 0) got += read_all(quick);
  }
  got += read_all(quick);
  CHECK(lines_of(got).size() == 20'001);
  std::string late = read_all(slow);
  serving.run();
  late += read_all(slow);
  const auto lines = lines_of(late);
  CHECK(lines.size() < 20'001);
  CHECK(lines.back()["event"] == "cut");
}

TEST_CASE("the seventeenth reader is turned away, and a place is free again when one has left") {
  Serving serving;
  std::vector<io::UniqueFd> readers;
  for (int i = 0; i < 16; ++i) readers.push_back(serving.connect());
  const io::UniqueFd one_more = serving.connect();
  char octet = 0;
  CHECK(::read(one_more.get(), &octet, 1) == 0);
  readers.pop_back();
  serving.run();
  const io::UniqueFd next = serving.connect();
  CHECK(lines_of(read_all(next)).size() == 1);
}

TEST_CASE("a reload tells how many peers came, went and changed; a refused one why") {
  Serving serving;
  const io::UniqueFd reader = serving.connect();
  serving.server->tell(kStart, ReloadNews{.peers_added = 2, .peers_changed = 1, .other_keys = 3, .text = "+ peer a"});
  serving.server->tell(kStart, ReloadNews{.outcome = ReloadNews::Outcome::refused, .text = "no such file"});
  serving.run();
  const auto lines = lines_of(read_all(reader));
  REQUIRE(lines.size() == 3);
  CHECK(lines[1] == json({{"time", 1'700'000'000.25},
                          {"interface", "wg0"},
                          {"event", "reload"},
                          {"outcome", "done"},
                          {"peersAdded", 2},
                          {"peersRemoved", 0},
                          {"peersChanged", 1},
                          {"otherKeysChanged", 3},
                          {"text", "+ peer a"}}));
  CHECK(lines[2]["outcome"] == "refused");
  CHECK(lines[2]["text"] == "no such file");
  CHECK_FALSE(lines[2].contains("peersAdded"));
}

TEST_CASE("an offload that the kernel refused is told as a fallback") {
  const auto line =
      format_event("wg0", kStart.wall, engine::Notice{.kind = engine::Notice::Kind::segmentation_off, .error = EIO});
  REQUIRE(line);
  const json event = json::parse(*line);
  CHECK(event["event"] == "fallback");
  CHECK(event["what"] == "segmentation");
  CHECK_FALSE(format_event("wg0", kStart.wall, engine::Notice{.kind = engine::Notice::Kind::interface_gone}));
}

TEST_CASE("a flood is told when the kernel holds it back, when it is over, and when the kernel refuses") {
  using Kind = engine::Notice::Kind;
  const auto told = [](const engine::Notice& notice) {
    const auto line = format_event("wg0", kStart.wall, notice);
    REQUIRE(line);
    return json::parse(*line);
  };
  CHECK(told({.kind = Kind::flood_thinned, .senders = 250})["event"] == "flood");
  CHECK(told({.kind = Kind::flood_thinned, .senders = 250})["senders"] == 250);
  CHECK(told({.kind = Kind::flood_over})["event"] == "flood_over");
  CHECK(told({.kind = Kind::thinning_refused, .error = ENOMEM})["what"] == "flood_thinning");
}
