// SPDX-License-Identifier: MIT
#include "udp_receive.hpp"

#include <algorithm>
#include <cerrno>

#include "socket_name.hpp"
#include "udp_control.hpp"
#include "udp_counters.hpp"

namespace culvert::io {
namespace {

using namespace std::chrono_literals;

constexpr int kInterruptions = 4;  // tries before EINTR counts as an error like others

int receive_uninterrupted(UdpCalls& calls, int fd, std::span<mmsghdr> headers) noexcept {
  int count = -EINTR;
  for (int tries = 0; count == -EINTR && tries < kInterruptions; ++tries) count = calls.receive_batch(fd, headers);
  return count;
}

/// Fills everything but the drop count, which belongs to the socket. \returns false for a sender of no known family.
bool fill(InTrain& train, const mmsghdr& header, const InControl& control, MutBytes slot) noexcept {
  const auto from =
      from_socket_name(*static_cast<const SocketName*>(header.msg_hdr.msg_name), header.msg_hdr.msg_namelen);
  if (!from) return false;
  train.octets = slot.first(std::min<std::size_t>(header.msg_len, slot.size()));
  // The kernel names a segment size for trains alone; one of 0 or beyond the data makes no train.
  const std::size_t whole = std::max<std::size_t>(1, train.octets.size());
  train.stride = control.segment_octets == 0 ? whole : std::min(control.segment_octets, whole);
  train.from = *from;
  train.local = control.local;
  train.ecn = control.ecn;
  train.truncated = (header.msg_hdr.msg_flags & MSG_TRUNC) != 0 || header.msg_len > slot.size();
  return true;
}

}  // namespace

ReceiveOutcome TrainReceiver::receive(UdpCalls& calls, int fd, ReceiveSlab& slab, UdpCounters& counters) noexcept {
  const std::span<mmsghdr> headers = slab.prepare();
  const int returned = receive_uninterrupted(calls, fd, headers);
  if (returned <= 0) return failure(calls, fd, -returned, counters);
  errors_in_a_row_ = 0;

  const std::span<InTrain> trains = slab.trains();
  const std::size_t count = std::min(static_cast<std::size_t>(returned), headers.size());
  std::size_t filled = 0;
  std::uint64_t datagrams = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const InControl control = read_control(headers[i].msg_hdr);
    if (control.drops) note_drops(*control.drops, counters);
    if (!fill(trains[filled], headers[i], control, slab.slot(i))) {
      add(counters.receive_errors, 1);
      continue;
    }
    datagrams += datagram_count(trains[filled].octets.size(), trains[filled].stride);
    ++filled;
  }
  add(counters.received_calls, 1);
  add(counters.received_datagrams, datagrams);
  if (filled == 0) return {};
  return {ReceiveStatus::received, trains.first(filled), 0};
}

ReceiveOutcome TrainReceiver::failure(UdpCalls& calls, int fd, int error, UdpCounters& counters) noexcept {
  if (error == 0 || error == EAGAIN) {
    errors_in_a_row_ = 0;
    return {};
  }
  add(counters.receive_errors, 1);
  if (error == EBADF || error == ENOTSOCK) return {ReceiveStatus::dead, {}, error};
  if (++errors_in_a_row_ >= kErrorsUntilRest) {
    errors_in_a_row_ = kErrorsUntilRest;
    calls.wait(fd, UdpCalls::Await::nothing, 1ms);
  }
  return {ReceiveStatus::failed, {}, error};
}

void TrainReceiver::note_drops(std::uint32_t drops, UdpCounters& counters) noexcept {
  add(counters.kernel_drops, static_cast<std::uint32_t>(drops - drops_seen_));
  drops_seen_ = drops;
}

}  // namespace culvert::io
