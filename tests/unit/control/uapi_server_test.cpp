// SPDX-License-Identifier: MIT
// Server and clients run in this one thread: `run_until` lets the server work until something is true. The bound on its
// time is for a broken server; nothing here measures.
#include "uapi_server.hpp"

#include <dirent.h>
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <array>
#include <asio/io_context.hpp>
#include <deque>

#include "uapi_support.hpp"

using namespace culvert;
using namespace culvert::control;
using namespace culvert::control::test;

namespace {

using namespace std::chrono_literals;

constexpr auto kNever = 1h;  // a timeout that no test lives to see

struct Fixture {
  TemporaryDirectory directory;
  std::string path = directory / "wg0.sock";
  asio::io_context context;
  ModelDevice device;
  std::vector<std::string> troubles;
  std::unique_ptr<UapiServer> server;

  explicit Fixture(UapiServerOptions options = {.timeout = kNever}) {
    auto socket = UapiSocket::open(path);
    if (!socket) FAIL(socket.error().text);
    server = std::make_unique<UapiServer>(
        context, device, std::move(*socket),
        UapiEvents{.trouble = [this](std::string_view text) { troubles.emplace_back(text); }}, std::move(options));
  }

  template <class Condition>
  [[nodiscard]] bool run_until(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + 30s;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      context.restart();
      context.run_one_for(10ms);
    }
    return true;
  }
  /// Lets all that is ready now happen.
  void settle() {
    context.restart();
    while (context.poll() > 0) context.restart();
  }
  void send_all(TestClient& client, std::string_view text) {
    REQUIRE(run_until([&] {
      text.remove_prefix(client.send(text));
      return text.empty();
    }));
  }
  [[nodiscard]] std::string reply_to(TestClient& client, std::string_view text) {
    send_all(client, text);
    REQUIRE(run_until([&] {
      client.receive();
      return client.received().ends_with("\n\n") || client.ended();
    }));
    return client.take();
  }
  [[nodiscard]] bool ends(TestClient& client) {
    return run_until([&] {
      client.receive();
      return client.ended();
    });
  }
};

std::size_t open_descriptors() {
  std::size_t n = 0;
  DIR* const directory = ::opendir("/proc/self/fd");
  REQUIRE(directory != nullptr);
  while (::readdir(directory) != nullptr) ++n;
  ::closedir(directory);
  return n;
}

const std::string kKey(64, 'a');

/// A device whose description is larger than a socket takes in at once.
void fill(ModelDevice& device, std::size_t prefixes) {
  SetRequest request;
  PeerChange& peer = request.peers.emplace_back();
  peer.public_key.octets.fill(1);
  for (std::size_t i = 0; i < prefixes; ++i) {
    Prefix prefix{.address = {.family = Family::v6, .octets = {0x20, 0x01}}, .length = 64};
    prefix.address.octets[6] = static_cast<std::uint8_t>(i >> 8);
    prefix.address.octets[7] = static_cast<std::uint8_t>(i);
    prefix.address.octets[5] = static_cast<std::uint8_t>(i >> 16);
    peer.allowed_ips.push_back({.prefix = prefix});
  }
  REQUIRE(device.apply(std::move(request)));
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "set and get work over one connection, and a set's reply holds nothing else") {
  TestClient client(path);
  CHECK(reply_to(client, "set=1\nlisten_port=5\n\n") == "errno=0\n\n");
  CHECK(reply_to(client, "get=1\n\n") == "listen_port=5\nerrno=0\n\n");
  CHECK(reply_to(client, "set=1\nlisten_port=0\n\n") == "errno=0\n\n");
  CHECK(reply_to(client, "get=1\n\n") == "errno=0\n\n");
  CHECK(server->clients() == 1);
}

TEST_CASE_FIXTURE(Fixture, "operations that arrive all at once are answered in their order") {
  TestClient client(path);
  std::string all, expected;
  for (int i = 1; i <= 200; ++i) {
    all += "set=1\nfwmark=" + std::to_string(i) + "\n\nget=1\n\n";
    expected += "errno=0\n\nfwmark=" + std::to_string(i) + "\nerrno=0\n\n";
  }
  send_all(client, all);
  CHECK(run_until([&] {
    client.receive();
    return client.received().size() >= expected.size();
  }));
  CHECK(client.received() == expected);
}

TEST_CASE_FIXTURE(Fixture, "one octet at a time is enough while the timeout lasts") {
  TestClient client(path);
  for (const char octet : std::string("set=1\nlisten_port=77\n\n")) {
    send_all(client, std::string(1, octet));
    settle();
  }
  CHECK(reply_to(client, "") == "errno=0\n\n");
  CHECK(device.listen_port() == 77);
}

TEST_CASE_FIXTURE(Fixture, "nothing of a request with one bad line reaches the device") {
  TestClient client(path);
  CHECK(reply_to(client, "set=1\nlisten_port=9\npublic_key=" + kKey + "\nallowed_ip=10.0.0.0/40\n\n") ==
        "errno=-22\n\n");
  CHECK(device.applied == 0);
  REQUIRE(troubles.size() == 1);
  CHECK(troubles[0] == "UAPI: refused: line 4, allowed_ip: not a numeric IP/CIDR");
  // The connection goes on at the next operation.
  CHECK(reply_to(client, "get=1\n\n") == "errno=0\n\n");
}

TEST_CASE_FIXTURE(Fixture, "the device's own errors come out negative") {
  device.refuse_with = EADDRINUSE;
  TestClient client(path);
  CHECK(reply_to(client, "set=1\nlisten_port=9\n\n") == "errno=-98\n\n");
  CHECK(troubles == std::vector<std::string>{"UAPI: refused: refused by the test"});
}

TEST_CASE_FIXTURE(Fixture, "an error of get comes out positive") {
  TestClient client(path);
  CHECK(reply_to(client, "get=1\nlisten_port=1\n\n") == "errno=22\n\n");
  CHECK(reply_to(client, "get=1\n\n") == "errno=0\n\n");
}

TEST_CASE_FIXTURE(Fixture, "a first line that is neither get nor set ends the connection") {
  TestClient client(path);
  CHECK(reply_to(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n") == "errno=71\n\n");
  CHECK(ends(client));
  CHECK(server->clients() == 0);
}

TEST_CASE_FIXTURE(Fixture, "a client that says nothing more still gets its replies") {
  TestClient client(path);
  send_all(client, "get=1\n\nset=1\nlisten_port=3\n\n");
  client.shut_down_sending();
  CHECK(ends(client));
  CHECK(client.received() == "errno=0\n\nerrno=0\n\n");
  CHECK(device.listen_port() == 3);
}

TEST_CASE_FIXTURE(Fixture, "an operation that is cut short is refused, not applied") {
  for (const std::string text : {"set=1\nlisten_port=3\n", "set=1\nlisten_port=3", "set=1\n"}) {
    CAPTURE(text);
    TestClient client(path);
    send_all(client, text);
    client.shut_down_sending();
    CHECK(ends(client));
    CHECK(client.received() == "errno=-71\n\n");
  }
  CHECK(device.applied == 0);
}

TEST_CASE_FIXTURE(Fixture, "a client that connects and leaves, as wg does to see who is there, is no trouble") {
  for (int i = 0; i < 100; ++i) {
    { const TestClient client(path); }
    settle();
  }
  CHECK(run_until([&] { return server->clients() == 0; }));
  CHECK(troubles.empty());
}

TEST_CASE_FIXTURE(Fixture, "a large reply leaves in pieces, as fast as it is read") {
  fill(device, 20000);
  TestClient client(path);
  const std::string reply = reply_to(client, "get=1\n\nget=1\n\n");
  CHECK(reply.size() > 500000);
  CHECK(reply.starts_with("public_key="));
  CHECK(reply.ends_with("errno=0\n\n"));
}

TEST_CASE_FIXTURE(Fixture, "a line without an end is cut off after its limit") {
  TestClient client(path);
  const std::string line(1000000, 'x');
  std::size_t sent = client.send("set=1\n");
  CHECK(run_until([&] {
    sent += client.send(line);
    client.receive();
    return client.broken() && client.ended();
  }));
  CHECK(sent < 2000000);
  CHECK(client.received() == "errno=-90\n\n");
  CHECK(server->clients() == 0);
}

TEST_CASE("an operation over its limit is cut off") {
  Fixture fixture({.timeout = kNever, .limits = {.operation_octets = 1000}});
  TestClient client(fixture.path);
  std::string text = "set=1\n";
  while (text.size() <= 1000) text += "listen_port=1\n";
  CHECK(fixture.reply_to(client, text + "\n") == "errno=-90\n\n");
  CHECK(fixture.ends(client));
  CHECK(fixture.device.applied == 0);
}

TEST_CASE("an idle client is closed after the timeout, without a word") {
  Fixture fixture({.timeout = 20ms});
  TestClient client(fixture.path);
  CHECK(fixture.ends(client));
  CHECK(client.received().empty());
  CHECK(fixture.troubles.empty());
}

TEST_CASE("a client that goes on sending without an end does not hold its place longer") {
  Fixture fixture({.timeout = 50ms});
  TestClient client(fixture.path);
  const std::string text = "set=1\n";
  client.send(text);
  CHECK(fixture.run_until([&] {
    client.send("fwmark=1\n");
    client.receive();
    return client.ended();
  }));
  CHECK(fixture.troubles == std::vector<std::string>{"UAPI: client cut off: its operation did not end in time"});
  CHECK(fixture.device.applied == 0);
}

TEST_CASE("a client that never reads its reply is cut off, and others are served meanwhile") {
  Fixture fixture({.timeout = 100ms});
  fill(fixture.device, 20000);
  TestClient deaf(fixture.path);
  for (int i = 0; i < 10; ++i) deaf.send("get=1\n\n");
  CHECK(fixture.run_until([&] { return fixture.device.asked == 1; }));
  TestClient other(fixture.path);
  CHECK(fixture.reply_to(other, "set=1\nlisten_port=4\n\n") == "errno=0\n\n");
  CHECK(fixture.run_until([&] { return fixture.server->clients() == 0; }));
  CHECK(fixture.device.asked == 1);
  CHECK(fixture.troubles.size() == 1);
}

TEST_CASE("a thousand idle clients make room for one that speaks") {
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 4096);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
  // Nothing but eviction frees a place here.
  Fixture fixture({.max_clients = 16, .timeout = kNever});
  std::deque<TestClient> idle;
  while (idle.size() < 1000) {
    if (idle.emplace_back(fixture.path).error() != 0) idle.pop_back();
    fixture.settle();
    CHECK(fixture.server->clients() <= 16);
  }
  TestClient speaker(fixture.path);
  CHECK(fixture.reply_to(speaker, "get=1\n\n") == "errno=0\n\n");
  CHECK(fixture.server->clients() <= 16);
  // The oldest went first.
  idle.front().receive();
  CHECK(idle.front().ended());
  idle.back().receive();
  CHECK(!idle.back().ended());
}

TEST_CASE("clients stuck in the middle of an operation make room as well") {
  Fixture fixture({.max_clients = 4, .timeout = kNever});
  std::deque<TestClient> stuck;
  for (int i = 0; i < 4; ++i) {
    stuck.emplace_back(fixture.path).send("set=1\n");
    fixture.settle();
  }
  TestClient speaker(fixture.path);
  CHECK(fixture.reply_to(speaker, "get=1\n\n") == "errno=0\n\n");
  stuck.front().receive();
  CHECK(stuck.front().ended());
  stuck.back().receive();
  CHECK(!stuck.back().ended());
}

TEST_CASE("a client whose words are there but not read yet keeps its place") {
  Fixture fixture({.max_clients = 1, .timeout = kNever});
  TestClient first(fixture.path);
  fixture.settle();
  // Older than any client that is spared for its youth.
  const auto end = std::chrono::steady_clock::now() + 510ms;
  REQUIRE(fixture.run_until([&] { return std::chrono::steady_clock::now() > end; }));
  TestClient second(fixture.path);
  first.send("get=1\n\n");
  CHECK(fixture.reply_to(first, "") == "errno=0\n\n");
  CHECK(fixture.reply_to(second, "get=1\n\n") == "errno=0\n\n");
}

TEST_CASE("more clients than places are all answered when they speak") {
  Fixture fixture({.max_clients = 2, .timeout = kNever});
  std::deque<TestClient> clients;
  for (int i = 0; i < 40; ++i) clients.emplace_back(fixture.path).send("get=1\n\n");
  for (TestClient& client : clients) CHECK(fixture.reply_to(client, "") == "errno=0\n\n");
}

TEST_CASE("a client of another user is turned away") {
  Fixture fixture({.timeout = kNever, .allowed_users = {}});
  TestClient client(fixture.path);
  client.send("get=1\n\n");
  CHECK(fixture.ends(client));
  CHECK(client.received().empty());
  CHECK(fixture.device.asked == 0);
  REQUIRE(fixture.troubles.size() == 1);
  CHECK(fixture.troubles[0] == "UAPI: turned away a client of user " + std::to_string(::geteuid()));
}

TEST_CASE("by default root and our own user are let in") {
  const UapiServerOptions options;
  CHECK(options.allowed_users == std::vector<uid_t>{0, ::geteuid()});
  CHECK(options.max_clients == 16);
  CHECK(options.timeout == 5s);
  CHECK(options.limits.line_octets == 4096);
  CHECK(options.limits.operation_octets == 64u * 1024 * 1024);
}

TEST_CASE("without a free descriptor a client waits, and is served once there is one") {
  Fixture fixture;
  TestClient first(fixture.path);
  CHECK(fixture.reply_to(first, "get=1\n\n") == "errno=0\n\n");
  TestClient second(fixture.path);
  std::vector<io::UniqueFd> hoard;
  while (true) {
    io::UniqueFd fd(::dup(0));
    if (!fd) break;
    hoard.push_back(std::move(fd));
  }
  fixture.settle();
  // The idle first client had to give its descriptor for the second.
  CHECK(fixture.reply_to(second, "get=1\n\n") == "errno=0\n\n");
  first.receive();
  CHECK(first.ended());
  CHECK(!fixture.troubles.empty());
}

TEST_CASE("ten thousand connections leave no descriptor behind") {
  Fixture fixture;
  { TestClient warm_up(fixture.path); }
  fixture.settle();
  const std::size_t before = open_descriptors();
  for (int i = 0; i < 10000; ++i) {
    TestClient client(fixture.path);
    if (i % 2 == 0) client.send("get=1\n\n");
    if (i % 3 == 0) client.send("set=1\n");
    fixture.settle();
  }
  CHECK(fixture.run_until([&] { return fixture.server->clients() == 0; }));
  CHECK(open_descriptors() == before);
}

TEST_CASE("a connection that was open before is served without a time limit, also when all places are taken") {
  Fixture fixture({.max_clients = 1, .timeout = 20ms, .allowed_users = {}});
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
  const io::UniqueFd ours(ends[0]);
  fixture.server->serve(io::UniqueFd(ends[1]));
  const auto answer = [&](std::string_view request) {
    REQUIRE(::send(ours.get(), request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size()));
    std::array<char, 4096> buffer;
    ssize_t got = 0;
    REQUIRE(fixture.run_until([&] { return (got = ::recv(ours.get(), buffer.data(), buffer.size(), 0)) >= 0; }));
    return std::string(buffer.data(), static_cast<std::size_t>(got));
  };
  CHECK(answer("set=1\nlisten_port=7\n\n") == "errno=0\n\n");
  for (int i = 0; i < 10; ++i) fixture.context.run_one_for(10ms);  // longer than anybody else may take
  CHECK(answer("set=1\nlisten_port=8\n\n") == "errno=0\n\n");
  CHECK(fixture.device.listen_port() == 8);
  fixture.server->close();
  std::array<char, 8> rest;
  CHECK(::recv(ours.get(), rest.data(), rest.size(), 0) == 0);
}

TEST_CASE_FIXTURE(Fixture, "the end of the server closes its clients and removes its file") {
  TestClient idle(path), busy(path), deaf(path);
  fill(device, 20000);
  busy.send("set=1\nlisten_port=1\n");
  deaf.send("get=1\n\n");
  settle();
  server.reset();
  settle();
  for (TestClient* client : {&idle, &busy, &deaf}) {
    client->receive();
    CHECK(client->ended());
  }
  CHECK(!std::filesystem::exists(path));
  CHECK(TestClient(path).error() == ENOENT);
}

TEST_CASE_FIXTURE(Fixture, "a callback may end the server") {
  UapiEvents events{.trouble = [this](std::string_view) { server.reset(); }};
  auto socket = UapiSocket::open(directory / "second.sock");
  REQUIRE(socket);
  server =
      std::make_unique<UapiServer>(context, device, std::move(*socket), events, UapiServerOptions{.timeout = kNever});
  TestClient client(directory / "second.sock");
  client.send("set=1\nnonsense\n\n");
  CHECK(run_until([&] { return server == nullptr; }));
  settle();
}
