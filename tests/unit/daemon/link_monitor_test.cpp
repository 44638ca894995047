// SPDX-License-Identifier: MIT
// The link monitor against a real kernel, in a network namespace of its own:
//
//   this namespace [tun0] ──move──► another namespace, held by a sleeping child
#define DOCTEST_CONFIG_IMPLEMENT
#include "link_monitor.hpp"

#include <doctest/doctest.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <asio/io_context.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace culvert;
using namespace culvert::daemon;

namespace {

using namespace std::chrono_literals;

constexpr int kSkipped = 77;

bool run(const std::string& command) { return std::system(command.c_str()) == 0; }

struct Namer {
  std::string operator()(const link::Up&) const { return "up"; }
  std::string operator()(const link::Down&) const { return "down"; }
  std::string operator()(const link::MtuChanged& event) const { return "mtu " + std::to_string(event.mtu); }
  std::string operator()(const link::Renamed& event) const { return "renamed " + event.name; }
  std::string operator()(const link::Moved&) const { return "moved"; }
  std::string operator()(const link::Deleted&) const { return "deleted"; }
};

struct Fixture {
  asio::io_context context;
  std::vector<std::string> events;
  int probes = 0;

  Fixture() { REQUIRE(run("ip tuntap add dev tun0 mode tun && ip link set tun0 mtu 1420")); }
  ~Fixture() { run("ip link del tun0 2>/dev/null"); }

  LinkMonitor monitor(int index) {
    auto opened = LinkMonitor::open(context, index,
                                    {.event = [this](const LinkEvent& e) { events.push_back(std::visit(Namer{}, e)); },
                                     .probe = [this] { ++probes; }});
    REQUIRE(opened);
    return std::move(*opened);
  }
  static int index() { return static_cast<int>(::if_nametoindex("tun0")); }

  template <class Condition>
  [[nodiscard]] bool run_until(Condition condition) {
    for (int i = 0; i < 1000 && !condition(); ++i) {
      context.restart();
      context.run_one_for(10ms);
    }
    return condition();
  }
  /// The next events, which must be these.
  void expect(const std::vector<std::string>& expected) {
    CHECK(run_until([&] { return events.size() >= expected.size(); }));
    CHECK(events == expected);
    events.clear();
  }
};

/// Another network namespace, as long as this lives.
class Namespace {
 public:
  Namespace() {
    std::array<int, 2> ready{};
    REQUIRE(::pipe(ready.data()) == 0);
    child_ = ::fork();
    REQUIRE(child_ >= 0);
    if (child_ == 0) {
      const char ok = ::unshare(CLONE_NEWNET) == 0 ? 'y' : 'n';
      if (::write(ready[1], &ok, 1) == 1) ::pause();
      ::_exit(0);
    }
    char ok = 'n';
    CHECK(::read(ready[0], &ok, 1) == 1);
    CHECK(ok == 'y');
    ::close(ready[0]);
    ::close(ready[1]);
  }
  Namespace(const Namespace&) = delete;
  Namespace& operator=(const Namespace&) = delete;
  ~Namespace() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  [[nodiscard]] std::string pid() const { return std::to_string(child_); }

 private:
  pid_t child_ = -1;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "changes of our interface are told, and those of others are not") {
  const LinkMonitor watching = monitor(index());
  CHECK(events.empty());
  expect({"mtu 1420", "down"});
  run("ip link set tun0 up");
  expect({"up"});
  run("ip link set lo up; ip link set lo mtu 1234; ip link set tun0 mtu 1280");
  expect({"mtu 1280"});
  run("ip link set tun0 down");
  expect({"down"});
  run("ip link set tun0 name tun1");
  expect({"renamed tun1"});
  run("ip link set tun1 name tun0");
  expect({"renamed tun0"});
  run("ip link del tun0");
  expect({"deleted"});
  CHECK(probes == 0);
}

TEST_CASE_FIXTURE(Fixture, "an interface that moves away is told once, and then asked for") {
  const Namespace elsewhere;
  const LinkMonitor watching = monitor(index());
  expect({"mtu 1420", "down"});
  REQUIRE(run("ip link set tun0 netns " + elsewhere.pid()));
  expect({"moved"});
  CHECK(run_until([&] { return probes >= 2; }));
  CHECK(events.empty());
}

TEST_CASE_FIXTURE(Fixture, "an interface that is not here from the start is asked for") {
  SUBCASE("and that is known") {
    const LinkMonitor watching = monitor(0);
    CHECK(run_until([&] { return probes >= 1; }));
  }
  SUBCASE("and its number belongs to nobody") {
    const LinkMonitor watching = monitor(123456);
    CHECK(run_until([&] { return probes >= 1; }));
  }
  CHECK(events.empty());
}

TEST_CASE_FIXTURE(Fixture, "news that were lost are made up for") {
  const LinkMonitor watching = monitor(index());
  expect({"mtu 1420", "down"});
  // More than a socket's buffer holds, while nobody reads; the last word counts.
  REQUIRE(
      run("for i in $(seq 200); do echo link set tun0 mtu $((1300 + i % 2)); echo link set tun0 up; "
          "echo link set tun0 down; done | ip -batch - && ip link set tun0 mtu 1290 up"));
  CHECK(run_until([&] { return events.size() >= 2 && events.back() == "mtu 1290"; }));
  CHECK(std::find(events.begin(), events.end(), "up") != events.end());
}

TEST_CASE_FIXTURE(Fixture, "a monitor that is gone says nothing and holds nothing") {
  { const LinkMonitor watching = monitor(index()); }
  run("ip link set tun0 up");
  context.restart();
  context.run();  // returns: no work is left
  CHECK(events.empty());
}

int main(int argc, char** argv) {
  if (::geteuid() != 0) {
    std::puts("skipped: a network namespace of our own needs root");
    return kSkipped;
  }
  if (::unshare(CLONE_NEWNET) != 0) {
    std::printf("skipped: no network namespace of our own: %s\n", std::strerror(errno));
    return kSkipped;
  }
  if (!run("command -v ip >/dev/null && ip tuntap add dev tun0 mode tun && ip link del tun0")) {
    std::puts("skipped: ip cannot make a TUN interface here");
    return kSkipped;
  }
  return doctest::Context(argc, argv).run();
}
