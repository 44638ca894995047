// SPDX-License-Identifier: MIT
#include "request_server.hpp"

#include <net/if.h>

#include <cerrno>

#include "link_drops.hpp"

namespace culvert::daemon {
namespace {

half::Reply reply_to(const half::Request& request) {
  half::Reply reply;
  reply.ask = request.ask;
  reply.serial = request.serial;
  return reply;
}

half::Group describe(const std::optional<io::UdpGroup>& group, std::vector<int>& descriptors) {
  half::Group result;
  if (!group) return result;
  result.present = 1;
  result.gso = group->offloads.gso ? 1 : 0;
  result.gro = group->offloads.gro ? 1 : 0;
  result.lane_receive_octets = group->lane_receive_octets;
  descriptors.push_back(group->control.get());
  for (const io::UniqueFd& lane : group->lanes) descriptors.push_back(lane.get());
  return result;
}

}  // namespace

void RequestServer::set_policy(RequestPolicy policy) {
  if (outside_ && policy.lane_buffer_octets != policy_.lane_buffer_octets)
    calls_.set_buffers(*outside_, policy.lane_buffer_octets);
  policy_ = policy;
}

RequestServer::Answer RequestServer::failure(const half::Request& request, const io::SystemError& error) {
  last_refusal_ = error.message();
  half::Reply reply = reply_to(request);
  reply.error = error.code != 0 ? error.code : EIO;
  reply.what = half::padded<sizeof reply.what>(error.what);
  return {reply, {}};
}

Result<RequestServer::Answer, half::Refusal> RequestServer::answer(Bytes octets) {
  if (octets.size() == sizeof(half::Thinning)) {
    const auto thinning = half::decode<half::Thinning>(octets);
    if (!thinning) return Err{thinning.error()};
    return answer(*thinning);
  }
  const auto request = half::decode<half::Request>(octets);
  if (!request) return Err{request.error()};
  return answer(*request);
}

RequestServer::Answer RequestServer::answer(const half::Request& request) {
  half::Reply reply = reply_to(request);
  if (request.ask == half::Ask::open_udp || request.ask == half::Ask::set_mark) last_refusal_.clear();
  switch (request.ask) {
    case half::Ask::open_udp:
      return open_udp(request);
    case half::Ask::close_udp:
      outside_.reset();
      break;
    case half::Ask::set_mark:
      return set_mark(request);
    case half::Ask::scope_index:
      reply.value = calls_.scope_index(half::unpadded(request.name));
      break;
    case half::Ask::link_drops:
      reply.value = calls_.link_drops();
      break;
    case half::Ask::thin:  // is a message of its own
      reply.error = EINVAL;
      break;
  }
  return {reply, {}};
}

RequestServer::Answer RequestServer::answer(const half::Thinning& thinning) {
  half::Reply reply;
  reply.ask = half::Ask::thin;
  reply.serial = thinning.serial;
  const Family family = thinning.v6 != 0 ? Family::v6 : Family::v4;
  const bool meant = outside_ && outside_->port == thinning.port;  // not those whose hand-over was lost
  const auto* group = !meant ? nullptr : family == Family::v4 ? &outside_->v4 : &outside_->v6;
  const io::Thinning wish{.family = family,
                          .mix = thinning.mix,
                          .share = thinning.share,
                          .senders = std::span(thinning.senders).first(thinning.count)};
  Result<void, io::SystemError> thinned = Err{io::SystemError{ENOTSOCK, "thin a flood"}};
  if (group != nullptr && *group) thinned = calls_.thin((*group)->control.get(), wish);
  if (!thinned) {
    reply.error = thinned.error().code;
    reply.what = half::padded<sizeof reply.what>(thinned.error().what);
  }
  return {reply, {}};
}

RequestServer::Answer RequestServer::open_udp(const half::Request& request) {
  const auto is_on = [](io::Switch value) -> std::uint8_t { return value == io::Switch::on ? 1 : 0; };
  if (request.lanes != policy_.lanes || request.gso != is_on(policy_.gso) || request.gro != is_on(policy_.gro))
    return failure(request, {EPERM, "open UDP sockets of another kind than those set up"});
  if (policy_.port && request.port != *policy_.port)
    return failure(request, {EPERM, "open UDP port " + std::to_string(request.port) + " (the configuration says " +
                                        std::to_string(*policy_.port) + ")"});
  if (policy_.mark && request.mark != *policy_.mark)
    return failure(request, {EPERM, "mark UDP sockets otherwise than the configuration says"});

  // Asked again for what it has: the answer before did not reach it.
  if (outside_ && request.port != 0 && request.port == outside_->port && request.mark == mark_) {
    for (const auto* group : {&outside_->v4, &outside_->v6})
      if (*group) (void)calls_.thin((*group)->control.get(), {.family = (*group)->family});
    return hand_over(request);
  }

  io::UdpOptions options;
  options.port = request.port;
  options.fwmark = request.mark;
  options.lanes = policy_.lanes;
  options.gso = policy_.gso;
  options.gro = policy_.gro;
  options.lane_buffer_octets = policy_.lane_buffer_octets;
  auto opened = calls_.open_udp(options);
  if (!opened) return failure(request, opened.error());
  outside_ = std::move(*opened);
  mark_ = request.mark;
  return hand_over(request);
}

RequestServer::Answer RequestServer::hand_over(const half::Request& request) const {
  Answer answer{reply_to(request), {}};
  answer.reply.port = outside_->port;
  answer.reply.v4 = describe(outside_->v4, answer.descriptors);
  answer.reply.v6 = describe(outside_->v6, answer.descriptors);
  return answer;
}

RequestServer::Answer RequestServer::set_mark(const half::Request& request) {
  if (policy_.mark && request.mark != *policy_.mark)
    return failure(request, {EPERM, "mark UDP sockets otherwise than the configuration says"});
  if (outside_) {
    if (auto marked = calls_.set_mark(*outside_, request.mark); !marked) {
      (void)calls_.set_mark(*outside_, mark_);
      return failure(request, marked.error());
    }
  }
  mark_ = request.mark;
  return {reply_to(request), {}};
}

RequestCalls system_request_calls(const std::string& interface) {
  return {
      .open_udp = [](const io::UdpOptions& options) { return io::open_outside(options); },
      .set_mark = [](const io::Outside& outside, std::uint32_t mark) { return io::set_fwmark(outside, mark); },
      .set_buffers = [](const io::Outside& outside, int octets) { io::set_lane_buffers(outside, octets); },
      .thin = [](int socket, const io::Thinning& thinning) { return io::thin(socket, thinning); },
      .scope_index = [](std::string_view name) -> std::uint32_t { return ::if_nametoindex(std::string(name).c_str()); },
      .link_drops = [&interface] { return io::link_drops(interface); }};
}

}  // namespace culvert::daemon
