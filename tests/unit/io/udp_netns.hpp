// SPDX-License-Identifier: MIT
// Two hosts of our own, joined by a veth pair: network namespaces that live as long as the test.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "unique_fd.hpp"

namespace culvert::io::test {

/// Puts the test's thread into a fresh namespace, and back at its end. `usable` is false, and said why, where that
/// needs rights that the test lacks.
class TwoHosts {
 public:
  TwoHosts() : home_(open_current()) {
    if (::unshare(CLONE_NEWNET) != 0) {
      MESSAGE("skipped: a network namespace of our own takes root");
      return;
    }
    far_ = open_current();
    REQUIRE(::unshare(CLONE_NEWNET) == 0);
    near_ = open_current();
    const std::string far_path = "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(far_.get());
    usable_ = run("command -v ip >/dev/null") && run("ip link set lo up") &&
              run("ip link add near type veth peer name far netns " + far_path);
    if (!usable_) MESSAGE("skipped: no veth pair, or no ip command to make one");
    if (usable_) configure();
  }
  TwoHosts(const TwoHosts&) = delete;
  TwoHosts& operator=(const TwoHosts&) = delete;
  ~TwoHosts() {
    // A test that could not go home would take the tests after it along.
    if (near_ && ::setns(home_.get(), CLONE_NEWNET) != 0) std::abort();
  }

  [[nodiscard]] bool usable() const { return usable_; }
  void to_near() const { enter(near_); }
  void to_far() const { enter(far_); }

  /// Runs a shell line in the namespace that the thread is in. \returns whether it went well.
  static bool run(const std::string& line) { return std::system(("{ " + line + "; } >/dev/null 2>&1").c_str()) == 0; }
  /// The kernel gives an IPv6 address its route in a work queue that all namespaces share; until then packets to it are
  /// lost.
  static void await_ipv6(const std::string& address) {
    REQUIRE(run("for i in $(seq 600); do ip -6 route show table local | grep -q '^local " + address +
                " ' && exit 0; sleep 0.05; done; exit 1"));
  }

 private:
  static UniqueFd open_current() { return UniqueFd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)); }
  static void enter(const UniqueFd& fd) { REQUIRE(::setns(fd.get(), CLONE_NEWNET) == 0); }

  /// near: 10.77.0.1, fd77::1; far: 10.77.0.2, fd77::2.
  void configure() {
    // Without duplicate address detection an IPv6 address is usable at once.
    const std::string no_dad = "echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad; echo 0 >/proc/sys/net/ipv6/conf/";
    REQUIRE(
        run(no_dad + "near/accept_dad; ip addr add 10.77.0.1/24 dev near && ip -6 addr add fd77::1/64 dev near nodad"));
    to_far();
    REQUIRE(
        run(no_dad + "far/accept_dad; ip addr add 10.77.0.2/24 dev far && ip -6 addr add fd77::2/64 dev far nodad"));
    REQUIRE(run("ip link set lo up && ip link set far up"));
    to_near();
    REQUIRE(run("ip link set near up"));
    await_ipv6("fd77::1");
    to_far();
    await_ipv6("fd77::2");
    to_near();
  }

  UniqueFd home_, near_, far_;
  bool usable_ = false;
};

}  // namespace culvert::io::test
