// SPDX-License-Identifier: MIT
// The packet half as the host half sees it: a process with two pairs and a pipe.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <utility>

#include <culvert/result.hpp>

#include "unique_fd.hpp"

namespace culvert::daemon {

/// The word by which the program knows that it is to be the packet half; not for people.
inline constexpr const char* kPacketHalfArgument = "--packet-half";

/// Where the packet half finds its ends. Its standard error is the log's pipe.
inline constexpr int kNewsDescriptor = 3;
inline constexpr int kRequestsDescriptor = 4;

class PacketProcess {
 public:
  /// Starts this very executable again, as the packet half: with a new address space and no descriptor but its ends.
  /// \param interface  shown in the process list.
  /// Error: a sentence. The calling thread's signals are as before.
  [[nodiscard]] static Result<PacketProcess, std::string> start(const std::string& interface);

  PacketProcess(PacketProcess&&) noexcept = default;
  PacketProcess& operator=(PacketProcess&&) = delete;
  /// Kills it, if it still runs.
  ~PacketProcess();

  [[nodiscard]] pid_t pid() const noexcept { return pid_.value; }
  [[nodiscard]] int news() const noexcept { return news_.get(); }
  [[nodiscard]] int requests() const noexcept { return requests_.get(); }
  /// Lines of the log, read without waiting.
  [[nodiscard]] int log() const noexcept { return log_.get(); }

  /// Asks it to end by closing the pairs, kills it after `limit`, and buries it.
  /// \returns how it ended: "it ended with exit code 0".
  std::string end(std::chrono::milliseconds limit);

 private:
  struct Pid {
    Pid() noexcept = default;
    explicit Pid(pid_t given) noexcept : value(given) {}
    Pid(Pid&& other) noexcept : value(std::exchange(other.value, -1)) {}
    Pid& operator=(Pid&&) = delete;
    pid_t value = -1;
  };
  PacketProcess(pid_t pid, io::UniqueFd news, io::UniqueFd requests, io::UniqueFd log) noexcept
      : pid_(pid), news_(std::move(news)), requests_(std::move(requests)), log_(std::move(log)) {}

  Pid pid_;
  io::UniqueFd news_, requests_, log_;
};

/// "it was ended by signal 9 (Killed)".
[[nodiscard]] std::string describe_end(int wait_status);

}  // namespace culvert::daemon
