// SPDX-License-Identifier: MIT
// Drives src/host as the host half does, without a tunnel: a TUN interface that nobody reads, and one command a line.
//
//   host_tool hold NAME JOURNAL [RESOLV_CONF [BUS [RESOLVCONF_FOLDERS [INTERFACE_ORDER]]]]
//       opens the interface, then does what standard input says, and answers each line with "ok" or "failed: WORDS":
//       up FILE | change FILE | reassert | undo | repair keep|lift | portal SECONDS UID|- | portal close | portal left
//   host_tool guard FILE       raises the kill switch of a configuration, before there is an interface
//   host_tool lift NAME        lifts it
//   host_tool repair JOURNAL keep|lift RESOLV_CONF
//   host_tool resolve HOST PORT SERVER...   prints the addresses; the servers are asked with the mark 51820
//
// With CULVERT_CRASH_AT=N it kills itself at the Nth moment around a change: before one is looked at, before and after
// it is made, before and after it is undone.
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "apply.hpp"
#include "facts.hpp"
#include "guard.hpp"
#include "load.hpp"
#include "portal.hpp"
#include "resolve.hpp"
#include "system_hands.hpp"

namespace {

using namespace culvert;
using namespace culvert::host;

class CrashingHands : public Hands {
 public:
  CrashingHands(DnsPlaces places, const std::string& journal)
      : hands_(std::move(places), journal.substr(0, journal.rfind('/'))) {
    if (const char* const at = std::getenv("CULVERT_CRASH_AT")) crash_at_ = std::atoi(at);
  }
  Result<Before, Failure> look(const std::string& interface, const Step& step) override {
    moment();
    return hands_.look(interface, step);
  }
  Result<void, Failure> make(const std::string& interface, const Step& step, const Before& before) override {
    moment();
    auto done = hands_.make(interface, step, before);
    moment();
    return done;
  }
  Result<void, Failure> undo(const std::string& interface, const Step& step, const Before& before) override {
    moment();
    auto done = hands_.undo(interface, step, before);
    moment();
    return done;
  }

 private:
  void moment() {
    if (--crash_at_ == 0) ::kill(::getpid(), SIGKILL);
  }
  SystemHands hands_;
  int crash_at_ = 0;
};

/// A link of the name that is there already, as of a test that plays the peers by other means, is taken as it is.
int open_tun(const std::string& name) {
  if (::if_nametoindex(name.c_str()) != 0) return -1;
  const int fd = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  ifreq request{};
  std::copy_n(name.begin(), std::min<std::size_t>(name.size(), IFNAMSIZ - 1), request.ifr_name);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (fd < 0 || ::ioctl(fd, TUNSETIFF, &request) != 0) {
    std::perror("opening the interface");
    std::exit(2);
  }
  return fd;
}

config::Config load(const std::string& file) {
  auto loaded = config::load(file);
  if (loaded) return std::move(loaded->config);
  for (const auto& finding : loaded.error()) std::cerr << finding.message() << '\n';
  std::exit(2);
}

Result<Plan, Failure> plan_for(HostSetup& setup, const std::string& file, const std::string& name, std::uint32_t mark) {
  const config::Config config = load(file);
  std::vector<IpAddress> endpoints;
  for (const auto& peer : config.peers)
    for (const auto& endpoint : peer.endpoints)
      if (const auto address = parse_address(endpoint.host)) endpoints.push_back(*address);
  const auto facts = read_facts(endpoints, mark);
  if (!facts) return Err{facts.error()};
  const auto choice = setup.choose(config, name, *facts);
  if (!choice) return Err{choice.error()};
  return make_plan(config, name, *choice, *facts);
}

Result<void, Failure> do_up(HostSetup& setup, const std::string& file, const std::string& name) {
  if (auto repaired = setup.repair(Guard::keep); !repaired) return repaired;
  const auto plan = plan_for(setup, file, name, 0);
  if (!plan) return Err{plan.error()};
  if (auto guarded = setup.guard(*plan); !guarded) return guarded;
  return setup.apply(*plan);
}

Result<void, Failure> obey(HostSetup& setup, const DnsPlaces& places, const std::string& name,
                           std::istringstream& words) {
  std::string verb, argument;
  words >> verb >> argument;
  if (verb == "up") return do_up(setup, argument, name);
  if (verb == "change") {
    const auto plan = plan_for(setup, argument, name, setup.choice().mark);
    if (!plan) return Err{plan.error()};
    return setup.change(*plan);
  }
  if (verb == "reassert") return setup.reassert();
  if (verb == "undo") return setup.undo();
  if (verb == "repair") return setup.repair(argument == "keep" ? Guard::keep : Guard::lift);
  if (verb == "portal" && argument == "close") return close_portal(name);
  if (verb == "portal") {
    PortalRequest request;
    request.time = std::chrono::seconds(std::atoi(argument.c_str()));
    std::string user;
    words >> user;
    if (user != "-") request.user = static_cast<std::uint32_t>(std::atoi(user.c_str()));
    request.resolvers = outside_resolvers(places, setup.made());
    return open_portal(name, request);
  }
  return Err{Failure{0, verb, "is no command", ""}};
}

int report(const Result<void, Failure>& done) {
  std::cout << (done ? "ok" : "failed: " + done.error().message()) << std::endl;
  return done ? 0 : 1;
}

int hold(const std::vector<std::string>& words) {
  DnsPlaces places;
  const auto take = [&](std::size_t at, std::string& place) {
    if (words.size() > at) place = words[at];
  };
  take(3, places.resolv_conf);
  take(4, places.bus);
  take(5, places.resolvconf_folders);
  take(6, places.interface_order);
  const std::string& name = words.at(1);
  CrashingHands hands(places, words.at(2));
  const int tun = open_tun(name);
  auto setup = HostSetup::open(hands, words.at(2));
  if (!setup) return report(Err{setup.error()});
  std::cout << "ok" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream command(line);
    if (line == "portal left") {
      const auto left = portal_left(name);
      report(Err{Failure{0, left ? std::to_string(left->count()) + " s" : "shut", "", ""}});
    } else {
      report(obey(*setup, places, name, command));
    }
    for (const std::string& note : setup->take_notes()) std::cerr << note << std::endl;
  }
  ::close(tun);
  return 0;
}

int guard(const std::string& file) {
  const config::Config config = load(file);
  return report(raise_guard(config, config.name));
}

int print_addresses(const std::vector<std::string>& words) {
  OutsideServers outside{51820, {}};
  for (std::size_t i = 3; i < words.size(); ++i) outside.servers.push_back(parse_address(words[i]).value());
  const auto found = resolve({words[1], static_cast<std::uint16_t>(std::stoi(words[2]))}, outside);
  if (!found) return report(Err{Failure{0, found.error().reason, "", ""}});
  for (const Endpoint& endpoint : *found) std::cout << to_string(endpoint) << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() >= 3 && words[0] == "hold") return hold(words);
  if (words.size() == 2 && words[0] == "guard") return guard(words[1]);
  if (words.size() == 2 && words[0] == "lift") return report(lift_guard(words[1]));
  if (words.size() >= 3 && words[0] == "resolve") return print_addresses(words);
  if (words.size() == 4 && words[0] == "repair") {
    DnsPlaces places;
    places.resolv_conf = words[3];
    CrashingHands hands(places, words[1]);
    auto setup = HostSetup::open(hands, words[1]);
    if (!setup) return report(Err{setup.error()});
    return report(setup->repair(words[2] == "keep" ? Guard::keep : Guard::lift));
  }
  std::cerr << "usage: see the head of host_tool.cpp\n";
  return 2;
}
