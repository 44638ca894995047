// SPDX-License-Identifier: MIT
// How many handshakes a responder answers: many initiators behind one socket.
//
//   bench-handshakes keys N                                      the public keys of the initiators, one a line
//   bench-handshakes load ADDRESS PORT RESPONDERS_KEY N [--seconds S] [--window W] [--most A_SECOND]
//
// All initiations are made before the clock starts, under one ephemeral key, so that this side costs next to nothing
// while it runs: the processors are the responder's. At most `window` are unanswered at a time: below the length of
// queue from which on responders demand cookies. Every 64th response is read to its end, to prove that it is one.
//
// What counts as lost too soon still waits in the responder's queue when more is sent in its place: after one pause of
// the machine that queue is long enough for cookies, which nobody here answers, and for a second there is next to
// nothing to count. Nothing is ever lost on a healthy path, so that patience costs nothing.
#include <poll.h>

#include <algorithm>
#include <array>
#include <vector>

#include "aead.hpp"
#include "cookie.hpp"
#include "handshake.hpp"
#include "load_keys.hpp"
#include "timestamp.hpp"
#include "traffic.hpp"

using namespace culvert;
using bench::key_pair;

namespace {

constexpr std::size_t kReadEach = 64;
constexpr std::size_t kBatch = 32;
constexpr auto kLostAfter = std::chrono::seconds(1);

int print_keys(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) std::printf("%s\n", to_base64(key_pair(i).public_key).c_str());
  return 0;
}

struct Shot {
  wire::Initiation message;
  std::optional<PendingInitiation> pending;  // of those whose response is read
  bench::Clock::time_point sent{};
  bool answered = false;
};

class Load {
 public:
  Load(const PublicKey& responder, std::size_t initiators, std::size_t shots) {
    const KeyPair ephemeral = key_pair(~std::uint64_t{0});
    std::vector<Secret<32>> shared;
    for (std::size_t i = 0; i < initiators; ++i) {
      keys_.push_back(key_pair(i));
      if (!crypto::x25519(keys_[i].private_key, responder, shared.emplace_back())) std::exit(2);
    }
    timespec wall{};
    ::clock_gettime(CLOCK_REALTIME, &wall);
    CookieHolder macs;
    for (std::size_t k = 0; k < shots; ++k) {
      const std::size_t who = k % initiators;
      // A stamp counts 17 ms steps, and each must be later than the one before of the same key.
      const std::uint64_t ms = static_cast<std::uint64_t>(wall.tv_sec) * 1000 + k / initiators * 20;
      const Stamp stamp =
          stamp_of({static_cast<std::int64_t>(ms / 1000), static_cast<std::uint32_t>(ms % 1000 * 1'000'000)});
      auto made =
          make_initiation(keys_[who], responder, shared[who], {ephemeral.private_key.clone(), ephemeral.public_key},
                          stamp, static_cast<std::uint32_t>(k));
      if (!made) std::exit(2);
      macs.stamp(Instant{}, responder, made->message);
      Shot& shot = shots_.emplace_back();
      shot.message = made->message;
      if (k % kReadEach == 0) shot.pending = std::move(made->pending);
    }
  }

  void run(int fd, std::size_t window, bench::Clock::time_point end) {
    while (bench::Clock::now() < end && next_ < shots_.size()) {
      give_up_old();
      while (next_ < shots_.size() && waiting_ < window) shoot(fd);
      pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
      if (::poll(&wait, 1, 10) > 0) take_answers(fd);
    }
  }

  std::uint64_t sent = 0, answered = 0, lost = 0, read = 0, bad = 0, cookies = 0;

 private:
  void shoot(int fd) {
    Shot& shot = shots_[next_++];
    shot.sent = bench::Clock::now();
    (void)::send(fd, &shot.message, sizeof shot.message, 0);
    ++sent;
    ++waiting_;
  }

  /// Those are the oldest, for they left in this order.
  void give_up_old() {
    const auto limit = bench::Clock::now() - kLostAfter;
    for (; oldest_ < next_ && (shots_[oldest_].answered || shots_[oldest_].sent < limit); ++oldest_) {
      if (shots_[oldest_].answered) continue;
      ++lost;
      --waiting_;
    }
  }

  void take_answers(int fd) {
    std::array<std::array<std::uint8_t, 256>, kBatch> room;
    for (std::size_t i = 0; i < kBatch; ++i) {
      const ssize_t n = ::recv(fd, room[i].data(), room[i].size(), MSG_DONTWAIT);
      if (n < 0) return;
      take(Bytes(room[i]).first(static_cast<std::size_t>(n)));
    }
  }

  void take(Bytes datagram) {
    const auto type = wire::classify(datagram);
    if (type == wire::Type::cookie_reply) ++cookies;
    if (type != wire::Type::response) return;
    const auto response = wire::load<wire::Response>(datagram);
    const std::size_t k = response.receiver;
    if (k < oldest_ || k >= next_ || shots_[k].answered) return;
    shots_[k].answered = true;
    ++answered;
    --waiting_;
    if (!shots_[k].pending) return;
    ++read;
    if (!read_response(*shots_[k].pending, keys_[k % keys_.size()], {}, response)) ++bad;
  }

  std::vector<KeyPair> keys_;
  std::vector<Shot> shots_;
  std::size_t next_ = 0, oldest_ = 0, waiting_ = 0;
};

int load(int argc, char** argv) {
  const auto to = bench::socket_address(argv[2], static_cast<std::uint16_t>(std::atoi(argv[3])));
  const auto responder = parse_public_key(argv[4]);
  const auto initiators = static_cast<std::size_t>(std::atoi(argv[5]));
  if (!responder || initiators == 0) return 2;
  const double seconds = bench::option(argc, argv, "--seconds", 3);
  const auto most = static_cast<std::size_t>(bench::option(argc, argv, "--most", 20'000) * seconds);
  Load load(*responder, initiators, most);

  const io::UniqueFd fd = bench::udp_socket(to.storage.ss_family);
  if (::connect(fd.get(), to.get(), to.octets) != 0) throw bench::failure("connect");
  std::printf("ready\n");
  std::fflush(stdout);
  (void)std::getchar();  // the time of preparation is not the responder's
  const auto start = bench::Clock::now();
  load.run(fd.get(), static_cast<std::size_t>(bench::option(argc, argv, "--window", 64)),
           start + std::chrono::duration_cast<bench::Clock::duration>(bench::Seconds(seconds)));
  std::printf(
      "{\"sent\": %llu, \"answered\": %llu, \"lost\": %llu, \"read\": %llu, \"bad\": %llu, \"cookies\": %llu, "
      "\"seconds\": %.6f}\n",
      static_cast<unsigned long long>(load.sent), static_cast<unsigned long long>(load.answered),
      static_cast<unsigned long long>(load.lost), static_cast<unsigned long long>(load.read),
      static_cast<unsigned long long>(load.bad), static_cast<unsigned long long>(load.cookies),
      bench::Seconds(bench::Clock::now() - start).count());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (!crypto::initialise()) return 1;
  try {
    if (argc == 3 && std::string_view(argv[1]) == "keys")
      return print_keys(static_cast<std::size_t>(std::atoi(argv[2])));
    if (argc >= 6 && std::string_view(argv[1]) == "load") return load(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench-handshakes: %s\n", error.what());
    return 1;
  }
  std::fprintf(stderr,
               "usage: bench-handshakes keys N | load ADDRESS PORT KEY N [--seconds S] [--window W] [--most N]\n");
  return 2;
}
