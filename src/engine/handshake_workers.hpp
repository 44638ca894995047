// SPDX-License-Identifier: MIT
// A few threads that compute handshake jobs (core/handshake_job.hpp) for the control thread, which thereby stays free
// for timers, mail and the door. They work at a lower priority than everything else here: a flood of handshakes may
// have the time that packets leave over.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "handshake_job.hpp"
#include "mailbox.hpp"
#include "ring.hpp"

namespace culvert::engine {

class HandshakeWorkers {
 public:
  /// As many as make sense: one for each processor, at most two.
  [[nodiscard]] static std::size_t usual_count() noexcept;

  /// Starts the threads, and returns when all that needs a system call of its own is done: a filter may follow. \param
  /// count  at least 1. \param done  is woken when there are computed jobs; it outlives this.
  HandshakeWorkers(std::size_t count, Wakeup& done);
  HandshakeWorkers(const HandshakeWorkers&) = delete;
  HandshakeWorkers& operator=(const HandshakeWorkers&) = delete;
  /// Ends the threads after the jobs under way; the others are forgotten.
  ~HandshakeWorkers();

  // The rest is for the control thread alone.

  /// No more may be submitted now: what waits longer should wait where its length counts, in the queue.
  [[nodiscard]] bool full() const noexcept { return under_way_ >= most_; }
  /// Jobs submitted and not yet taken.
  [[nodiscard]] std::size_t under_way() const noexcept { return under_way_; }
  /// Only when not `full`.
  void submit(HandshakeJob job);
  /// A computed job, in the order in which they were done. nullopt: none now.
  [[nodiscard]] std::optional<HandshakeJob> take();

 private:
  static constexpr std::size_t kRoom = 32;    // a power of two
  static constexpr std::size_t kForEach = 8;  // jobs a thread: enough to keep it busy until control comes round
  void work();

  const std::size_t most_;
  Wakeup& done_wakeup_;
  std::size_t under_way_ = 0;

  std::mutex mutex_;
  std::condition_variable more_, started_;
  std::size_t running_ = 0;                          // under the mutex
  Ring<HandshakeJob> waiting_{kRoom}, done_{kRoom};  // both under the mutex
  bool woken_ = false;                               // control will take until there is nothing more
  bool stopping_ = false;                            // likewise
  std::vector<std::thread> threads_;
};

}  // namespace culvert::engine
