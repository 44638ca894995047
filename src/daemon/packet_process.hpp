// SPDX-License-Identifier: MIT
// The packet half as the host half sees it: a process with two pairs and a pipe, its child or the service manager's.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <utility>

#include <culvert/result.hpp>

#include "packet_service.hpp"
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

  /// Has the service manager start it, see packet_service.hpp. \param socket  its path. Error: a sentence.
  [[nodiscard]] static Result<PacketProcess, std::string> call(const std::string& socket);

  PacketProcess(PacketProcess&&) noexcept = default;
  PacketProcess& operator=(PacketProcess&&) = delete;
  /// Kills it, if it still runs.
  ~PacketProcess();

  [[nodiscard]] int news() const noexcept { return news_.get(); }
  [[nodiscard]] int requests() const noexcept { return requests_.get(); }
  /// Lines of the log, read without waiting.
  [[nodiscard]] int log() const noexcept { return log_.get(); }

  /// Asks it to end by closing the pairs, kills it after `limit`, and waits until it is gone.
  /// \returns how it ended: "it ended with exit code 0"; of what the service manager started only that manager knows.
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

  [[nodiscard]] std::string end_child(std::chrono::milliseconds limit);
  [[nodiscard]] std::string end_service(std::chrono::milliseconds limit);

  Pid pid_;  // of a child
  io::UniqueFd news_, requests_, log_;
  io::UniqueFd life_;  // of what the service manager started
};

/// "it was ended by signal 9 (Killed)".
[[nodiscard]] std::string describe_end(int wait_status);

}  // namespace culvert::daemon
