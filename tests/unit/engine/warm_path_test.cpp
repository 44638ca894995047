// SPDX-License-Identifier: MIT
// The warm path allocates nothing and takes no lock. This executable replaces `operator new`, `malloc`'s callers being
// all C++ here, and the lock of pthreads, and counts both while packets run from one lane to another and back.
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <pthread.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <new>

#include "lane_fixture.hpp"

namespace {

std::atomic<std::size_t> allocations{0};
std::atomic<std::size_t> locks{0};

}  // namespace

void* operator new(std::size_t size) {
  allocations.fetch_add(1);
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  allocations.fetch_add(1);
  const auto a = static_cast<std::size_t>(alignment);
  if (void* memory = std::aligned_alloc(a, (size + a - 1) / a * a)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

extern "C" int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  using Lock = int (*)(pthread_mutex_t*);
  static const auto real = reinterpret_cast<Lock>(::dlsym(RTLD_NEXT, "pthread_mutex_lock"));
  locks.fetch_add(1);
  return real(mutex);
}

using namespace culvert;
using namespace culvert::engine;
using namespace culvert::engine::test;

namespace {

// Gives the same packet `waiting` times, and counts what is written.
class CountingTun final : public io::TunQueue {
 public:
  std::size_t waiting = 0;
  std::size_t written = 0;
  Octetss model;

  Result<io::SuperPacket, io::TunFault> read(MutBytes buffer) noexcept override {
    if (waiting == 0) return Err{io::TunFault{io::TunStop::empty, 0}};
    --waiting;
    std::copy(model.begin(), model.end(), buffer.begin());
    return io::SuperPacket{{}, buffer.first(model.size())};
  }
  Result<void, io::TunFault> write(const io::VnetHeader&, std::span<const iovec>) noexcept override {
    ++written;
    return {};
  }
  int descriptor() const noexcept override { return -1; }
};

// Keeps what is sent in memory made beforehand, for the other side's receive.
class LoopUdp final : public io::UdpSocket {
 public:
  LoopUdp* other = nullptr;
  Endpoint self;

  io::ReceiveOutcome receive(io::ReceiveSlab& slab) noexcept override {
    if (size_ == 0) return {};
    std::copy_n(octets_.begin(), size_, slab.slot(0).begin());
    io::InTrain& train = slab.trains()[0];
    train = {};
    train.octets = slab.slot(0).first(std::exchange(size_, 0));
    train.stride = stride_;
    train.from = from_;
    return {io::ReceiveStatus::received, slab.trains().first(1), 0};
  }
  void send(std::span<const io::OutTrain> trains, std::span<io::SendOutcome> outcomes) noexcept override {
    for (std::size_t i = 0; i < trains.size(); ++i) {
      other->size_ = trains[i].octets.size();
      other->stride_ = trains[i].stride;
      other->from_ = self;
      std::copy(trains[i].octets.begin(), trains[i].octets.end(), other->octets_.begin());
      outcomes[i] = {};
    }
  }
  void forget_destinations() noexcept override {}
  int descriptor() const noexcept override { return -1; }
  const io::UdpCounters& counters() const noexcept override { return counters_; }

 private:
  std::array<std::uint8_t, 65536> octets_{};
  std::size_t size_ = 0;
  std::size_t stride_ = 0;
  Endpoint from_;
  io::UdpCounters counters_;
};

struct WarmEnd {
  explicit WarmEnd(std::uint8_t self, std::uint8_t peer, const crypto::AeadBackend& aead) : state(0, 1, 1420, aead) {
    auto socket = std::make_unique<LoopUdp>();
    udp = socket.get();
    udp->self = endpoint(self);
    state.v4 = std::move(socket);
    state.now = Instant(std::chrono::seconds(1000));
    const PeerId id{0, 0};
    (void)state.path.apply(change::PeerAdded{id, std::make_shared<PeerTraffic>(1)});
    (void)state.path.apply(change::EndpointMoved{id, endpoint(peer), std::nullopt});
    Prefix prefix{{}, 32};
    prefix.address.octets = {10, 0, 0, peer};
    (void)state.path.apply(change::AllowedIpAdded{prefix, id});
    Sessions sessions;
    sessions.current = std::make_shared<Session>(id, Role::initiator, state.now, self, peer, keys(self, peer));
    (void)state.path.apply(change::SessionsReplaced{id, sessions});
    tun.model = packet(self, peer, 1400);
  }

  LaneState state;
  CountingTun tun;
  LoopUdp* udp;
  io::Coalescer coalescer{tun, {io::Coalescing::on, io::Coalescing::on}};
  Outbound outbound{state, tun};
  Inbound inbound{state, coalescer};
};

}  // namespace

TEST_CASE("warm lanes neither allocate nor lock, with any AEAD, captured or not") {
  bool captured = false;
  SUBCASE("not") {}
  SUBCASE("captured") { captured = true; }
  for (const crypto::AeadBackend* aead : crypto::available_backends()) {
    CAPTURE(aead->name());
    WarmEnd a(1, 2, *aead);
    WarmEnd b(2, 1, *aead);
    if (captured) a.state.tap = b.state.tap = std::make_shared<Tap>(Tap::kUsualOctets, 65535);  // soon full
    a.udp->other = b.udp;
    b.udp->other = a.udp;
    const auto exchange = [&](std::size_t packets) {
      a.tun.waiting = packets;
      (void)a.outbound.run();
      (void)b.inbound.run(*b.udp);
      b.tun.waiting = packets;
      (void)b.outbound.run();
      (void)a.inbound.run(*a.udp);
      a.state.reports.clear();
      b.state.reports.clear();
    };
    exchange(40);
    const std::size_t allocated = allocations;
    const std::size_t locked = locks;
    for (int round = 0; round < 1000; ++round) exchange(1 + static_cast<std::size_t>(round) % 44);
    CHECK(allocations == allocated);
    CHECK(locks == locked);
    CHECK(a.tun.written > 20'000);
    CHECK(b.tun.written > 20'000);
  }
}

TEST_CASE("the counters of this test count") {
  const std::size_t allocated = allocations;
  const auto memory = std::make_unique<int>(1);
  CHECK(allocations == allocated + 1);
  const std::size_t locked = locks;
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&mutex);
  pthread_mutex_unlock(&mutex);
  CHECK(locks == locked + 1);
}
