// SPDX-License-Identifier: MIT
// Junk for a daemon's port, and a newcomer who wants in meanwhile.
//
//   bench-flood junk KIND ADDRESS PORT KEY --source A.B.0.0 [--sources N] [--rate A_SECOND] [--seconds S]
//     bad_mac1        initiations whose mac1 is wrong
//     valid_mac1      one good initiation of key 0 (bench-handshakes keys), again and again
//     unknown_index   data messages for no session
//     bad_tag         data messages for the session of key 1, which this program makes first
//   bench-flood newcomer ADDRESS PORT KEY [--give-up S]
//     a handshake as the paper has it: the next try 5 s and up to a third of a second later, with the cookie if one
//     came
//
// Sources are the addresses from A.B.1.1 on, which must be local (`ip route add local A.B.0.0/16 dev lo`). A rate of 0
// is as fast as it goes. Both speak one line of JSON at their end.
#include <poll.h>

#include <algorithm>
#include <random>
#include <thread>
#include <vector>

#include "aead.hpp"
#include "cookie.hpp"
#include "load_keys.hpp"
#include "timestamp.hpp"
#include "traffic.hpp"

using namespace culvert;
using bench::Clock;

namespace {

constexpr std::size_t kBatch = 64;
constexpr std::size_t kDataOctets = 128;
using Packet = std::vector<std::uint8_t>;

UnixTime wall_clock() {
  timespec t{};
  ::clock_gettime(CLOCK_REALTIME, &t);
  return {t.tv_sec, static_cast<std::uint32_t>(t.tv_nsec)};
}

Instant since_start() {
  static const Clock::time_point start = Clock::now();
  return Instant(std::chrono::duration_cast<Duration>(Clock::now() - start) + std::chrono::hours(1));
}

/// One who calls, as often as the paper allows.
class Caller {
 public:
  Caller(std::uint64_t number, const PublicKey& to) : self_(bench::key_pair(number)), to_(to) {
    if (!crypto::x25519(self_.private_key, to, shared_)) throw std::runtime_error("a key of low order");
  }

  Packet call() {
    std::random_device random;
    auto made = make_initiation(self_, to_, shared_, bench::key_pair(std::uint64_t{random()} << 32 | random()),
                                stamp_of(wall_clock()), random());
    if (!made) throw std::runtime_error("no initiation");
    cookie_.stamp(since_start(), to_, made->message);
    pending_ = std::move(made->pending);
    const Bytes octets = wire::octets(made->message);
    return {octets.begin(), octets.end()};
  }
  void take_cookie(const wire::CookieReply& reply) { cookies += cookie_.take(since_start(), to_, reply) ? 1 : 0; }
  [[nodiscard]] bool reads(const wire::Response& response) const {
    return response.receiver == pending_.local_index && read_response(pending_, self_, {}, response).has_value();
  }
  int cookies = 0;

 private:
  KeyPair self_;
  PublicKey to_;
  Secret<32> shared_;
  CookieHolder cookie_;
  PendingInitiation pending_;
};

struct Outcome {
  bool done = false;
  int tries = 0, cookies = 0;
  double seconds = 0;
  std::uint32_t their_index = 0;
};

Outcome shake_hands(int fd, Caller& caller, double give_up) {
  Outcome outcome;
  std::mt19937 random(std::random_device{}());
  const auto start = Clock::now();
  const auto passed = [&] { return bench::Seconds(Clock::now() - start).count(); };
  double next = 0;
  while (!outcome.done && passed() < give_up) {
    if (passed() >= next) {
      const Packet message = caller.call();
      (void)::send(fd, message.data(), message.size(), 0);
      ++outcome.tries;
      next = passed() + 5 + std::uniform_real_distribution(0.0, 0.333)(random);
    }
    pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
    if (::poll(&wait, 1, 5) <= 0) continue;
    std::array<std::uint8_t, 256> room;
    const ssize_t n = ::recv(fd, room.data(), room.size(), MSG_DONTWAIT);
    const Bytes datagram = Bytes(room).first(n > 0 ? static_cast<std::size_t>(n) : 0);
    const auto type = wire::classify(datagram);
    if (type == wire::Type::cookie_reply) caller.take_cookie(wire::load<wire::CookieReply>(datagram));
    if (type != wire::Type::response) continue;
    const auto response = wire::load<wire::Response>(datagram);
    outcome.done = caller.reads(response);
    outcome.their_index = response.sender;
  }
  outcome.seconds = passed();
  outcome.cookies = caller.cookies;
  return outcome;
}

io::UniqueFd connected(const bench::SocketAddress& to, const std::string& from) {
  io::UniqueFd fd = bench::udp_socket(to.storage.ss_family);
  if (!from.empty()) {
    const auto here = bench::socket_address(from, 0);
    if (::bind(fd.get(), here.get(), here.octets) != 0) throw bench::failure("bind to a source");
  }
  if (::connect(fd.get(), to.get(), to.octets) != 0) throw bench::failure("connect");
  return fd;
}

Packet junk(std::string_view kind, const PublicKey& responder, const bench::SocketAddress& to) {
  std::mt19937 random(1);
  if (kind == "valid_mac1" || kind == "bad_mac1") {
    Caller caller(0, responder);
    Packet message = caller.call();
    if (kind == "bad_mac1") message[120] ^= 1;
    return message;
  }
  wire::DataHeader header;
  header.receiver = static_cast<std::uint32_t>(random());
  header.counter = std::uint64_t{1} << 40;
  if (kind == "bad_tag") {
    Caller caller(1, responder);
    // From this host's own address: wireguard-go answers the sources of a flood that is near by a wrong interface.
    const Outcome made = shake_hands(connected(to, {}).get(), caller, 10);
    if (!made.done) throw std::runtime_error("no session to send bad tags to");
    header.receiver = made.their_index;
  } else if (kind != "unknown_index") {
    throw std::runtime_error("unknown kind of junk");
  }
  Packet message(kDataOctets);
  for (std::uint8_t& octet : message) octet = static_cast<std::uint8_t>(random());
  wire::store(header, message);
  return message;
}

int flood(int argc, char** argv) {
  const std::string_view kind = argv[2];
  const auto to = bench::socket_address(argv[3], static_cast<std::uint16_t>(std::atoi(argv[4])));
  const auto responder = parse_public_key(argv[5]);
  if (!responder) return 2;
  std::string network;
  for (int i = 6; i + 1 < argc; ++i)
    if (std::string_view(argv[i]) == "--source") network = argv[i + 1];
  if (network.size() < 4) return 2;
  network.resize(network.size() - 3);  // "A.B."
  const auto sources = static_cast<std::size_t>(bench::option(argc, argv, "--sources", 1));
  const double rate = bench::option(argc, argv, "--rate", 0), seconds = bench::option(argc, argv, "--seconds", 4);

  std::vector<io::UniqueFd> fds;
  for (std::size_t i = 0; i < sources; ++i)
    fds.push_back(connected(to, network + std::to_string(1 + i / 250) + "." + std::to_string(1 + i % 250)));
  Packet message = junk(kind, *responder, to);

  iovec part{.iov_base = message.data(), .iov_len = message.size()};
  std::array<mmsghdr, kBatch> batch{};
  for (mmsghdr& one : batch)
    one.msg_hdr = {.msg_name = nullptr,
                   .msg_namelen = 0,
                   .msg_iov = &part,
                   .msg_iovlen = 1,
                   .msg_control = nullptr,
                   .msg_controllen = 0,
                   .msg_flags = 0};
  std::uint64_t sent = 0, replies = 0, reply_octets = 0;
  std::array<std::uint8_t, 2048> room;
  const auto take_replies = [&](int fd) {
    for (ssize_t n = 0; (n = ::recv(fd, room.data(), room.size(), MSG_DONTWAIT)) > 0;) {
      ++replies;
      reply_octets += static_cast<std::uint64_t>(n);
    }
  };
  bench::ask_for_exact_timers();
  const std::size_t count = rate == 0 ? kBatch : std::min<std::size_t>(kBatch, 16);
  const auto start = Clock::now();
  for (std::size_t turn = 0; bench::Seconds(Clock::now() - start).count() < seconds; ++turn) {
    const int fd = fds[turn % fds.size()].get();
    const int n = ::sendmmsg(fd, batch.data(), static_cast<unsigned>(count), 0);
    if (n > 0) sent += static_cast<std::uint64_t>(n);
    take_replies(fd);
    if (rate != 0)
      std::this_thread::sleep_until(
          start + std::chrono::duration_cast<Clock::duration>(bench::Seconds(static_cast<double>(sent) / rate)));
  }
  const double took = bench::Seconds(Clock::now() - start).count();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  for (const io::UniqueFd& fd : fds) take_replies(fd.get());
  std::printf("{\"sent\": %llu, \"sent_octets\": %llu, \"replies\": %llu, \"reply_octets\": %llu, \"seconds\": %.3f}\n",
              static_cast<unsigned long long>(sent), static_cast<unsigned long long>(sent * message.size()),
              static_cast<unsigned long long>(replies), static_cast<unsigned long long>(reply_octets), took);
  return 0;
}

int newcomer(int argc, char** argv) {
  const auto to = bench::socket_address(argv[2], static_cast<std::uint16_t>(std::atoi(argv[3])));
  const auto responder = parse_public_key(argv[4]);
  if (!responder) return 2;
  const io::UniqueFd fd = connected(to, "");
  Caller caller(2, *responder);
  const Outcome outcome = shake_hands(fd.get(), caller, bench::option(argc, argv, "--give-up", 11));
  std::printf("{\"done\": %s, \"seconds\": %.4f, \"tries\": %d, \"cookies\": %d}\n", outcome.done ? "true" : "false",
              outcome.seconds, outcome.tries, outcome.cookies);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (!crypto::initialise()) return 1;
  try {
    if (argc >= 8 && std::string_view(argv[1]) == "junk") return flood(argc, argv);
    if (argc >= 5 && std::string_view(argv[1]) == "newcomer") return newcomer(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench-flood: %s\n", error.what());
    return 1;
  }
  std::fprintf(stderr, "usage: bench-flood junk KIND ADDRESS PORT KEY --source A.B.0.0 | newcomer ADDRESS PORT KEY\n");
  return 2;
}
