// SPDX-License-Identifier: MIT
#include "tun_link.hpp"

#include <doctest/doctest.h>

#include <cerrno>

namespace {

using culvert::io::LinkState;
using culvert::io::TunCalls;

short poll_events = 0;
int poll_error = 0, write_error = 0;

const TunCalls kFake{
    .open = nullptr,
    .ioctl = nullptr,
    .readv = nullptr,
    .writev = nullptr,
    .write = [](int, const void*, std::size_t count) -> ssize_t {
      CHECK(count == 0);
      errno = write_error;
      return write_error == 0 ? 0 : -1;
    },
    .poll =
        [](pollfd* fd, nfds_t, int timeout) {
          CHECK(timeout == 0);
          CHECK(fd->events == POLLOUT);
          fd->revents = poll_events;
          errno = poll_error;
          return poll_error == 0 ? 1 : -1;
        },
};

}  // namespace

TEST_CASE("a queue that is not writable is down, whatever a write would say") {
  poll_error = 0;
  poll_events = 0;
  write_error = EINVAL;
  CHECK(*culvert::io::queue_link_state(3, kFake) == LinkState::down);
}

TEST_CASE("on kernels where a queue is always writable, writing nothing tells: EINVAL is up, EIO is down") {
  poll_error = 0;
  poll_events = POLLOUT;
  write_error = EINVAL;
  CHECK(*culvert::io::queue_link_state(3, kFake) == LinkState::up);
  write_error = EIO;
  CHECK(*culvert::io::queue_link_state(3, kFake) == LinkState::down);
  write_error = 0;
  CHECK(*culvert::io::queue_link_state(3, kFake) == LinkState::up);
}

TEST_CASE("a deleted interface is EBADFD, other errors are their own") {
  poll_error = 0;
  poll_events = POLLERR;
  CHECK(culvert::io::queue_link_state(3, kFake).error().code == EBADFD);
  poll_events = POLLOUT;
  write_error = EBADFD;
  CHECK(culvert::io::queue_link_state(3, kFake).error().code == EBADFD);
  poll_error = ENOMEM;
  CHECK(culvert::io::queue_link_state(3, kFake).error().code == ENOMEM);
}

TEST_CASE("an interface that does not exist is an error that names it") {
  for (const auto& error : {culvert::io::link_mtu("nowhere").error(), culvert::io::link_state("nowhere").error(),
                            culvert::io::set_link_mtu("nowhere", 1420).error()}) {
    CHECK((error.code == ENODEV || error.code == EPERM));
    CHECK(error.message().find("of interface nowhere: ") != std::string::npos);
  }
}

TEST_CASE("the loopback interface has an MTU") { CHECK(*culvert::io::link_mtu("lo") >= 1280); }
