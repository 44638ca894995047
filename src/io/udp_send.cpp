// SPDX-License-Identifier: MIT
// How trains leave. Each train becomes messages: one for as many datagrams as UDP_SEGMENT takes, or one for each
// datagram. Messages gather over trains and leave with sendmmsg. The kernel stops at the first message that it refuses;
// that one is recovered by itself, and the rest goes on behind it, so that nothing is lost, doubled or reordered:
//
//   0. an error that may be an ICMP message about another  again at once, until it was said five times in a row: the
//                                                          kernel tells what ICMP said once for each such message
//   1. no room (EAGAIN, ENOBUFS, ENOMEM)                     wait a little, within the bound of the whole call
//   2. an error that a stale sticky source can cause         once more without the source
//   3. an error that UDP_SEGMENT can cause                   datagram by datagram, and the policy learns
//   4. what is refused even then                             is lost and counted
//
// The kernel judges the source before it segments, so 2 comes before 3. EINVAL speaks of either: the source is to blame
// only if the train goes without it. Anybody may forge ICMP messages, so an error that may be theirs blames neither
// before 0 made sure of it; when a flood of them has used up the tries of the call, the message is lost and no more.
#include "udp_send.hpp"

#include <algorithm>
#include <cerrno>

#include "udp_counters.hpp"

namespace culvert::io {
namespace {

constexpr int kInterruptions = 4;  // tries before EINTR counts as an error like others

bool lacks_room(int error) noexcept { return error == EAGAIN || error == ENOBUFS || error == ENOMEM; }

/// Errors by which the kernel tells what ICMP said of an earlier datagram, to whomever that went [icmp_err_convert,
/// icmpv6_err_convert]. Packet Too Big is among them with IPV6_RECVERR, though nobody asked for path MTU discovery.
bool may_be_told_late(Family family, int error) noexcept {
  switch (error) {
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENONET:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case EPROTO:
    case EACCES:
      return true;
    case EMSGSIZE:
      return family == Family::v6;
    default:
      return false;
  }
}

bool may_blame_source(int error) noexcept {
  switch (error) {
    case EPERM:
    case EACCES:
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL:
    case ENODEV:
    case EINVAL:
      return true;
    default:
      return false;
  }
}

bool may_blame_segmentation(int error) noexcept {
  return error == EIO || error == EOPNOTSUPP || error == EMSGSIZE || error == EINVAL;
}

void count_sent(UdpCounters& counters, SendOutcome& outcome, std::size_t datagrams) noexcept {
  outcome.sent += datagrams;
  add(counters.sent_datagrams, datagrams);
}

void count_failed(UdpCounters& counters, SendOutcome& outcome, std::size_t datagrams, int error) noexcept {
  outcome.failed += datagrams;
  outcome.error = error;
  add(counters.failed_datagrams, datagrams);
}

}  // namespace

void TrainSender::send(Call call) noexcept {
  for (std::size_t t = 0; t < call.trains.size(); ++t) {
    const OutTrain& train = call.trains[t];
    call.outcomes[t] = {};
    const bool fits = train.to.address.family == family_;
    if (fits && (train.stride != 0 || train.octets.empty()))
      append(call, t);
    else
      count_failed(call.counters, call.outcomes[t], datagram_count(train.octets.size(), train.stride),
                   fits ? EINVAL : EAFNOSUPPORT);
  }
  flush(call);
}

void TrainSender::append(Call& call, std::size_t t) noexcept {
  const OutTrain& train = call.trains[t];
  std::size_t offset = 0;
  do {
    const std::size_t left = train.octets.size() - offset;
    const std::size_t segments = left > train.stride ? gso_.take_segments(train.to.address, train.stride) : 1;
    const std::size_t octets = std::min(left, segments * train.stride);
    if (count_ == kMaxMessages) flush(call);
    messages_[count_] = {t, offset, octets, datagram_count(octets, train.stride)};
    describe(call, count_++);
    offset += octets;
  } while (offset < train.octets.size());
}

void TrainSender::describe(const Call& call, std::size_t i) noexcept {
  const Message& message = messages_[i];
  const OutTrain& train = call.trains[message.train];
  Side& side = sides_[i];
  const Bytes octets = train.octets.subspan(message.offset, message.octets);
  side.octets = {const_cast<std::uint8_t*>(octets.data()), octets.size()};  // sendmmsg does not write
  const OutControl control{
      .family = family_,
      .from = call.outcomes[message.train].source_rejected ? std::nullopt : train.from,
      .tos = train.tos,
      .segment_octets = message.datagrams > 1 ? static_cast<std::uint16_t>(train.stride) : std::uint16_t{0},
  };
  msghdr& header = headers_[i].msg_hdr;
  header = {};
  header.msg_name = &side.name;
  header.msg_namelen = to_socket_name(train.to, side.name);
  header.msg_iov = &side.octets;
  header.msg_iovlen = 1;
  header.msg_controllen = write_control(control, side.control);
  header.msg_control = header.msg_controllen != 0 ? side.control.data() : nullptr;
}

void TrainSender::flush(Call& call) noexcept {
  std::size_t i = 0;
  while (i < count_) {
    const std::size_t asked = count_ - i;
    const int returned = call.calls.send_batch(call.fd, std::span(headers_).subspan(i, asked));
    add(call.counters.sent_calls, 1);
    if (returned <= 0) {
      recover(call, i, returned == 0 ? EAGAIN : -returned);
      ++i;
      continue;
    }
    for (const std::size_t end = i + std::min(static_cast<std::size_t>(returned), asked); i < end; ++i)
      count_sent(call.counters, call.outcomes[messages_[i].train], messages_[i].datagrams);
  }
  count_ = 0;
}

/// Sends message i alone. \returns 0 or errno.
int TrainSender::attempt(Call& call, std::size_t i) noexcept {
  int returned = -EINTR;
  for (int tries = 0; returned == -EINTR && tries < kInterruptions; ++tries) {
    returned = call.calls.send_batch(call.fd, std::span(headers_).subspan(i, 1));
    add(call.counters.sent_calls, 1);
  }
  if (returned == 0) return EAGAIN;
  return returned < 0 ? -returned : 0;
}

void TrainSender::recover(Call& call, std::size_t i, int error) noexcept {
  const Message& message = messages_[i];
  SendOutcome& outcome = call.outcomes[message.train];
  error = retry(call, i, error == EINTR ? attempt(call, i) : error);
  if (may_blame_source(error) && is_sure(call, i, error)) error = retry_without_source(call, i, error);
  if (may_blame_segmentation(error) && is_sure(call, i, error) && message.datagrams > 1)
    resend_plain(call, i, error);
  else if (error != 0)
    count_failed(call.counters, outcome, message.datagrams, error);
  else
    count_sent(call.counters, outcome, message.datagrams);
}

/// False: the error may be what ICMP said of another datagram.
bool TrainSender::is_sure(const Call& call, std::size_t i, int error) const noexcept {
  return !may_be_told_late(family_, error) || (call.sure.train == messages_[i].train && call.sure.error == error);
}

/// Sends message i again while that may help. \returns what is left of the error: 0 when the message went after all.
int TrainSender::retry(Call& call, std::size_t i, int error) noexcept {
  error = retry_when_writable(call, i, error);
  unsigned repeats = 0;
  while (!is_sure(call, i, error) && call.repeats_left > 0) {
    --call.repeats_left;
    const int again = retry_when_writable(call, i, attempt(call, i));
    repeats = again == error ? repeats + 1 : 0;
    error = again;
    if (repeats == kRepeats) call.sure = {messages_[i].train, error};
  }
  return error;
}

/// \returns what is left of the error: 0 when the message went after all.
int TrainSender::retry_when_writable(Call& call, std::size_t i, int error) noexcept {
  while (lacks_room(error) && call.waits_left > 0) {
    --call.waits_left;
    add(call.counters.send_waits, 1);
    // ENOBUFS and ENOMEM come from elsewhere than this socket's buffer: it counts as writable all the while.
    const auto what = error == EAGAIN ? UdpCalls::Await::writable : UdpCalls::Await::nothing;
    call.calls.wait(call.fd, what, kWait);
    error = attempt(call, i);
  }
  return error;
}

/// \returns what is left of the error: 0 when the message went after all.
int TrainSender::retry_without_source(Call& call, std::size_t i, int error) noexcept {
  const std::size_t train = messages_[i].train;
  SendOutcome& outcome = call.outcomes[train];
  if (!call.trains[train].from || outcome.source_rejected) return error;

  outcome.source_rejected = true;
  describe(call, i);
  call.sure = {};
  const int again = retry(call, i, attempt(call, i));
  if (error == EINVAL && again == EINVAL) outcome.source_rejected = false;
  // This message, and those of the same train behind it, which still have the old source or get it back.
  for (std::size_t j = i; j < count_ && messages_[j].train == train; ++j) describe(call, j);
  return again;
}

void TrainSender::resend_plain(Call& call, std::size_t i, int error) noexcept {
  const Message whole = messages_[i];
  const OutTrain& train = call.trains[whole.train];
  SendOutcome& outcome = call.outcomes[whole.train];
  Resend resend = Resend::failed;
  call.sure = {};
  for (std::size_t done = 0; done < whole.octets;) {
    const std::size_t octets = std::min(train.stride, whole.octets - done);
    messages_[i] = {whole.train, whole.offset + done, octets, 1};
    describe(call, i);
    const int left = retry(call, i, attempt(call, i));
    if (left == 0) {
      resend = Resend::went;
      count_sent(call.counters, outcome, 1);
    } else {
      count_failed(call.counters, outcome, 1, left);
    }
    done += octets;
  }
  if (resend == Resend::went) add(call.counters.gso_fallbacks, 1);
  if (gso_.learn({error, train.to.address, train.stride, whole.datagrams}, resend)) outcome.gso_disabled_by = error;
}

}  // namespace culvert::io
