// SPDX-License-Identifier: MIT
#include "handshake_workers.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <utility>

namespace culvert::engine {
namespace {

constexpr std::size_t kUsualThreads = 2;
constexpr int kNiceness = 5;
constexpr std::size_t kWorthWaking = 4;  // computed jobs

}  // namespace

std::size_t HandshakeWorkers::usual_count() noexcept {
  return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, kUsualThreads);
}

HandshakeWorkers::HandshakeWorkers(std::size_t count, Wakeup& done)
    : most_(std::min(count * kForEach, kRoom)), done_wakeup_(done) {
  // Signals are for the control thread.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (std::size_t i = 0; i < count; ++i) threads_.emplace_back([this] { work(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  std::unique_lock lock(mutex_);
  started_.wait(lock, [&] { return running_ == count; });
}

HandshakeWorkers::~HandshakeWorkers() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  more_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void HandshakeWorkers::submit(HandshakeJob job) {
  ++under_way_;
  {
    const std::lock_guard lock(mutex_);
    (void)waiting_.push(job);  // there is room for all that may be under way
  }
  more_.notify_one();
}

std::optional<HandshakeJob> HandshakeWorkers::take() {
  HandshakeJob job;
  {
    const std::lock_guard lock(mutex_);
    if (!done_.pop(job)) {
      woken_ = false;  // under the lock: what is done from now on wakes again
      return std::nullopt;
    }
  }
  --under_way_;
  return job;
}

void HandshakeWorkers::work() {
  ::setpriority(PRIO_PROCESS, 0, kNiceness);  // of this thread alone
  std::unique_lock lock(mutex_);
  ++running_;
  started_.notify_one();
  for (;;) {
    HandshakeJob job;
    while (!stopping_ && !waiting_.pop(job)) more_.wait(lock);
    if (stopping_) return;
    lock.unlock();
    compute(job);
    lock.lock();
    (void)done_.push(job);
    // Control need not come for each: while there is more to compute, for a few at once.
    const bool worth_it = waiting_.room() == kRoom || kRoom - done_.room() >= kWorthWaking;
    if (worth_it && !std::exchange(woken_, true)) done_wakeup_.wake();
  }
}

}  // namespace culvert::engine
