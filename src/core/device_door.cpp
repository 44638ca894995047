// SPDX-License-Identifier: MIT
// The door of the handshakes: what is asked of a message before it may wait for its mathematics. Type, length and mac1
// always; under load also proof of its sender's address, by mac2, and that address's share. All of this costs a few
// hashes, no multiplication, no memory. So a flood can neither fill the queue nor keep out those who prove themselves.
//
//   load     mac2 fits                    it does not
//   normal   passes                       passes
//   busy     the address's share passes   so does the share of a stranger's bucket; the rest get a cookie
//   crowded  the same                     so does a newcomer, from whose bucket nothing came lately
//   heavy    the same                     gets a cookie
//
// A cookie reply is the only answer, 64 octets for at least 92, and who gets one past its share gets one in eight.
//
// Anybody can send us cookie replies, which carry no mac1. So they never wait, and count as no load: one that answers
// nothing costs a look at a table, and only one for an index whose message awaits an answer is opened.
#include "device.hpp"
#include "params.hpp"

namespace culvert {
namespace {

constexpr unsigned kAnsweredPastShare = 8;  // one in so many

}  // namespace

Result<wire::Type, Drop> Device::screen(Bytes datagram) const noexcept {
  const auto type = wire::classify(datagram);
  if (!type || *type == wire::Type::data) return Err{Drop::not_wireguard};
  if (!has_identity_) return Err{Drop::no_identity};
  switch (*type) {
    case wire::Type::initiation:
      if (!checker_.mac1_fits(wire::load<wire::Initiation>(datagram))) return Err{Drop::bad_mac1};
      break;
    case wire::Type::response:
      if (!checker_.mac1_fits(wire::load<wire::Response>(datagram))) return Err{Drop::bad_mac1};
      break;
    case wire::Type::cookie_reply:
    case wire::Type::data:
      break;
  }
  return *type;
}

Result<Admission, Drop> Device::admit(Now now, Bytes datagram, const Endpoint& from, const std::optional<Source>& local,
                                      Load load, Actions& actions) {
  const auto type = wire::classify(datagram);
  if (!type || *type == wire::Type::data) return refuse(Drop::not_wireguard, from, {}, actions);
  if (link_ == Link::down) return refuse(Drop::interface_down, from, {}, actions);
  if (*type == wire::Type::cookie_reply) {
    const auto taken = on_cookie_reply(now, wire::load<wire::CookieReply>(datagram), actions);
    if (!taken) return refuse(taken.error(), from, {}, actions);
    return Admission::done;
  }
  if (load == Load::normal) return Admission::waits;
  const auto check = [&](const auto& message) -> Result<Admission, Drop> {
    if (checker_.mac2_fits(now.mono, message, from)) {
      if (limiter_.allow(now.mono, from.address)) return Admission::waits;
      return refuse(Drop::rate_limited, from, {}, actions);
    }
    if (load == Load::busy && admitted_strangers_.take(now.mono, from.address)) return Admission::waits;
    if (load == Load::crowded && admitted_strangers_.take_of_full(now.mono, from.address)) return Admission::waits;
    if (answered_strangers_.take(now.mono, from.address) || ++past_share_ % kAnsweredPastShare == 0) {
      const auto reply = checker_.make_reply(now.mono, message.sender, message.macs.mac1, from, entropy_);
      actions.outgoing.emplace_back(reply, from, local, std::uint8_t{0});
      actions.events.push_back({.kind = Event::Kind::cookie_sent, .endpoint = from});
    }
    return refuse(Drop::cookie_demanded, from, {}, actions);
  };
  return *type == wire::Type::initiation ? check(wire::load<wire::Initiation>(datagram))
                                         : check(wire::load<wire::Response>(datagram));
}

}  // namespace culvert
