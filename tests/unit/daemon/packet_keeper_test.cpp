// SPDX-License-Identifier: MIT
// The host half's hold on a packet half that was taken over: a thread stands in the service manager's place, takes the
// packet half's ends, says that it is ready, and then does what it should not.
#include "packet_keeper.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <asio/io_context.hpp>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <thread>
#include <vector>

#include "device_text.hpp"
#include "half_channel.hpp"

using namespace culvert;
using namespace culvert::daemon;
using namespace std::chrono_literals;

namespace {

/// The packet half's ends.
struct Ends {
  io::UniqueFd news, requests, log, life, client;
};

class TakenOver {
 public:
  explicit TakenOver(std::function<void(Ends&)> deed) : deed_(std::move(deed)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.native().copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_.get(), 4) == 0);
    thread_ = std::thread([this] { live(); });
  }
  ~TakenOver() {
    thread_.join();
    std::filesystem::remove_all(folder_);
  }
  TakenOver(const TakenOver&) = delete;
  TakenOver& operator=(const TakenOver&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return path_.native(); }

 private:
  void live() {
    Ends ends;
    ends.news.reset(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    auto handover = take(ends.news.get(), 3);
    ends.requests = std::move(handover[0]);
    ends.log = std::move(handover[1]);
    ends.life = std::move(handover[2]);
    ends.client = std::move(take(ends.news.get(), 1)[0]);
    half::Notice ready;
    ready.kind = half::Notice::Kind::ready;
    (void)send_half_message(ends.news.get(), half::octets_of(ready));
    deed_(ends);
    std::array<pollfd, 2> ended{{{ends.news.get(), 0, 0}, {ends.life.get(), 0, 0}}};
    (void)::poll(ended.data(), ended.size(), 60'000);
  }

  static std::vector<io::UniqueFd> take(int fd, std::size_t count) {
    (void)await_half_message(fd, 60'000);
    auto message = receive_half_message(fd, count);
    std::vector<io::UniqueFd> taken(count);
    if (message && message->descriptors.size() == count) taken = std::move(message->descriptors);
    return taken;
  }

  std::function<void(Ends&)> deed_;
  std::filesystem::path folder_ = ::mkdtemp(std::string("/tmp/culvert-keeper-XXXXXX").data());
  std::filesystem::path path_ = folder_ / "packets";
  io::UniqueFd listener_{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};
  std::thread thread_;
};

struct Host {
  explicit Host(std::function<void(Ends&)> deed) : taken_over(std::move(deed)) {
    half::Setup setup;
    setup.sockets = half::kSocketPrivate;
    keeper.start(setup, {});
  }

  TakenOver taken_over;
  asio::io_context context;
  Log log{"wg0", LogLevel::silent, make_stderr_sink()};
  std::string interface = "wg0", lost;
  PacketKeeper keeper{context,   log,
                      interface, taken_over.path(),
                      {},        {.lost = [this](std::string_view why) { lost = why; }, .interface_gone = {}}};
};

control::SecretText question() {
  constexpr std::string_view kGet = "get=1\n\n";
  return {kGet.begin(), kGet.end()};
}

std::chrono::nanoseconds processor_time() {
  timespec spent{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return std::chrono::seconds(spent.tv_sec) + std::chrono::nanoseconds(spent.tv_nsec);
}

}  // namespace

TEST_CASE("a packet half that closes its log and its requests and lives on costs no time") {
  Host host([](Ends& ends) {
    ends.log.reset();
    ends.requests.reset();
  });
  const auto before = processor_time();
  const auto answer = host.keeper.exchange(question(), 1s);
  REQUIRE(!answer);
  CHECK(answer.error() == "the packet half does not answer");
  CHECK(processor_time() - before < 100ms);
  host.context.run_for(1s);
  CHECK(processor_time() - before < 200ms);
  CHECK(host.keeper.runs());
}

TEST_CASE("an answer without end is given up, and the packet half with it") {
  Host host([](Ends& ends) {
    // A little more than is taken, so that a host half that takes all keeps some memory.
    const std::string piece(65536, 'x');
    for (std::size_t left = kMostAnswerOctets + (8U << 20U); left > 0;) {
      pollfd room{.fd = ends.client.get(), .events = POLLOUT, .revents = 0};
      (void)::poll(&room, 1, 20'000);
      const ssize_t sent =
          ::send(ends.client.get(), piece.data(), std::min(left, piece.size()), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN) return;
      left -= static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
    }
  });
  const auto answer = host.keeper.exchange(question(), 20s);
  REQUIRE(!answer);
  CHECK(answer.error() == "the packet half sent an answer without end");
  CHECK(host.lost == "was ended, since it sent an answer without end");
  CHECK(!host.keeper.runs());
}
