// SPDX-License-Identifier: MIT
// How a program embeds a WireGuard tunnel: only <culvert/*.hpp> and the library, no TUN device, no privileges.
//
// Two sites in one process, "west" and "east", each with a Tunnel and a UDP socket on loopback. West sends numbered IP
// packets, east answers each. A program has three duties, and they are the three functions below the helpers:
//
//   carry_out   send what a Tunnel wants sent, deliver what it delivers
//   receive     hand it the datagrams that arrive
//   wait        sleep until a datagram or the next deadline, then let it run its timers
#include <arpa/inet.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <culvert/tunnel.hpp>

namespace {

using namespace culvert;
using namespace std::chrono_literals;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

// What a Tunnel does not bring: randomness, clocks, sockets

class Randomness final : public Entropy {
 public:
  void fill(MutBytes out) noexcept override {
    if (::getrandom(out.data(), out.size(), 0) != static_cast<ssize_t>(out.size())) std::abort();
  }
};

/// Ages are counted by a clock that goes on during suspend.
Now read_clocks() {
  timespec mono{}, wall{};
  if (::clock_gettime(CLOCK_BOOTTIME, &mono) != 0 || ::clock_gettime(CLOCK_REALTIME, &wall) != 0) fail("clock_gettime");
  return {Instant(std::chrono::seconds(mono.tv_sec) + std::chrono::nanoseconds(mono.tv_nsec)),
          {wall.tv_sec, static_cast<std::uint32_t>(wall.tv_nsec)}};
}

sockaddr_in to_system(const Endpoint& endpoint) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(endpoint.port);
  std::copy_n(endpoint.address.octets.begin(), 4, reinterpret_cast<std::uint8_t*>(&address.sin_addr));
  return address;
}

Endpoint from_system(const sockaddr_in& address) {
  Endpoint endpoint;
  endpoint.port = ntohs(address.sin_port);
  std::copy_n(reinterpret_cast<const std::uint8_t*>(&address.sin_addr), 4, endpoint.address.octets.begin());
  return endpoint;
}

// An IP packet for the inside: an IPv4 header, then a text. The numbers of the header that nobody reads here are zero.

constexpr std::size_t kHeaderOctets = 20;

std::vector<std::uint8_t> make_packet(const IpAddress& source, const IpAddress& destination, const std::string& text) {
  const std::size_t total = kHeaderOctets + text.size();
  std::vector<std::uint8_t> packet(total);
  packet[0] = 0x45;  // version 4, header of 5 words
  packet[2] = static_cast<std::uint8_t>(total >> 8);
  packet[3] = static_cast<std::uint8_t>(total & 0xff);
  packet[8] = 64;   // time to live
  packet[9] = 253;  // protocol for experiments [RFC 3692]
  std::copy_n(source.octets.begin(), 4, packet.begin() + 12);
  std::copy_n(destination.octets.begin(), 4, packet.begin() + 16);
  std::copy(text.begin(), text.end(), packet.begin() + kHeaderOctets);
  return packet;
}

std::string text_of(Bytes packet) { return {packet.begin() + kHeaderOctets, packet.end()}; }

// One end

struct Site {
  const char* name;
  IpAddress inside;
  Tunnel tunnel;
  int socket = -1;
  Endpoint outside{};
  std::vector<std::string> delivered{};
  std::size_t dropped = 0;
};

PrivateKey new_key(Entropy& entropy) {
  PrivateKey key;
  entropy.fill(key.secret.bytes());
  return key;
}

Site make_site(const char* name, const char* inside, Entropy& entropy) {
  Site site{name, *parse_address(inside), Tunnel(new_key(entropy), entropy)};
  site.socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address = to_system({*parse_address("127.0.0.1"), 0, 0});
  socklen_t size = sizeof address;
  if (site.socket < 0 || ::bind(site.socket, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::getsockname(site.socket, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    fail("socket");
  site.outside = from_system(address);
  std::printf("%s: key %s, inside %s, outside %s\n", name, to_base64(site.tunnel.public_key()).c_str(),
              to_string(site.inside).c_str(), to_string(site.outside).c_str());
  return site;
}

void carry_out(Site& site, const Output& output) {
  for (const OutsideDatagram& datagram : output.outside) {
    const sockaddr_in to = to_system(datagram.to);
    // A datagram that the system refuses is one that the network lost: the protocol copes.
    (void)::sendto(site.socket, datagram.octets.data(), datagram.octets.size(), 0,
                   reinterpret_cast<const sockaddr*>(&to), sizeof to);
  }
  for (const auto& packet : output.inside) {
    site.delivered.push_back(text_of(packet));
    std::printf("%s: got \"%s\"\n", site.name, site.delivered.back().c_str());
  }
  for (const Drop drop : output.drops) std::printf("%s: %s\n", site.name, std::string(text(drop)).c_str());
  site.dropped += output.drops.size();
}

void receive(Site& site) {
  std::vector<std::uint8_t> buffer(65535);
  for (;;) {
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const ssize_t got =
        ::recvfrom(site.socket, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (got < 0) return;
    const Bytes datagram = Bytes(buffer).first(static_cast<std::size_t>(got));
    carry_out(site, site.tunnel.from_outside(read_clocks(), datagram, from_system(from)));
  }
}

void wait(Site& west, Site& east, Duration at_most) {
  Duration pause = at_most;
  const Instant now = read_clocks().mono;
  for (const Site* site : {&west, &east})
    if (const auto deadline = site->tunnel.next_deadline()) pause = std::clamp(*deadline - now, Duration(0), pause);
  pollfd ready[] = {{west.socket, POLLIN, 0}, {east.socket, POLLIN, 0}};
  // One millisecond more, because poll rounds down and a deadline must have passed.
  const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(pause) + 1ms;
  if (::poll(ready, 2, static_cast<int>(wait.count())) < 0) fail("poll");
  for (Site* site : {&west, &east}) carry_out(*site, site->tunnel.run_timers(read_clocks()));
}

PeerSettings settings_for(const Site& peer, std::optional<Endpoint> endpoint) {
  PeerSettings settings;
  settings.public_key = peer.tunnel.public_key();
  settings.endpoint = endpoint;
  settings.allowed_ips = {{peer.inside, 32}};
  return settings;
}

}  // namespace

int main() {
  constexpr std::size_t kPackets = 5;
  Randomness randomness;
  Site west = make_site("west", "10.9.0.1", randomness);
  Site east = make_site("east", "10.9.0.2", randomness);
  // East does not know where west is: it learns that from west's first message.
  carry_out(west, west.tunnel.add_peer(read_clocks(), settings_for(east, east.outside)));
  carry_out(east, east.tunnel.add_peer(read_clocks(), settings_for(west, std::nullopt)));

  // The first packets wait inside the tunnel until the handshake is through.
  for (std::size_t i = 1; i <= kPackets; ++i) {
    const auto packet = make_packet(west.inside, east.inside, "packet " + std::to_string(i));
    carry_out(west, west.tunnel.from_inside(read_clocks(), packet));
  }

  std::size_t answered = 0;
  const Instant give_up = read_clocks().mono + 20s;
  while (west.delivered.size() < kPackets && read_clocks().mono < give_up) {
    wait(west, east, 1s);
    receive(west);
    receive(east);
    for (; answered < east.delivered.size(); ++answered) {
      const auto answer = make_packet(east.inside, west.inside, "answer to " + east.delivered[answered]);
      carry_out(east, east.tunnel.from_inside(read_clocks(), answer));
    }
  }

  const auto status = west.tunnel.status(east.tunnel.public_key());
  std::printf("west sent %llu and received %llu octets; %zu of %zu answers came, %zu drops\n",
              static_cast<unsigned long long>(status->octets_sent),
              static_cast<unsigned long long>(status->octets_received), west.delivered.size(), kPackets,
              west.dropped + east.dropped);
  ::close(west.socket);
  ::close(east.socket);
  const bool done = east.delivered.size() == kPackets && west.delivered.size() == kPackets && status->last_handshake;
  return done ? 0 : 1;
}
