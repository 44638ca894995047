// SPDX-License-Identifier: MIT
// Opening against a kernel of our own, which fails where a test wants it to. What the real one does is in
// tun_kernel_test.cpp.
#include "tun.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

namespace {

using culvert::io::adopt_tun;
using culvert::io::open_tun;
using culvert::io::Tun;
using culvert::io::TunCalls;
using culvert::io::TunOffload;
using culvert::io::TunOptions;
using culvert::io::UniqueFd;

/// A kernel with at most one TUN device. It opens /dev/null in place of /dev/net/tun.
struct FakeKernel {
  int open_error = 0;
  bool exists = false;   // before the test
  int device_flags = 0;  // multi-queue or not, when it exists
  int create_error = 0, attach_error = 0;
  int vnet_flag_error = 0;  // TUNSETIFF with IFF_VNET_HDR
  int owner_error = 0, header_size_error = 0, tcp_error = 0, udp_error = 0, mtu_error = 0;
  int queue_error_at = -1, queue_error = 0;  // TUNSETIFF of queue n
  int detach_error_at = -1;                  // TUNSETQUEUE of the n-th writer
  int waiting = 0;                           // packets in all queues together
  int reported_flags = IFF_TUN | IFF_NO_PI;  // by TUNGETIFF of adopted queues
  std::string reported_name{};               // "": the one that was set

  bool created = false;
  int queues = 0;
  std::vector<int> opened{}, detached{};  // descriptors, in order
  int accepted_flags = 0;
  std::string name{};
  int header_size = 0, mtu = 0;
  long offload = -1, owner = -1;
};
FakeKernel kernel;

int fail(int error) {
  errno = error;
  return error == 0 ? 0 : -1;
}

int set_interface(int fd, const ifreq& request) {
  const int flags = static_cast<unsigned short>(request.ifr_flags);
  if ((flags & IFF_TUN_EXCL) != 0) {  // a new attempt: what the one before held is closed
    kernel.created = false;
    kernel.queues = 0;
    kernel.opened.clear();
  }
  const bool there = kernel.exists || kernel.created;
  if (there && (flags & IFF_TUN_EXCL) != 0) return fail(EBUSY);
  if (kernel.vnet_flag_error != 0 && (flags & IFF_VNET_HDR) != 0) return fail(kernel.vnet_flag_error);
  if (!there && kernel.create_error != 0) return fail(kernel.create_error);
  if (there && kernel.queues == 0 && kernel.attach_error != 0) return fail(kernel.attach_error);
  if (kernel.exists && (flags & IFF_MULTI_QUEUE) != (kernel.device_flags & IFF_MULTI_QUEUE)) return fail(EINVAL);
  if (kernel.queues == kernel.queue_error_at) return fail(kernel.queue_error);
  if (kernel.queues == 1 && (kernel.accepted_flags & IFF_MULTI_QUEUE) == 0) return fail(EBUSY);
  if (!there) kernel.created = true;
  kernel.accepted_flags = flags;
  kernel.name = request.ifr_name;
  ++kernel.queues;
  kernel.opened.push_back(fd);
  return 0;
}

int set_queue(int fd, const ifreq& request) {
  CHECK(request.ifr_flags == IFF_DETACH_QUEUE);
  if (static_cast<int>(kernel.detached.size()) == kernel.detach_error_at) return fail(EINVAL);
  kernel.detached.push_back(fd);
  return 0;
}

ssize_t fake_readv(int, const iovec* parts, int) {
  if (kernel.waiting == 0) return fail(EAGAIN);
  --kernel.waiting;
  return static_cast<ssize_t>(parts->iov_len);
}

int fake_ioctl(int fd, unsigned long what, void* argument) {
  const auto number = static_cast<long>(reinterpret_cast<std::uintptr_t>(argument));
  switch (what) {
    case TUNSETIFF:
      return set_interface(fd, *static_cast<ifreq*>(argument));
    case TUNSETQUEUE:
      return set_queue(fd, *static_cast<ifreq*>(argument));
    case TUNGETIFF: {
      auto& request = *static_cast<ifreq*>(argument);
      std::strcpy(request.ifr_name, (kernel.reported_name.empty() ? kernel.name : kernel.reported_name).c_str());
      request.ifr_flags = static_cast<short>(kernel.reported_flags);
      return 0;
    }
    case TUNSETOWNER:
      kernel.owner = number;
      return fail(kernel.owner_error);
    case TUNSETVNETHDRSZ:
      kernel.header_size = *static_cast<int*>(argument);
      return fail(kernel.header_size_error);
    case TUNSETOFFLOAD:
      if ((number & 0x60) != 0 && kernel.udp_error != 0) return fail(kernel.udp_error);
      if ((number & 0x06) != 0 && kernel.tcp_error != 0) return fail(kernel.tcp_error);
      kernel.offload = number;
      return 0;
    case SIOCSIFMTU:
      kernel.mtu = static_cast<ifreq*>(argument)->ifr_mtu;
      return fail(kernel.mtu_error);
  }
  return fail(ENOTTY);
}

const TunCalls kFake{
    .open =
        [](const char* path, int) {
          CHECK(std::string(path) == "/dev/net/tun");
          if (kernel.open_error != 0) return fail(kernel.open_error);
          return ::open("/dev/null", O_RDWR | O_CLOEXEC);
        },
    .ioctl = fake_ioctl,
    .readv = fake_readv,
    .writev = nullptr,
    .write = nullptr,
    .poll = nullptr,
};

culvert::Result<Tun, culvert::io::SystemError> open_fake(std::size_t queues = 1, TunOffload offload = TunOffload::udp) {
  return open_tun({.name = "tun-x", .queues = queues, .offload = offload}, kFake);
}

bool mentions(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

UniqueFd open_fd() { return UniqueFd(::open("/dev/null", O_RDWR)); }

std::vector<int> numbers_of(const std::vector<UniqueFd>& fds) {
  std::vector<int> numbers;
  for (const UniqueFd& fd : fds) numbers.push_back(fd.get());
  return numbers;
}

}  // namespace

TEST_CASE("a bad name or number of queues is refused before anything is opened") {
  kernel = {.open_error = EIO};
  for (const char* name : {"", "a/b", "1234567890123456"}) {
    const auto tun = open_tun({.name = name}, kFake);
    REQUIRE_FALSE(tun.has_value());
    CHECK(tun.error().code == EINVAL);
    CHECK(mentions(tun.error().message(), "interface name"));
  }
  for (const std::size_t queues : {std::size_t{0}, std::size_t{129}}) {
    CHECK(open_fake(queues).error().code == EINVAL);
  }
}

TEST_CASE("a new device has the default MTU, a vnet header of 10 octets, TSO and USO") {
  kernel = {};
  const auto tun = open_fake();
  REQUIRE(tun.has_value());
  CHECK(tun->name == "tun-x");
  CHECK(tun->origin == Tun::Origin::created);
  CHECK(tun->offload == TunOffload::udp);
  CHECK(tun->queues.size() == 1);
  CHECK(tun->note.empty());
  CHECK(kernel.owner == static_cast<long>(::geteuid()));
  CHECK(kernel.mtu == 1420);
  CHECK(kernel.header_size == 10);
  CHECK(kernel.offload == (0x01 | 0x02 | 0x04 | 0x08 | 0x20 | 0x40));  // checksum, TSO4, TSO6, ECN, USO4, USO6
  CHECK(kernel.accepted_flags == (IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL));
}

TEST_CASE("several queues share one name, with multi-queue, and each has a detached writer") {
  kernel = {};
  const auto tun = open_fake(4);
  REQUIRE(tun.has_value());
  CHECK(tun->note.empty());
  CHECK((kernel.accepted_flags & IFF_MULTI_QUEUE) != 0);
  CHECK(kernel.queues == 8);
  // The writers' numbers are the lower ones, which those of the queues become when they are detached.
  CHECK(numbers_of(tun->writers) == std::vector<int>(kernel.opened.begin(), kernel.opened.begin() + 4));
  CHECK(numbers_of(tun->queues) == std::vector<int>(kernel.opened.begin() + 4, kernel.opened.end()));
  CHECK(kernel.detached == numbers_of(tun->writers));
}

TEST_CASE("a single queue has no writer, and nothing is detached") {
  kernel = {};
  const auto tun = open_fake(1);
  REQUIRE(tun.has_value());
  CHECK(tun->writers.empty());
  CHECK(kernel.queues == 1);
  CHECK(kernel.detached.empty());
}

TEST_CASE("where a queue cannot be detached, one queue remains, since several would not keep the order") {
  for (const int refused : {0, 2}) {
    kernel = {.detach_error_at = refused};
    const auto tun = open_fake(4);
    REQUIRE(tun.has_value());
    CHECK(tun->queues.size() == 1);
    CHECK(tun->queues[0].get() == kernel.opened[4]);  // which is attached
    CHECK(tun->writers.empty());
    CHECK(mentions(tun->note, "one queue, since several would not keep the order"));
    CHECK(mentions(tun->note, "detach a queue of tun-x"));
  }
}

TEST_CASE("what waits at a device that was up while its queues were opened is discarded: it lies in any order") {
  kernel = {.exists = true, .device_flags = IFF_MULTI_QUEUE, .waiting = 5};
  CHECK(open_fake(2)->queues.size() == 2);
  CHECK(kernel.waiting == 0);
  kernel = {.exists = true, .device_flags = IFF_MULTI_QUEUE, .waiting = 5};
  CHECK(open_fake(1)->queues.size() == 1);
  CHECK(kernel.waiting == 5);
  kernel = {.waiting = 5};
  CHECK(open_fake(2)->queues.size() == 2);
  CHECK(kernel.waiting == 5);
}

TEST_CASE("the name is the kernel's") {
  kernel = {.reported_name = "renamed"};
  CHECK(open_fake()->name == "renamed");
}

TEST_CASE("an existing device keeps its MTU, and multi-queue follows it") {
  kernel = {.exists = true};
  auto tun = open_fake();
  REQUIRE(tun.has_value());
  CHECK(tun->origin == Tun::Origin::attached);
  CHECK(kernel.mtu == 0);

  kernel = {.exists = true, .device_flags = IFF_MULTI_QUEUE};
  tun = open_fake();
  REQUIRE(tun.has_value());
  CHECK(tun->queues.size() == 1);
  CHECK((kernel.accepted_flags & IFF_MULTI_QUEUE) != 0);

  kernel = {.exists = true};
  tun = open_fake(3);
  REQUIRE(tun.has_value());
  CHECK(tun->queues.size() == 1);
  CHECK(mentions(tun->note, "without multi-queue"));
}

TEST_CASE("each offload that is refused is done without, and noted") {
  kernel = {.udp_error = EINVAL};
  auto tun = open_fake();
  REQUIRE(tun.has_value());
  CHECK(tun->offload == TunOffload::tcp);
  CHECK(kernel.offload == 0x0f);
  CHECK(mentions(tun->note, "USO"));

  kernel = {.tcp_error = EINVAL};
  tun = open_fake();
  REQUIRE(tun.has_value());
  CHECK(tun->offload == TunOffload::header);
  CHECK(kernel.offload == 0);
  CHECK(mentions(tun->note, "TSO"));

  kernel = {.vnet_flag_error = EINVAL};
  tun = open_fake();
  REQUIRE(tun.has_value());
  CHECK(tun->offload == TunOffload::none);
  CHECK((kernel.accepted_flags & IFF_VNET_HDR) == 0);
  CHECK(mentions(tun->note, "no offloads: create interface tun-x"));
}

TEST_CASE("offloads that are not wanted are not asked for, and switched off if they were on") {
  kernel = {.udp_error = EIO};
  CHECK(open_fake(1, TunOffload::tcp)->offload == TunOffload::tcp);
  CHECK(open_fake(1, TunOffload::tcp)->note.empty());
  for (const TunOffload least : {TunOffload::none, TunOffload::header}) {
    kernel = {.tcp_error = EIO};
    const auto tun = open_fake(1, least);
    REQUIRE(tun.has_value());
    CHECK(tun->offload == least);
    CHECK(tun->note.empty());
    CHECK(kernel.offload == 0);
    CHECK(((kernel.accepted_flags & IFF_VNET_HDR) != 0) == (least == TunOffload::header));
  }
}

TEST_CASE("errors name what was tried and what to do") {
  const auto error = [](FakeKernel with, std::size_t queues = 1) {
    kernel = std::move(with);
    const auto tun = open_fake(queues);
    REQUIRE_FALSE(tun.has_value());
    return tun.error();
  };
  CHECK(error({.open_error = ENOENT}).code == ENOENT);
  CHECK(mentions(error({.open_error = ENOENT}).message(), "open /dev/net/tun (load the tun module"));
  CHECK(mentions(error({.open_error = EACCES}).message(), "open /dev/net/tun (needs root"));
  CHECK(error({.create_error = EPERM}).code == EPERM);
  CHECK(mentions(error({.create_error = EPERM}).message(), "create interface tun-x (needs CAP_NET_ADMIN)"));
  CHECK(error({.exists = true, .attach_error = EBUSY}).code == EBUSY);
  CHECK(mentions(error({.exists = true, .attach_error = EBUSY}).message(), "another program uses it"));
  CHECK(mentions(error({.exists = true, .attach_error = EINVAL}).message(), "not a TUN device"));
  CHECK(mentions(error({.exists = true, .attach_error = EPERM}).message(), "attach to interface tun-x: "));
  CHECK(mentions(error({.mtu_error = EINVAL}).message(), "MTU of interface tun-x"));
  CHECK(mentions(error({.queue_error_at = 6, .queue_error = E2BIG}, 4).message(), "add queue 6 of tun-x"));
}

TEST_CASE("an inherited queue is taken over with the vnet header it has") {
  kernel = {.name = "inherited"};
  auto tun = adopt_tun(open_fd(), TunOffload::udp, kFake);
  REQUIRE(tun.has_value());
  CHECK(tun->name == "inherited");
  CHECK(tun->origin == Tun::Origin::adopted);
  CHECK(tun->offload == TunOffload::none);
  CHECK(kernel.offload == 0);
  CHECK(kernel.mtu == 0);
  REQUIRE(tun->queues.size() == 1);
  CHECK(tun->writers.empty());
  CHECK((::fcntl(tun->queues[0].get(), F_GETFL) & O_NONBLOCK) != 0);
  CHECK((::fcntl(tun->queues[0].get(), F_GETFD) & FD_CLOEXEC) != 0);

  kernel = {.reported_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR, .name = "inherited"};
  CHECK(adopt_tun(open_fd(), TunOffload::udp, kFake)->offload == TunOffload::udp);
  CHECK(kernel.header_size == 10);
  CHECK(adopt_tun(open_fd(), TunOffload::none, kFake)->offload == TunOffload::header);
  CHECK(kernel.offload == 0);
}

TEST_CASE("an inherited descriptor that is no TUN queue is refused") {
  for (const int flags : {IFF_TAP | IFF_NO_PI, IFF_TUN}) {
    kernel = {.reported_flags = flags, .name = "inherited"};
    CHECK(mentions(adopt_tun(open_fd(), TunOffload::udp, kFake).error().message(), "without packet information"));
  }
  const auto real = adopt_tun(open_fd(), TunOffload::udp);
  REQUIRE_FALSE(real.has_value());
  CHECK(mentions(real.error().message(), "for its TUN interface"));
}
