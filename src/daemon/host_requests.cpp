// SPDX-License-Identifier: MIT
#include "host_requests.hpp"

#include <algorithm>

namespace culvert::daemon {
namespace {

constexpr int kPatienceMs = 10'000;   // for what the tunnel cannot do without
constexpr int kStatisticsMs = 1'000;  // for what it can
constexpr int kFloodMs = 200;         // in the midst of a flood

std::optional<io::UdpGroup> take_group(Family family, const half::Group& group, std::uint16_t port, std::size_t lanes,
                                       std::vector<io::UniqueFd>::iterator& next) {
  if (group.present == 0) return std::nullopt;
  io::UdpGroup taken;
  taken.family = family;
  taken.port = port;
  taken.offloads = {.gso = group.gso != 0, .gro = group.gro != 0};
  taken.lane_receive_octets = group.lane_receive_octets;
  taken.control = std::move(*next++);
  for (std::size_t lane = 0; lane < lanes; ++lane) taken.lanes.push_back(std::move(*next++));
  return taken;
}

}  // namespace

Result<HostRequests::Answer, io::SystemError> HostRequests::ask(half::Request request, int limit_ms,
                                                                std::string_view what) {
  request.serial = ++serial_;
  return exchange(half::octets_of(request), request.ask, request.lanes, limit_ms, what);
}

Result<HostRequests::Answer, io::SystemError> HostRequests::exchange(Bytes octets, half::Ask kind, std::size_t lanes,
                                                                     int limit_ms, std::string_view what) {
  const auto failed = [what](int code, std::string_view why) {
    return Err{io::SystemError{code, std::string(what) + " (" + std::string(why) + ")"}};
  };
  if (auto sent = send_half_message(fd_, octets); !sent) return failed(sent.error(), "the host half takes no request");
  for (;;) {
    if (auto waited = await_half_message(fd_, limit_ms); !waited)
      return failed(waited.error(), "the host half does not answer");
    auto message = receive_half_message(fd_, half::kMaxDescriptors);
    if (!message) return failed(message.error(), "the host half's answer is not to be read");
    if (message->size == 0) return failed(EPIPE, "the host half is gone");
    const auto reply = half::decode<half::Reply>(message->bytes());
    if (!reply) return failed(EPROTO, reply.error());
    if (reply->serial != serial_) continue;  // of a request that was given up
    if (reply->ask != kind || message->descriptors.size() != half::descriptors_of(*reply, lanes))
      return failed(EPROTO, "the host half answers another question");
    if (reply->error != 0) return Err{io::SystemError{reply->error, std::string(half::unpadded(reply->what))}};
    return Answer{*reply, std::move(message->descriptors)};
  }
}

Result<io::Outside, io::SystemError> HostRequests::open_udp(const io::UdpOptions& options) {
  half::Request request;
  request.ask = half::Ask::open_udp;
  request.port = options.port;
  request.mark = options.fwmark;
  request.lanes = static_cast<std::uint8_t>(options.lanes);
  request.gso = options.gso == io::Switch::on ? 1 : 0;
  request.gro = options.gro == io::Switch::on ? 1 : 0;
  auto answer = ask(request, kPatienceMs, "open UDP sockets");
  if (!answer) return Err{answer.error()};
  const half::Reply& reply = answer->reply;
  auto next = answer->descriptors.begin();
  io::Outside outside;
  outside.port = port_ = reply.port;
  outside.v4 = take_group(Family::v4, reply.v4, reply.port, options.lanes, next);
  outside.v6 = take_group(Family::v6, reply.v6, reply.port, options.lanes, next);
  return outside;
}

Result<void, io::SystemError> HostRequests::set_mark(std::uint32_t mark) {
  half::Request request;
  request.ask = half::Ask::set_mark;
  request.mark = mark;
  auto answer = ask(request, kPatienceMs, "mark UDP sockets");
  if (!answer) return Err{answer.error()};
  return {};
}

Result<void, io::SystemError> HostRequests::thin(const io::Thinning& thinning) {
  half::Thinning message;
  message.serial = ++serial_;
  message.v6 = thinning.family == Family::v6 ? 1 : 0;
  message.port = port_;
  if (!thinning.senders.empty()) {
    message.share = static_cast<std::uint8_t>(thinning.share);
    message.mix = thinning.mix;
    message.count = static_cast<std::uint16_t>(thinning.senders.size());
    std::ranges::copy(thinning.senders, message.senders.begin());
  }
  auto answer = exchange(half::octets_of(message), half::Ask::thin, 0, kFloodMs, "thin a flood");
  if (!answer) return Err{answer.error()};
  return {};
}

void HostRequests::close_udp() {
  half::Request request;
  request.ask = half::Ask::close_udp;
  (void)ask(request, kPatienceMs, "close UDP sockets");
}

std::uint32_t HostRequests::scope_index(std::string_view name) {
  half::Request request;
  request.ask = half::Ask::scope_index;
  request.name = half::padded<sizeof request.name>(name);
  if (auto good = half::check(request); !good || name.size() >= request.name.size()) return 0;
  const auto answer = ask(request, kPatienceMs, "look an interface up");
  return answer ? static_cast<std::uint32_t>(answer->reply.value) : 0;
}

std::uint64_t HostRequests::link_drops() {
  half::Request request;
  request.ask = half::Ask::link_drops;
  if (const auto answer = ask(request, kStatisticsMs, "count the interface's drops")) drops_ = answer->reply.value;
  return drops_;
}

}  // namespace culvert::daemon
