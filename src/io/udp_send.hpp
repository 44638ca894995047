// SPDX-License-Identifier: MIT
#pragma once

#include <array>

#include "socket_name.hpp"
#include "udp_calls.hpp"
#include "udp_control.hpp"
#include "udp_gso_policy.hpp"
#include "udp_socket.hpp"

namespace culvert::io {

/// The sending half of one socket. See udp_send.cpp for the order of things.
class TrainSender {
 public:
  /// Messages that one sendmmsg carries at most.
  static constexpr std::size_t kMaxMessages = 64;
  /// A full buffer is waited for this often and this long in one `send`: a millisecond at most.
  static constexpr unsigned kMaxWaits = 4;
  static constexpr std::chrono::microseconds kWait{250};

  /// What may be an ICMP message's error is believed after so many repeats in a row.
  static constexpr unsigned kRepeats = 4;
  /// Repeats in one `send`: what 32 trains need that go neither with their source nor without it.
  static constexpr unsigned kMaxRepeats = 32 * 2 * kRepeats;

  TrainSender(Family family, GsoPolicy::Start gso) noexcept : family_(family), gso_(gso) {}
  TrainSender(const TrainSender&) = delete;
  TrainSender& operator=(const TrainSender&) = delete;

  /// What the kernel said of a train often enough to be no ICMP message's error.
  struct Sure {
    std::size_t train = 0;
    int error = 0;  // 0: nothing yet
  };
  /// What one call to `send` works on. borrowed: all of it, for the call.
  struct Call {
    UdpCalls& calls;
    int fd;
    UdpCounters& counters;
    std::span<const OutTrain> trains;
    std::span<SendOutcome> outcomes;
    unsigned waits_left = kMaxWaits;
    unsigned repeats_left = kMaxRepeats;
    Sure sure{};  // of the train at work, as it is sent now
  };

  void send(Call call) noexcept;
  void forget_destinations() noexcept { gso_.forget_destinations(); }

 private:
  /// A part of a train that goes with one sendmsg.
  struct Message {
    std::size_t train = 0;
    std::size_t offset = 0;
    std::size_t octets = 0;
    std::size_t datagrams = 0;
  };
  struct Side {  // what a header points to
    SocketName name;
    iovec octets;
    alignas(cmsghdr) std::array<std::byte, kOutControlOctets> control;
  };

  void append(Call& call, std::size_t train) noexcept;
  void flush(Call& call) noexcept;
  void describe(const Call& call, std::size_t i) noexcept;
  [[nodiscard]] int attempt(Call& call, std::size_t i) noexcept;

  void recover(Call& call, std::size_t i, int error) noexcept;
  [[nodiscard]] bool is_sure(const Call& call, std::size_t i, int error) const noexcept;
  [[nodiscard]] int retry(Call& call, std::size_t i, int error) noexcept;
  [[nodiscard]] int retry_when_writable(Call& call, std::size_t i, int error) noexcept;
  [[nodiscard]] int retry_without_source(Call& call, std::size_t i, int error) noexcept;
  void resend_plain(Call& call, std::size_t i, int error) noexcept;

  Family family_;
  GsoPolicy gso_;
  std::size_t count_ = 0;  // messages that wait for `flush`
  std::array<Message, kMaxMessages> messages_{};
  std::array<mmsghdr, kMaxMessages> headers_{};
  std::array<Side, kMaxMessages> sides_;
};

}  // namespace culvert::io
