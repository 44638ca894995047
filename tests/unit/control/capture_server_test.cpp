// SPDX-License-Identifier: MIT
#include "capture_server.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <vector>

#include "capture_words.hpp"
#include "peer.hpp"

using namespace culvert;
using namespace culvert::control;

namespace {

constexpr PeerId kAlice{1, 1}, kBob{2, 1};

Peer make_peer(PeerId id, std::string name, std::uint8_t key) {
  Peer peer;
  peer.id = id;
  peer.name = std::move(name);
  peer.public_key.octets.fill(key);
  return peer;
}

/// A server in a folder of its own, and an engine that has two peers and one lane.
struct Serving {
  explicit Serving(Callers callers = root_and_own_user()) {
    char pattern[] = "/tmp/culvert-capture-XXXXXX";
    folder = ::mkdtemp(pattern);
    path = folder + "/run/test.capture";
    auto socket = UapiSocket::open(path);
    REQUIRE(socket);
    server = std::make_unique<CaptureServer>(
        context, std::move(*socket), "wg0",
        CaptureCalls{.start = [this](engine::CaptureWish wish) -> engine::Capture& {
                       return capture.emplace(1, std::move(wish));
                     },
                     .end = [this] { capture.reset(); },
                     .peer = [this](PeerId id) { return id == kAlice ? &alice
                                                        : id == kBob ? &bob
                                                                     : nullptr; },
                     .snapshot =
                         [this] {
                           DeviceSnapshot shot;
                           for (const Peer* peer : {&alice, &bob}) {
                             PeerSnapshot& one = shot.peers.emplace_back();
                             one.public_key = peer->public_key;
                             one.name = peer->name;
                           }
                           return shot;
                         },
                     .note = [this](std::string_view) { ++notes; }},
        std::move(callers));
  }
  ~Serving() {
    server.reset();
    context.poll();
    ::rmdir((folder + "/run").c_str());
    ::rmdir(folder.c_str());
  }
  void run() {
    context.restart();
    context.poll();
  }
  [[nodiscard]] io::UniqueFd connect(const std::string& request) {
    io::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path.copy(name.sun_path, sizeof name.sun_path - 1);
    REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
    (void)::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
    run();
    run();
    return fd;
  }
  void leave(PeerId peer, std::size_t size, std::uint8_t fill = 0x45) {
    REQUIRE(capture);
    capture->tap(0)->take(peer, Way::in, Instant(std::chrono::hours(1)), std::vector<std::uint8_t>(size, fill));
  }

  Peer alice = make_peer(kAlice, "alice", 0x11), bob = make_peer(kBob, "bob", 0x22);
  int notes = 0;
  std::string folder, path;
  asio::io_context context{1};
  std::optional<engine::Capture> capture;
  std::unique_ptr<CaptureServer> server;
};

/// What a client read, in words.
struct Heard {
  std::vector<std::string> words;
  std::uint64_t packets = 0, octets = 0;
  std::optional<piece::Counts> counts;
  std::string secrets;
  bool closed = false;
};

struct Ear {
  PieceReader reader;

  void listen(const io::UniqueFd& fd, Heard& heard) {
    for (;;) {
      const std::span<char> room = reader.room();
      const ssize_t n = ::recv(fd.get(), room.data(), room.size(), 0);
      if (n == 0) heard.closed = true;
      if (n <= 0) return;
      reader.filled(static_cast<std::size_t>(n));
      for (auto piece = reader.next(); piece && *piece; piece = reader.next()) take(**piece, heard);
    }
  }
  static void take(const Piece& piece, Heard& heard) {
    if (const auto* begun = std::get_if<piece::Begun>(&piece)) heard.words.emplace_back(begun->interface);
    if (const auto* refused = std::get_if<piece::Refused>(&piece)) heard.words.emplace_back(refused->why);
    if (const auto* peer = std::get_if<piece::Peer>(&piece)) heard.words.emplace_back(peer->name);
    if (const auto* secrets = std::get_if<piece::Secrets>(&piece)) heard.secrets += secrets->lines;
    if (const auto* counts = std::get_if<piece::Counts>(&piece)) heard.counts = *counts;
    if (const auto* packet = std::get_if<piece::Packet>(&piece)) {
      ++heard.packets;
      heard.octets += packet->octets.size();
    }
  }
};

Heard hear(Serving& serving, const io::UniqueFd& fd) {
  Heard heard;
  Ear ear;
  for (int i = 0; i < 4; ++i) {
    ear.listen(fd, heard);
    serving.run();
  }
  return heard;
}

}  // namespace

TEST_CASE("a client gets the packets of all peers, each introduced once, and the counts when it has enough") {
  Serving serving;
  const io::UniqueFd fd = serving.connect("{}\n");
  REQUIRE(serving.capture);
  serving.leave(kAlice, 100);
  serving.leave(kBob, 60);
  serving.leave(kAlice, 40);
  serving.server->captured();
  serving.run();
  serving.leave(kAlice, 1);  // nobody was woken for this one yet
  ::shutdown(fd.get(), SHUT_WR);
  serving.run();
  const Heard heard = hear(serving, fd);
  CHECK(heard.words == std::vector<std::string>{"wg0", "alice", "bob"});
  CHECK(heard.packets == 4);
  CHECK(heard.octets == 201);
  REQUIRE(heard.counts);
  CHECK(heard.counts->sent == 4);
  CHECK(heard.counts->left_out == 0);
  CHECK(heard.closed);
  CHECK_FALSE(serving.capture);
  CHECK(serving.notes == 2);
}

TEST_CASE("peers are chosen by name or key, and one that does not exist is named") {
  Serving serving;
  const io::UniqueFd some =
      serving.connect("{\"peers\":[\"bob\",\"" + to_base64(serving.alice.public_key) + "\"],\"snap\":64}\n");
  REQUIRE(serving.capture);
  CHECK(serving.capture->wish().peers == std::vector<PublicKey>{serving.bob.public_key, serving.alice.public_key});
  CHECK(serving.capture->wish().snap == 64);
  serving.leave(kBob, 100);
  serving.server->captured();
  CHECK(hear(serving, some).octets == 64);

  Serving other;
  const io::UniqueFd none = other.connect("{\"peers\":[\"carol\"]}\n");
  const Heard heard = hear(other, none);
  REQUIRE(heard.words.size() == 1);
  CHECK(heard.words[0] == "wg0 has no peer of the name or key carol");
  CHECK(heard.closed);
  CHECK_FALSE(other.capture);
}

TEST_CASE("one captures at a time, and a place is free when it has gone") {
  Serving serving;
  io::UniqueFd first = serving.connect("{}\n");
  const io::UniqueFd second = serving.connect("{}\n");
  const Heard refused = hear(serving, second);
  REQUIRE(refused.words.size() == 1);
  CHECK(refused.words[0].find("somebody else captures") == 0);
  CHECK(serving.capture);
  first.reset();
  serving.run();
  serving.run();
  CHECK_FALSE(serving.capture);
  const io::UniqueFd third = serving.connect("{}\n");
  CHECK(serving.capture);
}

TEST_CASE("what is no request starts nothing, and others' users are not let in") {
  Serving serving;
  const Heard heard = hear(serving, serving.connect("tell me\n"));
  CHECK(heard.closed);
  CHECK(heard.words.size() == 1);
  CHECK_FALSE(serving.capture);

  Serving strict(Callers{::geteuid() + 1});
  const Heard nothing = hear(strict, strict.connect("{}\n"));
  CHECK(nothing.closed);
  CHECK(nothing.words.empty());
  CHECK_FALSE(strict.capture);
}

TEST_CASE("a reader that is slow loses packets, is told how many, and gets all others") {
  Serving serving;
  const io::UniqueFd fd = serving.connect("{}\n");
  REQUIRE(serving.capture);
  constexpr std::uint64_t kSent = 10'000;
  for (std::uint64_t i = 0; i < kSent; ++i) {
    serving.leave(kAlice, 1400);
    if (i % 16 == 0) {
      serving.server->captured();
      serving.run();
    }
  }
  ::shutdown(fd.get(), SHUT_WR);
  Heard heard;
  Ear ear;
  for (int i = 0; i < 200 && !heard.closed; ++i) {
    ear.listen(fd, heard);
    serving.run();
  }
  REQUIRE(heard.counts);
  CHECK(heard.counts->left_out > 1000);
  CHECK(heard.counts->sent + heard.counts->left_out == kSent);
  CHECK(heard.packets == heard.counts->sent);
  CHECK(heard.closed);
}

TEST_CASE("without leave from the configuration no secret is told, and a wish for them is refused") {
  Serving serving;
  const PrivateKey ephemeral;
  const Heard refused = hear(serving, serving.connect("{\"keys\":true}\n"));
  REQUIRE(refused.words.size() == 1);
  CHECK(refused.words[0].find("the configuration allows no key log") == 0);
  CHECK(refused.closed);
  CHECK_FALSE(serving.capture);

  serving.server->set_key_log(KeyLog::allowed);
  const io::UniqueFd without = serving.connect("{}\n");  // who does not ask is told none
  REQUIRE(serving.capture);
  CHECK(serving.capture->wish().secrets == engine::CaptureWish::Secrets::kept);
  serving.server->tell({serving.alice, ephemeral});
  CHECK(hear(serving, without).secrets.empty());
}

TEST_CASE("a key log has what Wireshark reads, and ends with the leave for it") {
  Serving serving;
  serving.server->set_key_log(KeyLog::allowed);
  const io::UniqueFd fd = serving.connect("{\"keys\":true}\n");
  REQUIRE(serving.capture);
  CHECK(serving.capture->wish().secrets == engine::CaptureWish::Secrets::told);
  PrivateKey ephemeral;
  std::fill(ephemeral.secret.bytes().begin(), ephemeral.secret.bytes().end(), std::uint8_t{0x33});
  auto& preshared = serving.bob.preshared_key.secret;
  std::fill(preshared.bytes().begin(), preshared.bytes().end(), std::uint8_t{0x44});
  serving.server->tell({serving.alice, ephemeral});
  serving.server->tell({serving.bob, ephemeral});
  CHECK(hear(serving, fd).secrets ==
        "REMOTE_STATIC_PUBLIC_KEY = ERERERERERERERERERERERERERERERERERERERERERE=\n"
        "LOCAL_EPHEMERAL_PRIVATE_KEY = MzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzM=\n"
        "REMOTE_STATIC_PUBLIC_KEY = IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI=\n"
        "LOCAL_EPHEMERAL_PRIVATE_KEY = MzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzM=\n"
        "PRESHARED_KEY = REREREREREREREREREREREREREREREREREREREREREQ=\n");
  serving.server->set_key_log(KeyLog::forbidden);
  serving.run();
  CHECK_FALSE(serving.capture);
  CHECK(hear(serving, fd).closed);
}
