// SPDX-License-Identifier: MIT
#include "half_protocol.hpp"

#include <algorithm>
#include <bit>
#include <span>

#include "interface_name.hpp"
#include "log.hpp"
#include "udp_steering.hpp"
#include "vnet.hpp"

namespace culvert::daemon::half {
namespace {

constexpr std::int32_t kGreatestErrno = 4095;  // [K include/linux/err.h] MAX_ERRNO

Err<Refusal> refuse(std::string_view why) { return Err{Refusal(why)}; }

bool is_switch(std::uint8_t value) noexcept { return value <= 1; }

/// NUL-terminated, and nothing behind the end.
template <std::size_t N>
bool is_padded(const std::array<char, N>& text) noexcept {
  const auto end = std::find(text.begin(), text.end(), '\0');
  return end != text.end() && std::all_of(end, text.end(), [](char c) { return c == '\0'; });
}

template <std::size_t N>
bool is_printable(const std::array<char, N>& text) noexcept {
  const auto whole = unpadded(text);
  return is_padded(text) && std::all_of(whole.begin(), whole.end(), [](char c) {
           const auto octet = static_cast<unsigned char>(c);
           return octet >= ' ' && octet != 0x7f;
         });
}

bool is_group(const Group& group) noexcept {
  if (group.zero != 0 || !is_switch(group.present) || !is_switch(group.gso) || !is_switch(group.gro)) return false;
  return group.present == 1 || (group.gso == 0 && group.gro == 0 && group.lane_receive_octets == 0);
}

bool is_ask(Ask ask) noexcept { return ask >= Ask::open_udp && ask <= Ask::thin; }

}  // namespace

Result<void, Refusal> check(const Request& request) noexcept {
  if (!is_ask(request.ask) || request.ask == Ask::thin) return refuse("a request of an unknown kind");
  const bool opens = request.ask == Ask::open_udp;
  const bool marks = request.ask == Ask::set_mark;
  const bool names = request.ask == Ask::scope_index;
  if (request.zero != 0) return refuse("a request with padding that is not zero");
  if (!is_switch(request.gso) || !is_switch(request.gro)) return refuse("a request with a switch beyond on and off");
  if (opens ? request.lanes < 1 || request.lanes > io::kMaxLanes : request.lanes != 0)
    return refuse("a request with a wrong count of lanes");
  if (!opens && (request.port != 0 || request.gso != 0 || request.gro != 0))
    return refuse("a request with more than its kind needs");
  if (!opens && !marks && request.mark != 0) return refuse("a request with a mark that its kind does not need");
  if (!is_padded(request.name)) return refuse("a request with a name that does not end");
  if (names ? !io::is_interface_name(unpadded(request.name)) : request.name != Name{})
    return refuse("a request with a wrong name");
  return {};
}

Result<void, Refusal> check(const Thinning& thinning) noexcept {
  if (thinning.zero != 0) return refuse("a thinning with padding that is not zero");
  if (!is_switch(thinning.v6)) return refuse("a thinning of an unknown family");
  if (thinning.count > thinning.senders.size()) return refuse("a thinning of too many senders");
  if (thinning.count == 0 ? thinning.share != 0 || thinning.mix != 0
                          : thinning.share < 1 || thinning.share > io::kLeastShare)
    return refuse("a thinning to a wrong share");
  const auto listed = std::span(thinning.senders).first(thinning.count);
  if (thinning.count != 0 && listed.back() > io::kTagBits) return refuse("a thinning of a sender that is none");
  const auto rest = std::span(thinning.senders).subspan(thinning.count);
  if (std::ranges::adjacent_find(listed, std::ranges::greater_equal{}) != listed.end())
    return refuse("a thinning of senders in disorder");
  if (!std::ranges::all_of(rest, [](std::uint32_t tag) { return tag == 0; }))
    return refuse("a thinning with more than its senders");
  return {};
}

Result<void, Refusal> check(const Reply& reply) noexcept {
  if (!is_ask(reply.ask)) return refuse("a reply of an unknown kind");
  if (reply.zero != 0 || !is_group(reply.v4) || !is_group(reply.v6)) return refuse("a reply with a wrong group");
  if (reply.error < 0 || reply.error > kGreatestErrno) return refuse("a reply with a wrong errno");
  const bool brings = reply.v4.present != 0 || reply.v6.present != 0;
  if (brings != (reply.ask == Ask::open_udp && reply.error == 0)) return refuse("a reply with sockets out of place");
  if (brings != (reply.port != 0)) return refuse("a reply with a port out of place");
  if (!is_printable(reply.what)) return refuse("a reply with a text that is none");
  return {};
}

Result<void, Refusal> check(const Setup& setup) noexcept {
  if (setup.queues < 1 || setup.queues > io::kMaxLanes) return refuse("a set-up with a wrong count of queues");
  if (setup.inside_offload > static_cast<std::uint8_t>(io::TunOffload::udp))
    return refuse("a set-up with an unknown offload");
  if (!is_switch(setup.gso) || !is_switch(setup.gro)) return refuse("a set-up with a switch beyond on and off");
  if (setup.log_level > static_cast<std::uint8_t>(LogLevel::verbose)) return refuse("a set-up with an unknown level");
  if ((setup.sockets & ~kSocketAll) != 0 || !is_switch(setup.all_metric_names))
    return refuse("a set-up with unknown sockets");
  if (!is_padded(setup.interface) || !io::is_interface_name(unpadded(setup.interface)) || !is_printable(setup.aead))
    return refuse("a set-up with a wrong name");
  return {};
}

Result<void, Refusal> check(const Handover& handover) noexcept {
  for (const std::uint8_t octet : handover.zero)
    if (octet != 0) return refuse("a handover with more to it");
  return {};
}

Result<void, Refusal> check(const Link& link) noexcept {
  if (!is_switch(link.up) || link.zero != 0) return refuse("a link that is neither up nor down");
  if (!is_switch(link.key_log)) return refuse("a link with a switch beyond on and off");
  if (!is_padded(link.interface) || !io::is_interface_name(unpadded(link.interface)))
    return refuse("a link without a name");
  return {};
}

Result<void, Refusal> check(const Reload& reload) noexcept {
  if (!is_switch(reload.refused) || reload.zero != 0) return refuse("a reload that is neither done nor refused");
  const bool counts =
      reload.peers_added != 0 || reload.peers_removed != 0 || reload.peers_changed != 0 || reload.other_keys != 0;
  if (reload.refused != 0 && counts) return refuse("a refused reload that changed something");
  if (!is_printable(reload.text)) return refuse("a reload with a text that is none");
  return {};
}

Result<void, Refusal> check(const Notice& notice) noexcept {
  using Kind = Notice::Kind;
  if (notice.kind < Kind::ready || notice.kind > Kind::heartbeat) return refuse("a notice of an unknown kind");
  if (notice.zero != 0) return refuse("a notice with padding that is not zero");
  const bool has_value = notice.kind == Kind::heartbeat || notice.kind == Kind::ready;
  if (!has_value && notice.value != 0) return refuse("a notice with a value out of place");
  if (!is_printable(notice.text)) return refuse("a notice with a text that is none");
  if (notice.kind != Kind::failed && notice.text != Text{}) return refuse("a notice with a text out of place");
  return {};
}

std::size_t writers_of(const Setup& setup) noexcept { return setup.queues == 1 ? 0 : setup.queues; }

std::size_t descriptors_of(const Setup& setup) noexcept {
  return setup.queues + writers_of(setup) + static_cast<std::size_t>(std::popcount(setup.sockets));
}

std::size_t descriptors_of(const Reply& reply, std::size_t lanes) noexcept {
  return (std::size_t{reply.v4.present} + reply.v6.present) * (1 + lanes);
}

}  // namespace culvert::daemon::half
