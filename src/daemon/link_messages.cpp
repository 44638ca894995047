// SPDX-License-Identifier: MIT
// rtnetlink messages as values, and values as events: the part of the link monitor without a socket.
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>

#include "link_monitor.hpp"

namespace culvert::daemon {
namespace {

struct Attributes {
  std::string name;
  std::uint32_t mtu = 0;
  bool moved = false;
};

/// An attribute of the wrong shape is left out, as one that is not there.
int take_attribute(const nlattr* attribute, void* data) {
  auto& attributes = *static_cast<Attributes*>(data);
  switch (mnl_attr_get_type(attribute)) {
    case IFLA_IFNAME:
      if (mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0) attributes.name = mnl_attr_get_str(attribute);
      break;
    case IFLA_MTU:
      if (mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0) attributes.mtu = mnl_attr_get_u32(attribute);
      break;
    case IFLA_NEW_NETNSID:
      attributes.moved = true;
      break;
    default:
      break;
  }
  return MNL_CB_OK;
}

std::optional<LinkMessage> parse_link_message(const nlmsghdr* header) {
  if (header->nlmsg_type == NLMSG_DONE)
    return LinkMessage{.kind = LinkMessage::Kind::end_of_list, .index = 0, .state = {}};
  if (header->nlmsg_type != RTM_NEWLINK && header->nlmsg_type != RTM_DELLINK) return std::nullopt;
  if (mnl_nlmsg_get_payload_len(header) < sizeof(ifinfomsg)) return std::nullopt;
  const auto* const info = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(header));
  // Bridges tell about their ports under the same types.
  if (info->ifi_family != AF_UNSPEC) return std::nullopt;
  Attributes attributes;
  mnl_attr_parse(header, sizeof(ifinfomsg), take_attribute, &attributes);
  LinkMessage message;
  message.index = info->ifi_index;
  if (header->nlmsg_type == RTM_DELLINK) {
    message.kind = attributes.moved ? LinkMessage::Kind::moved : LinkMessage::Kind::deleted;
  } else {
    message.state = {.up = (info->ifi_flags & IFF_UP) != 0, .mtu = attributes.mtu, .name = std::move(attributes.name)};
  }
  return message;
}

}  // namespace

std::vector<LinkMessage> parse_link_messages(Bytes octets) {
  std::vector<LinkMessage> messages;
  // libmnl's own check of the length takes one above 2^31 for a negative number.
  while (octets.size() >= sizeof(nlmsghdr)) {
    const auto* const header = reinterpret_cast<const nlmsghdr*>(octets.data());
    if (header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > octets.size()) break;
    if (auto message = parse_link_message(header)) messages.push_back(std::move(*message));
    octets = octets.subspan(std::min<std::size_t>(NLMSG_ALIGN(header->nlmsg_len), octets.size()));
  }
  return messages;
}

std::vector<LinkEvent> link_events(const std::optional<LinkState>& previous, const LinkState& current) {
  std::vector<LinkEvent> events;
  if (previous && previous->name != current.name) events.emplace_back(link::Renamed{current.name});
  // Before "up", so that what starts then starts with the right size.
  if (!previous || previous->mtu != current.mtu) events.emplace_back(link::MtuChanged{current.mtu});
  const bool turned = !previous || previous->up != current.up;
  if (turned && current.up) events.emplace_back(link::Up{});
  if (turned && !current.up) events.emplace_back(link::Down{});
  return events;
}

}  // namespace culvert::daemon
