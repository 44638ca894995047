// SPDX-License-Identifier: MIT
// Opening, link state and the ends of a device, with the kernel itself.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "checksum.hpp"
#include "coalesce_probe.hpp"
#include "network_namespace.hpp"
#include "tun.hpp"
#include "tun_link.hpp"
#include "tun_system_queue.hpp"

namespace {

using namespace culvert::io;

Tun open_or_fail(const TunOptions& options) {
  auto tun = open_tun(options);
  REQUIRE_MESSAGE(tun.has_value(), (tun ? "" : tun.error().message()));
  return std::move(*tun);
}

bool is_writable(int fd) {
  pollfd asked{.fd = fd, .events = POLLOUT, .revents = 0};
  return ::poll(&asked, 1, 0) == 1 && (asked.revents & POLLOUT) != 0;
}

/// A UDP socket at 10.97.0.1 that speaks with 10.97.0.2, which is behind the queues.
class Flow {
 public:
  explicit Flow(std::uint16_t port) : port_(port), socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    const sockaddr_in here = address(1, port), there = address(2, 7);
    REQUIRE(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here) == 0);
    REQUIRE(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&there), sizeof there) == 0);
  }

  /// \returns the queue at which the packet came out; as many as there are: at none.
  [[nodiscard]] std::size_t send(std::span<const std::unique_ptr<TunQueue>> queues) const {
    REQUIRE(::send(socket_.get(), "packet", 6, 0) == 6);
    std::size_t found = queues.size();
    std::array<std::uint8_t, 2000> buffer{};
    for (std::size_t i = 0; i < queues.size(); ++i)
      while (const auto read = queues[i]->read(buffer))
        if ((read->packet[0] >> 4) == 4 && read->packet[9] == IPPROTO_UDP) found = i;
    return found;
  }

  void answer(TunQueue& by) const {
    std::array<std::uint8_t, 32> packet = {0x45, 0, 0,  32, 0, 0, 0,  0,  64, IPPROTO_UDP,
                                           0,    0, 10, 97, 0, 2, 10, 97, 0,  1};
    const std::array<std::uint8_t, 6> udp = {
        0, 7, static_cast<std::uint8_t>(port_ >> 8), static_cast<std::uint8_t>(port_), 0, 12};
    std::ranges::copy(udp, packet.begin() + 20);  // without a checksum
    ChecksumSum header;
    header.add(culvert::Bytes(packet).first(20));
    std::ranges::copy(header.checksum(), packet.begin() + 10);
    const iovec part{packet.data(), packet.size()};
    REQUIRE(by.write({}, {&part, 1}).has_value());
    std::array<std::uint8_t, 8> got{};
    REQUIRE(::recv(socket_.get(), got.data(), got.size(), 0) == 4);
  }

 private:
  static sockaddr_in address(std::uint8_t last, std::uint16_t port) {
    sockaddr_in result{};
    result.sin_family = AF_INET;
    result.sin_port = htons(port);
    result.sin_addr.s_addr = htonl(0x0a610000u | last);
    return result;
  }

  std::uint16_t port_;
  UniqueFd socket_;
};

constexpr CoalesceOptions kAll{.tcp = Coalescing::on, .udp = Coalescing::on};

}  // namespace

TEST_CASE("a device is created with name, MTU and queues, and is gone when its queues are closed") {
  const NetworkNamespace here;
  for (const std::size_t queues : {1u, 4u}) {
    for (const TunOffload offload : {TunOffload::none, TunOffload::header, TunOffload::tcp, TunOffload::udp}) {
      {
        const Tun tun = open_or_fail({.name = "ct-open", .queues = queues, .offload = offload});
        CHECK(tun.origin == Tun::Origin::created);
        CHECK(tun.queues.size() == queues);
        if (offload != TunOffload::udp) CHECK(tun.offload == offload);  // USO needs Linux 6.2
        CHECK(*link_mtu("ct-open") == 1420);
        CHECK(*tun_name(tun.queues.back().get()) == "ct-open");
        CHECK(set_link_mtu("ct-open", 1280).has_value());
        CHECK(*link_mtu("ct-open") == 1280);
      }
      CHECK_FALSE(link_mtu("ct-open").has_value());
    }
  }
}

TEST_CASE("no other user attaches to a device that was created, which would give a share of its packets") {
  const NetworkNamespace here;
  const Tun tun = open_or_fail({.name = "ct-own", .queues = 2});
  const UniqueFd device(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  REQUIRE(device);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    constexpr uid_t kNobody = 65534;
    if (::setresuid(kNobody, kNobody, kNobody) != 0) ::_exit(1);
    ifreq request{};
    tun.name.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE;
    ::_exit(::ioctl(device.get(), TUNSETIFF, &request) == 0 ? 2 : errno == EPERM ? 0 : 3);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("a persistent device is attached to and left as it was") {
  const NetworkNamespace here;
  run("ip tuntap add mode tun name ct-one && ip link set ct-one mtu 1300");
  run("ip tuntap add mode tun multi_queue name ct-many");
  {
    const Tun one = open_or_fail({.name = "ct-one", .queues = 3});
    CHECK(one.origin == Tun::Origin::attached);
    CHECK(one.queues.size() == 1);
    CHECK(one.note.find("multi-queue") != std::string::npos);
    CHECK(*link_mtu("ct-one") == 1300);
    CHECK(open_or_fail({.name = "ct-many"}).queues.size() == 1);
    CHECK(open_or_fail({.name = "ct-many", .queues = 2}).queues.size() == 2);
    CHECK(one.note.find("offload") == std::string::npos);
  }
  CHECK(link_mtu("ct-one").has_value());
  CHECK(link_mtu("ct-many").has_value());
}

TEST_CASE("a name that is taken is an error that says by what") {
  const NetworkNamespace here;
  const Tun first = open_or_fail({.name = "ct-busy"});
  const auto second = open_tun({.name = "ct-busy"});
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().code == EBUSY);
  CHECK(second.error().message().find("another program") != std::string::npos);
  const auto loopback = open_tun({.name = "lo"});
  REQUIRE_FALSE(loopback.has_value());
  CHECK(loopback.error().message().find("not a TUN device") != std::string::npos);
}

TEST_CASE("a queue is taken over by descriptor, as it was opened") {
  const NetworkNamespace here;
  for (const TunOffload offload : {TunOffload::none, TunOffload::udp}) {
    Tun opened = open_or_fail({.name = "ct-adopt", .offload = offload});
    const TunOffload granted = opened.offload;
    const auto adopted = adopt_tun(std::move(opened.queues[0]), TunOffload::udp);
    REQUIRE(adopted.has_value());
    CHECK(adopted->name == "ct-adopt");
    CHECK(adopted->origin == Tun::Origin::adopted);
    CHECK(adopted->offload == granted);
    CHECK(adopted->queues.size() == 1);
  }
  run("ip tuntap add mode tap name ct-tap");
  UniqueFd tap(::open("/dev/net/tun", O_RDWR));
  ifreq request{};
  std::string("ct-tap").copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  REQUIRE(::ioctl(tap.get(), TUNSETIFF, &request) == 0);
  CHECK_FALSE(adopt_tun(std::move(tap), TunOffload::udp).has_value());
}

TEST_CASE(
    "with several queues a flow stays at its queue, whichever lane writes its answers, and all queues have flows") {
  const NetworkNamespace here;
  for (const std::size_t lanes : {2u, 4u}) {
    for (const bool persistent : {false, true}) {
      if (persistent) run("ip tuntap add mode tun multi_queue name ct-order");
      Tun tun = open_or_fail({.name = "ct-order", .queues = lanes});
      CHECK((tun.origin == Tun::Origin::attached) == persistent);
      run("ip addr add 10.97.0.1/24 dev ct-order && ip link set ct-order up");
      std::vector<std::unique_ptr<TunQueue>> queues;
      for (std::size_t i = 0; i < lanes; ++i)
        queues.push_back(make_tun_queue(std::move(tun.queues[i]), std::move(tun.writers[i]), tun.offload));

      std::vector<int> flows(lanes, 0);
      for (std::uint16_t port = 20'000; port < 20'064; ++port) {
        Flow flow(port);
        const std::size_t at = flow.send(queues);
        REQUIRE(at < lanes);
        ++flows[at];
        for (std::size_t by = 0; by < lanes; ++by) {
          flow.answer(*queues[by]);
          CHECK(flow.send(queues) == at);
        }
      }
      for (const int of_one : flows) CHECK(of_one > 0);
      queues.clear();
      if (persistent) run("ip link del ct-order");
    }
  }
}

TEST_CASE("a queue tells whether its link is up, while it is renamed and from another namespace") {
  const NetworkNamespace here;
  for (const TunOffload offload : {TunOffload::none, TunOffload::udp}) {
    const Tun tun = open_or_fail({.name = "ct-link", .offload = offload});
    const int fd = tun.queues[0].get();
    CHECK(*link_state("ct-link") == LinkState::down);
    CHECK(*queue_link_state(fd) == LinkState::down);
    run("ip link set ct-link up");
    CHECK(*link_state("ct-link") == LinkState::up);
    CHECK(*queue_link_state(fd) == LinkState::up);
    CHECK(is_writable(fd));
    run("ip link set ct-link down");
    CHECK(*queue_link_state(fd) == LinkState::down);
    run("ip link set ct-link name ct-new");
    CHECK(*tun_name(fd) == "ct-new");

    const pid_t elsewhere = ::fork();
    if (elsewhere == 0) {
      const bool moved = ::unshare(CLONE_NEWNET) == 0 && ::kill(::getpid(), SIGSTOP) == 0;
      ::_exit(moved && std::system("ip link set ct-new up") == 0 ? 0 : 1);
    }
    int status = 0;
    ::waitpid(elsewhere, &status, WUNTRACED);
    REQUIRE(WIFSTOPPED(status));
    run("ip link set ct-new netns " + std::to_string(elsewhere));
    CHECK_FALSE(link_state("ct-new").has_value());
    CHECK(*queue_link_state(fd) == LinkState::down);
    ::kill(elsewhere, SIGCONT);
    ::waitpid(elsewhere, &status, 0);
    CHECK(status == 0);
    // The namespace went with its only process, and the device with the namespace, once the kernel gets to it.
    for (int i = 0; i < 100 && queue_link_state(fd).has_value(); ++i) ::poll(nullptr, 0, 50);
    CHECK(queue_link_state(fd).error().code == EBADFD);
  }
}

TEST_CASE("down and deleted interfaces end reads and writes in their own ways") {
  const NetworkNamespace here;
  Tun tun = open_or_fail({.name = "ct-end"});
  const auto queue = make_tun_queue(std::move(tun.queues[0]), UniqueFd(), tun.offload);
  std::array<std::uint8_t, 2000> buffer{};
  std::array<std::uint8_t, 20> packet = {0x45, 0, 0, 20};
  const iovec part{packet.data(), packet.size()};
  CHECK(queue->read(buffer).error().stop == TunStop::empty);
  CHECK(queue->write({}, {&part, 1}).error().stop == TunStop::down);
  CHECK(probe_coalescing(*queue, kAll).error().stop == TunStop::down);
  run("ip link set ct-end up");
  CHECK(queue->write({}, {&part, 1}).has_value());
  packet[0] = 0;
  CHECK(queue->write({}, {&part, 1}).error().stop == TunStop::refused);
  packet[0] = 0x45;
  run("ip link del ct-end");
  CHECK(queue->write({}, {&part, 1}).error().stop == TunStop::gone);
  CHECK(queue->read(buffer).error().stop == TunStop::gone);
  CHECK(queue_link_state(queue->descriptor()).error().code == EBADFD);
}

TEST_CASE("the probe finds that this kernel takes super-packets, and leaves no trace but the drop") {
  const NetworkNamespace here;
  Tun tun = open_or_fail({.name = "ct-probe"});
  run("ip link set ct-probe up && ip addr add 10.98.0.1/24 dev ct-probe");
  const auto queue = make_tun_queue(std::move(tun.queues[0]), UniqueFd(), tun.offload);
  std::array<std::uint8_t, 2000> buffer{};
  while (queue->read(buffer)) continue;  // what an interface says when it comes up
  const auto works = probe_coalescing(*queue, coalesce_options(tun.offload));
  REQUIRE(works.has_value());
  const auto word = [](Coalescing coalescing) -> std::string {
    return coalescing == Coalescing::on ? "taken" : "refused";
  };
  MESSAGE("TCP " << word(works->tcp) << ", UDP " << word(works->udp));
  while (const auto answer = queue->read(buffer)) CHECK((answer->packet[0] >> 4) == 6);  // none to the probe
}
