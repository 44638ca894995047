// SPDX-License-Identifier: MIT
// Both ends of the request pair in one process: the packet half's calls on a thread, the host half's server here, over
// a real pair, with sockets that are pipes.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <thread>

#include "half_channel.hpp"
#include "host_requests.hpp"
#include "request_server.hpp"

using namespace culvert;
using namespace culvert::daemon;

namespace {

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator files("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

io::UniqueFd some_descriptor() { return io::UniqueFd(::dup(0)); }

struct Thinned {
  int socket = -1;
  Family family = Family::v4;
  std::uint32_t mix = 0;
  unsigned share = 0;
  std::vector<std::uint32_t> senders;
};

struct Host {
  std::vector<io::UdpOptions> opened;
  std::vector<std::uint32_t> marks;
  std::vector<int> buffers;
  std::vector<Thinned> thinned;
  std::array<int, 2> controls{-1, -1};  // of the sockets opened last
  int refuse_with = 0;
  bool lacks_v6 = false;

  [[nodiscard]] RequestCalls calls() {
    return {.open_udp = [this](const io::UdpOptions& options) { return open(options); },
            .set_mark = [this](const io::Outside&, std::uint32_t mark) -> Result<void, io::SystemError> {
              marks.push_back(mark);
              if (refuse_with != 0) return Err{io::SystemError{refuse_with, "set SO_MARK"}};
              return {};
            },
            .set_buffers = [this](const io::Outside&, int octets) { buffers.push_back(octets); },
            .thin = [this](int socket, const io::Thinning& thinning) -> Result<void, io::SystemError> {
              thinned.push_back({socket,
                                 thinning.family,
                                 thinning.mix,
                                 thinning.share,
                                 {thinning.senders.begin(), thinning.senders.end()}});
              if (refuse_with != 0) return Err{io::SystemError{refuse_with, "attach the thinning filter"}};
              return {};
            },
            .scope_index = [](std::string_view name) -> std::uint32_t { return name == "eth0" ? 7 : 0; },
            .link_drops = [] { return std::uint64_t{1} << 40; }};
  }
  Result<io::Outside, io::SystemError> open(const io::UdpOptions& options) {
    opened.push_back(options);
    if (refuse_with != 0) return Err{io::SystemError{refuse_with, "bind UDP port 7"}};
    io::Outside outside;
    outside.port = options.port != 0 ? options.port : 4242;
    for (const Family family : {Family::v4, Family::v6}) {
      if (family == Family::v6 && lacks_v6) continue;
      io::UdpGroup group;
      group.family = family;
      group.port = outside.port;
      group.offloads = {.gso = family == Family::v4, .gro = family == Family::v6};
      group.lane_receive_octets = 12345;
      group.control = some_descriptor();
      controls[family == Family::v6 ? 1 : 0] = group.control.get();
      for (std::size_t lane = 0; lane < options.lanes; ++lane) group.lanes.push_back(some_descriptor());
      (family == Family::v4 ? outside.v4 : outside.v6) = std::move(group);
    }
    return outside;
  }
};

/// Serves `count` requests while `ask` runs on another thread.
template <class Ask>
void serve(const HalfPair& ends, RequestServer& server, int count, Ask ask) {
  std::thread asker([&] {
    HostRequests requests(ends.theirs.get());
    ask(requests);
  });
  for (int i = 0; i < count; ++i) {
    if (!await_half_message(ends.mine.get(), 30'000)) break;
    const auto message = receive_half_message(ends.mine.get());
    if (!message) break;
    const auto answer = server.answer(message->bytes());
    if (!answer) break;
    if (!send_half_message(ends.mine.get(), half::octets_of(answer->reply), answer->descriptors)) break;
  }
  asker.join();
}

struct Fixture {
  HalfPair ends = [] {
    auto made = make_half_pair();
    REQUIRE(made);
    return std::move(*made);
  }();
  Host host;
  RequestServer server{{.lanes = 3, .port = std::nullopt, .mark = std::nullopt}, host.calls()};
};

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "sockets that are asked for arrive, and the host half keeps a hold on them until they close") {
  const std::size_t before = open_descriptors();
  serve(ends, server, 2, [&](HostRequests& requests) {
    auto outside = requests.open_udp({.port = 51820, .fwmark = 5, .lanes = 3});
    REQUIRE(outside);
    CHECK(outside->port == 51820);
    REQUIRE(outside->v4);
    REQUIRE(outside->v6);
    CHECK(outside->v4->family == Family::v4);
    CHECK(outside->v6->family == Family::v6);
    CHECK(outside->v4->lanes.size() == 3);
    CHECK(outside->v4->offloads == io::UdpOffloads{.gso = true, .gro = false});
    CHECK(outside->v6->offloads == io::UdpOffloads{.gso = false, .gro = true});
    CHECK(outside->v6->lane_receive_octets == 12345);
    CHECK(server.holds_sockets());
    requests.close_udp();
  });
  CHECK(!server.holds_sockets());
  CHECK(open_descriptors() == before);
  REQUIRE(host.opened.size() == 1);
  CHECK(host.opened[0].fwmark == 5);
  CHECK(host.opened[0].lanes == 3);
}

TEST_CASE_FIXTURE(Fixture, "a family that the host lacks is lacking at the other end as well") {
  host.lacks_v6 = true;
  serve(ends, server, 1, [](HostRequests& requests) {
    const auto outside = requests.open_udp({.port = 0, .lanes = 3});
    REQUIRE(outside);
    CHECK(outside->port == 4242);
    CHECK(outside->v4);
    CHECK(!outside->v6);
  });
}

TEST_CASE_FIXTURE(Fixture,
                  "an error arrives with its errno and its words, and leaves the old sockets in the host half's hand") {
  serve(ends, server, 2, [&](HostRequests& requests) {
    REQUIRE(requests.open_udp({.port = 1, .lanes = 3}));
    host.refuse_with = EADDRINUSE;
    const auto again = requests.open_udp({.port = 7, .lanes = 3});
    REQUIRE(!again);
    CHECK(again.error().code == EADDRINUSE);
    CHECK(again.error().what == "bind UDP port 7");
  });
  CHECK(server.holds_sockets());
}

TEST_CASE_FIXTURE(Fixture, "sockets are marked, and get the old mark back when the new one is refused") {
  serve(ends, server, 3, [&](HostRequests& requests) {
    REQUIRE(requests.open_udp({.port = 1, .fwmark = 5, .lanes = 3}));
    CHECK(requests.set_mark(6));
    host.refuse_with = EPERM;
    CHECK(requests.set_mark(9).error().code == EPERM);
  });
  CHECK(host.marks == std::vector<std::uint32_t>{6, 9, 6});
}

TEST_CASE_FIXTURE(Fixture, "a flood is thinned on the control socket of its family, and the kernel's refusal arrives") {
  const std::vector<std::uint32_t> senders{3, 0x7000'0000};
  serve(ends, server, 5, [&](HostRequests& requests) {
    CHECK(requests.thin({.family = Family::v4, .mix = 7, .share = 6, .senders = senders}).error().code == ENOTSOCK);
    REQUIRE(requests.open_udp({.port = 1, .lanes = 3}));
    CHECK(requests.thin({.family = Family::v6, .mix = 7, .share = 6, .senders = senders}));
    CHECK(requests.thin({.family = Family::v4, .mix = 7, .share = 6}));
    host.refuse_with = ENOMEM;
    const auto refused = requests.thin({.family = Family::v4, .mix = 7, .share = 6, .senders = senders});
    REQUIRE(!refused);
    CHECK(refused.error().code == ENOMEM);
    CHECK(refused.error().what == "attach the thinning filter");
  });
  REQUIRE(host.thinned.size() == 3);
  CHECK(host.thinned[0].socket == host.controls[1]);
  CHECK(host.thinned[0].family == Family::v6);
  CHECK(host.thinned[0].mix == 7);
  CHECK(host.thinned[0].share == 6);
  CHECK(host.thinned[0].senders == senders);
  CHECK(host.thinned[1].socket == host.controls[0]);
  CHECK(host.thinned[1].senders.empty());
}

TEST_CASE_FIXTURE(Fixture,
                  "a flood on sockets that were never handed over is not thinned on those that were, nor the reverse") {
  serve(ends, server, 1, [](HostRequests& requests) { REQUIRE(requests.open_udp({.port = 51820, .lanes = 3})); });
  half::Thinning other;
  other.port = 51821;
  CHECK(server.answer(other).reply.error == ENOTSOCK);
  other.port = 51820;
  CHECK(server.answer(other).reply.error == 0);
  CHECK(host.thinned.size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "a flood on a family that the host lacks is no socket's") {
  host.lacks_v6 = true;
  const std::uint32_t sender = 1;
  serve(ends, server, 2, [&](HostRequests& requests) {
    REQUIRE(requests.open_udp({.port = 1, .lanes = 3}));
    CHECK(requests.thin({.family = Family::v6, .mix = 1, .share = 6, .senders = std::span(&sender, 1)}).error().code ==
          ENOTSOCK);
  });
  CHECK(host.thinned.empty());
}

TEST_CASE_FIXTURE(Fixture, "open sockets follow the size of buffers that is decided, and those to come have it") {
  RequestPolicy policy = server.policy();
  policy.lane_buffer_octets = 65536;
  server.set_policy(policy);
  CHECK(host.buffers.empty());
  serve(ends, server, 1, [](HostRequests& requests) { REQUIRE(requests.open_udp({.port = 1, .lanes = 3})); });
  CHECK(host.opened.back().lane_buffer_octets == 65536);
  policy.mark = 7;
  server.set_policy(policy);
  CHECK(host.buffers.empty());
  policy.lane_buffer_octets = 131072;
  server.set_policy(policy);
  CHECK(host.buffers == std::vector<int>{131072});
}

TEST_CASE_FIXTURE(Fixture, "names and numbers are looked up, and a name that can be none is not even asked for") {
  serve(ends, server, 3, [](HostRequests& requests) {
    CHECK(requests.scope_index("eth0") == 7);
    CHECK(requests.scope_index("eth1") == 0);
    CHECK(requests.scope_index("a-name-too-long-for-linux") == 0);
    CHECK(requests.scope_index("../x") == 0);
    CHECK(requests.link_drops() == std::uint64_t{1} << 40);
  });
}

TEST_CASE_FIXTURE(Fixture, "what the host half did not decide itself is refused and not tried") {
  server.set_policy({.lanes = 3, .gro = io::Switch::off, .port = 51820, .mark = 8});
  serve(ends, server, 6, [](HostRequests& requests) {
    const io::UdpOptions good{.port = 51820, .fwmark = 8, .lanes = 3, .gro = io::Switch::off};
    for (auto change : {+[](io::UdpOptions& o) { o.port = 53; }, +[](io::UdpOptions& o) { o.fwmark = 0; },
                        +[](io::UdpOptions& o) { o.lanes = 4; }, +[](io::UdpOptions& o) { o.gro = io::Switch::on; }}) {
      io::UdpOptions bad = good;
      change(bad);
      CHECK(requests.open_udp(bad).error().code == EPERM);
    }
    CHECK(requests.open_udp(good));
    CHECK(requests.set_mark(0).error().code == EPERM);
  });
  CHECK(host.opened.size() == 1);
  CHECK(host.marks.empty());
}

TEST_CASE_FIXTURE(Fixture, "a host half that is gone is an error at once") {
  ends.mine.reset();
  HostRequests requests(ends.theirs.get());
  CHECK(requests.set_mark(1).error().code == EPIPE);
  CHECK(!requests.open_udp({.port = 1, .lanes = 1}));
}

TEST_CASE_FIXTURE(Fixture, "an answer to a request that was given up is not taken for the answer to the next") {
  half::Reply late;
  late.ask = half::Ask::scope_index;
  late.serial = 99;
  late.value = 1234;
  REQUIRE(send_half_message(ends.mine.get(), half::octets_of(late)));
  serve(ends, server, 1, [](HostRequests& requests) { CHECK(requests.scope_index("eth0") == 7); });
}

TEST_CASE_FIXTURE(Fixture, "sockets whose answer was lost are handed out again, for their port is still taken") {
  serve(ends, server, 3, [&](HostRequests& requests) {
    CHECK(requests.open_udp({.port = 51820, .fwmark = 5, .lanes = 3}));
    const auto again = requests.open_udp({.port = 51820, .fwmark = 5, .lanes = 3});
    REQUIRE(again);
    CHECK(again->v4->lanes.size() == 3);
    CHECK(host.opened.size() == 1);
    CHECK(host.thinned.size() == 2);  // as fresh ones: nobody is held back on either
    for (const Thinned& thinned : host.thinned) CHECK(thinned.senders.empty());
    CHECK(requests.open_udp({.port = 51821, .fwmark = 5, .lanes = 3}));
    CHECK(host.opened.size() == 2);
  });
}
