// SPDX-License-Identifier: MIT
// Numbered UDP packets at a steady rate, and their count at the other end.
//
//   bench-udp receive PORT [--seconds MOST]
//   bench-udp send ADDRESS PORT --size OCTETS [--rate A_SECOND] [--seconds S]
//
// The sender wakes each 100 microseconds and sends what the clock says is owed, with one sendmmsg: at 50,000 a second
// that is 5 packets. Without a rate it sends as fast as the system takes. At the end it says so in packets of their
// own, which end the receiver. Sizes are of the UDP payload.
#include <netinet/udp.h>
#include <poll.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <vector>

#include "traffic.hpp"

using namespace culvert;

namespace {

constexpr std::size_t kBatch = 64;
constexpr std::uint64_t kEnd = ~std::uint64_t{0};
constexpr auto kTick = std::chrono::microseconds(100);
constexpr auto kStragglers = std::chrono::milliseconds(300);

struct Head {
  std::uint64_t number;
};

// ------------------------------------------------------------------------------------------------------------- sender

struct Sender {
  explicit Sender(std::size_t size) : octets(kBatch * size) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      parts[i] = {octets.data() + i * size, size};
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
  }

  /// Sends `count` <= kBatch packets; what the system refuses counts as tried and lost.
  void send(int fd, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const Head head{number++};
      std::memcpy(parts[i].iov_base, &head, sizeof head);
    }
    std::size_t done = 0;
    while (done < count) {
      const int n = ::sendmmsg(fd, messages.data() + done, static_cast<unsigned>(count - done), 0);
      if (n > 0) {
        done += static_cast<std::size_t>(n);
      } else {
        ++done;
        ++refused;
      }
    }
  }

  std::vector<std::uint8_t> octets;
  std::array<iovec, kBatch> parts{};
  std::array<mmsghdr, kBatch> messages{};
  std::uint64_t number = 0;
  std::uint64_t refused = 0;
};

void sleep_until(bench::Clock::time_point at) {
  const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count();
  const timespec until{.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
  ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
}

/// Packets that the clock owes and a batch does not hold are forgone, so that a late wake-up makes no flood.
std::uint64_t send_paced(Sender& sender, int fd, double rate, bench::Clock::time_point start,
                         bench::Clock::time_point end) {
  std::uint64_t forgone = 0;
  for (auto tick = start + kTick; tick < end; tick = std::max(tick + kTick, bench::Clock::now())) {
    sleep_until(tick);
    const auto owed = static_cast<std::uint64_t>(rate * bench::Seconds(bench::Clock::now() - start).count());
    const std::uint64_t due = owed - sender.number - forgone;
    const std::size_t now = std::min<std::uint64_t>(due, kBatch);
    sender.send(fd, now);
    forgone += due - now;
  }
  return forgone;
}

void say_the_end(int fd) {
  for (int i = 0; i < 5; ++i) {
    sleep_until(bench::Clock::now() + std::chrono::milliseconds(i == 0 ? 200 : 20));
    const Head head{kEnd};
    (void)::send(fd, &head, sizeof head, 0);
  }
}

int send(int argc, char** argv) {
  const auto size = static_cast<std::size_t>(bench::option(argc, argv, "--size", 128));
  const double rate = bench::option(argc, argv, "--rate", 0);
  const auto to = bench::socket_address(argv[2], static_cast<std::uint16_t>(std::atoi(argv[3])));
  if (size < sizeof(Head) || size > 65000) return 2;
  const io::UniqueFd fd = bench::udp_socket(to.storage.ss_family);
  if (::connect(fd.get(), to.get(), to.octets) != 0) throw bench::failure("connect");
  bench::ask_for_exact_timers();

  Sender sender(size);
  const auto start = bench::Clock::now();
  const auto end = start + std::chrono::duration_cast<bench::Clock::duration>(
                               bench::Seconds(bench::option(argc, argv, "--seconds", 3)));
  std::uint64_t forgone = 0;
  if (rate > 0) {
    forgone = send_paced(sender, fd.get(), rate, start, end);
  } else {
    while (bench::Clock::now() < end) sender.send(fd.get(), kBatch);
  }
  const double seconds = bench::Seconds(bench::Clock::now() - start).count();
  say_the_end(fd.get());
  std::printf("{\"sent\": %llu, \"refused\": %llu, \"forgone\": %llu, \"seconds\": %.6f}\n",
              static_cast<unsigned long long>(sender.number), static_cast<unsigned long long>(sender.refused),
              static_cast<unsigned long long>(forgone), seconds);
  return 0;
}

// ----------------------------------------------------------------------------------------------------------- receiver

struct Receiver {
  static constexpr std::size_t kRoom = 9216;

  Receiver() : octets(kBatch * kRoom) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      parts[i] = {octets.data() + i * kRoom, kRoom};
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
  }

  void take(std::size_t i) {
    const std::size_t size = messages[i].msg_len;
    Head head{};
    if (size < sizeof head) return;
    std::memcpy(&head, parts[i].iov_base, sizeof head);
    if (head.number == kEnd) {
      ended = true;
      return;
    }
    const auto now = bench::Clock::now();
    if (received == 0) first = now;
    last = now;
    ++received;
    total_octets += size;
    if (head.number < next) ++reordered;
    next = std::max(next, head.number + 1);
  }

  std::vector<std::uint8_t> octets;
  std::array<iovec, kBatch> parts{};
  std::array<mmsghdr, kBatch> messages{};
  std::uint64_t received = 0, total_octets = 0, reordered = 0, next = 0;
  bench::Clock::time_point first{}, last{};
  bool ended = false;
};

int receive(int argc, char** argv) {
  const io::UniqueFd fd = bench::udp_socket(AF_INET6);
  const auto here = bench::socket_address("::", static_cast<std::uint16_t>(std::atoi(argv[2])));
  if (::bind(fd.get(), here.get(), here.octets) != 0) throw bench::failure("bind");

  Receiver receiver;
  auto deadline = bench::Clock::now() + std::chrono::duration_cast<bench::Clock::duration>(
                                            bench::Seconds(bench::option(argc, argv, "--seconds", 60)));
  bool ending = false;
  while (bench::Clock::now() < deadline) {
    pollfd wait{.fd = fd.get(), .events = POLLIN, .revents = 0};
    if (::poll(&wait, 1, 50) <= 0) continue;
    const int n = ::recvmmsg(fd.get(), receiver.messages.data(), kBatch, MSG_DONTWAIT, nullptr);
    for (int i = 0; i < n; ++i) receiver.take(static_cast<std::size_t>(i));
    if (receiver.ended && !std::exchange(ending, true)) deadline = bench::Clock::now() + kStragglers;
  }
  const double seconds = bench::Seconds(receiver.last - receiver.first).count();
  std::printf("{\"received\": %llu, \"octets\": %llu, \"reordered\": %llu, \"seconds\": %.6f}\n",
              static_cast<unsigned long long>(receiver.received),
              static_cast<unsigned long long>(receiver.total_octets),
              static_cast<unsigned long long>(receiver.reordered), seconds);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc >= 3 && std::string_view(argv[1]) == "receive") return receive(argc, argv);
    if (argc >= 4 && std::string_view(argv[1]) == "send") return send(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench-udp: %s\n", error.what());
    return 1;
  }
  std::fprintf(stderr, "usage: bench-udp receive PORT | send ADDRESS PORT [--size N] [--rate N] [--seconds N]\n");
  return 2;
}
