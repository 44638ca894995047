// SPDX-License-Identifier: MIT
#include "link_steps.hpp"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <initializer_list>

#include "netlink.hpp"

namespace culvert::host {
namespace {

constexpr std::uint16_t kCreate = NLM_F_CREATE | NLM_F_EXCL;

Failure failure(const NetlinkError& error, const std::string& interface, const Step& step) {
  Failure made = system_failure(error.code, to_string(step) + " of " + interface);
  if (!error.text.empty()) made.reason += ": " + error.text;
  return made;
}

/// \param fine  errors that say: it is so already, or it is gone
Result<void, Failure> ask(NetlinkRequest& request, const std::string& interface, const Step& step,
                          std::initializer_list<int> fine) {
  auto netlink = Netlink::open();
  if (!netlink) return Err{failure(netlink.error(), interface, step)};
  const auto done = netlink->ask(request);
  if (done || std::find(fine.begin(), fine.end(), done.error().code) != fine.end()) return {};
  return Err{failure(done.error(), interface, step)};
}

Result<std::uint32_t, Failure> index_of(const std::string& interface, const Step& step) {
  const unsigned index = ::if_nametoindex(interface.c_str());
  if (index == 0) return Err{failure({ENODEV, {}}, interface, step)};
  return index;
}

/// The link that a step was made on is still there.
bool same_link(const std::string& interface, const Before& before) {
  const auto link = before.find("link");
  return link != before.end() && link->second == std::to_string(::if_nametoindex(interface.c_str()));
}

bool was_present(const Before& before) { return before.contains("present"); }

Result<Before, Failure> look_at_link(const std::string& interface, const Step& step) {
  const auto index = index_of(interface, step);
  if (!index) return Err{index.error()};
  return Before{{"link", std::to_string(*index)}};
}

void address_request(NetlinkRequest& request, std::uint32_t link, const Prefix& prefix) {
  auto& fixed = request.fixed<ifaddrmsg>();
  fixed.ifa_family = netlink_family(prefix.address.family);
  fixed.ifa_prefixlen = prefix.length;
  fixed.ifa_index = link;
  request.put(IFA_LOCAL, prefix.address);
  request.put(IFA_ADDRESS, prefix.address);
}

struct LinkSettings {
  std::uint32_t mtu = 0;
  bool up = false;
};

Result<LinkSettings, Failure> settings_of(const std::string& interface, const Step& step) {
  auto netlink = Netlink::open();
  if (!netlink) return Err{failure(netlink.error(), interface, step)};
  NetlinkRequest request(RTM_GETLINK, 0);
  request.fixed<ifinfomsg>().ifi_family = AF_UNSPEC;
  request.put(IFLA_IFNAME, interface);
  LinkSettings settings;
  const auto asked = netlink->ask(request, [&](const nlmsghdr& message) {
    if (message.nlmsg_type != RTM_NEWLINK) return;
    settings.mtu = NetlinkAttributes(message, sizeof(ifinfomsg)).number(IFLA_MTU).value_or(0);
    settings.up = (static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(&message))->ifi_flags & IFF_UP) != 0;
  });
  if (!asked) return Err{failure(asked.error(), interface, step)};
  return settings;
}

Result<void, Failure> set_mtu(const std::string& interface, std::uint32_t mtu, const Step& step) {
  const auto index = index_of(interface, step);
  if (!index) return Err{index.error()};
  NetlinkRequest request(RTM_NEWLINK, 0);
  request.fixed<ifinfomsg>().ifi_index = static_cast<int>(*index);
  request.put(IFLA_MTU, mtu);
  return ask(request, interface, step, {});
}

Result<void, Failure> set_up(const std::string& interface, unsigned flags, const Step& step) {
  const auto index = index_of(interface, step);
  if (!index) return Err{index.error()};
  NetlinkRequest request(RTM_NEWLINK, 0);
  auto& fixed = request.fixed<ifinfomsg>();
  fixed.ifi_index = static_cast<int>(*index);
  fixed.ifi_change = IFF_UP;
  fixed.ifi_flags = flags;
  return ask(request, interface, step, {});
}

/// The old field holds small numbers only; the attribute holds all.
std::uint8_t table_octet(std::uint32_t table) noexcept { return static_cast<std::uint8_t>(table < 256 ? table : 0); }

void rule_request(NetlinkRequest& request, const step::Rule& rule) {
  auto& fixed = request.fixed<fib_rule_hdr>();
  fixed.family = netlink_family(rule.family);
  fixed.action = FR_ACT_TO_TBL;
  fixed.table = table_octet(rule.table);
  request.put(FRA_TABLE, rule.table);
  request.put(FRA_PRIORITY, rule.priority);
  request.put_octet(FRA_PROTOCOL, RTPROT_STATIC);
  if (rule.unless_mark) {
    fixed.flags |= FIB_RULE_INVERT;
    request.put(FRA_FWMARK, *rule.unless_mark);
  }
  if (rule.to) {
    fixed.dst_len = rule.to->length;
    request.put(FRA_DST, rule.to->address);
  }
  if (rule.suppress_prefix_length) request.put(FRA_SUPPRESS_PREFIXLEN, *rule.suppress_prefix_length);
}

void route_request(NetlinkRequest& request, std::uint32_t link, const step::Route& route) {
  auto& fixed = request.fixed<rtmsg>();
  fixed.rtm_family = netlink_family(route.to.address.family);
  fixed.rtm_dst_len = route.to.length;
  fixed.rtm_table = table_octet(route.table);
  fixed.rtm_protocol = RTPROT_STATIC;
  fixed.rtm_scope = route.to.address.family == Family::v4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  fixed.rtm_type = RTN_UNICAST;
  request.put(RTA_TABLE, route.table);
  if (route.to.length > 0) request.put(RTA_DST, route.to.address);
  request.put(RTA_OIF, link);
}

/// Whether the route is there, over this link: another one in its place is not it.
Result<bool, NetlinkError> has_route(std::uint32_t link, const step::Route& route) {
  auto netlink = Netlink::open();
  if (!netlink) return Err{netlink.error()};
  NetlinkRequest request(RTM_GETROUTE, NLM_F_DUMP);
  const Family family = route.to.address.family;
  request.fixed<rtmsg>().rtm_family = netlink_family(family);
  bool found = false;
  const auto listed = netlink->ask(request, [&](const nlmsghdr& message) {
    if (message.nlmsg_type != RTM_NEWROUTE) return;
    const auto& fixed = *static_cast<const rtmsg*>(mnl_nlmsg_get_payload(&message));
    const NetlinkAttributes attributes(message, sizeof(rtmsg));
    const IpAddress to = attributes.address(RTA_DST, family).value_or(IpAddress{.family = family, .octets = {}});
    found = found || (fixed.rtm_family == netlink_family(family) && fixed.rtm_dst_len == route.to.length &&
                      to == route.to.address && attributes.number(RTA_OIF) == link &&
                      attributes.number(RTA_TABLE).value_or(fixed.rtm_table) == route.table);
  });
  if (!listed && listed.error().code != EINTR) return Err{listed.error()};
  return found;
}

}  // namespace

Result<Before, Failure> look(const std::string& interface, const step::Address& step) {
  return look_at_link(interface, step);
}

Result<void, Failure> make(const std::string& interface, const step::Address& step, const Before&) {
  const auto index = index_of(interface, step);
  if (!index) return Err{index.error()};
  NetlinkRequest request(RTM_NEWADDR, kCreate);
  address_request(request, *index, step.prefix);
  return ask(request, interface, step, {EEXIST});
}

Result<void, Failure> undo(const std::string& interface, const step::Address& step, const Before& before) {
  if (!same_link(interface, before)) return {};
  NetlinkRequest request(RTM_DELADDR, 0);
  address_request(request, ::if_nametoindex(interface.c_str()), step.prefix);
  return ask(request, interface, step, {EADDRNOTAVAIL, ENODEV});
}

Result<Before, Failure> look(const std::string& interface, const step::Mtu& step) {
  auto before = look_at_link(interface, step);
  if (!before) return before;
  const auto settings = settings_of(interface, step);
  if (!settings) return Err{settings.error()};
  (*before)["mtu"] = std::to_string(settings->mtu);
  return before;
}

Result<void, Failure> make(const std::string& interface, const step::Mtu& step, const Before&) {
  return set_mtu(interface, step.octets, step);
}

Result<void, Failure> undo(const std::string& interface, const step::Mtu& step, const Before& before) {
  const auto mtu = before.find("mtu");
  if (!same_link(interface, before) || mtu == before.end()) return {};
  return set_mtu(interface, static_cast<std::uint32_t>(std::strtoul(mtu->second.c_str(), nullptr, 10)), step);
}

Result<Before, Failure> look(const std::string& interface, const step::LinkUp& step) {
  auto before = look_at_link(interface, step);
  if (!before) return before;
  const auto settings = settings_of(interface, step);
  if (!settings) return Err{settings.error()};
  if (settings->up) (*before)["present"] = "1";
  return before;
}

Result<void, Failure> make(const std::string& interface, const step::LinkUp& step, const Before&) {
  return set_up(interface, IFF_UP, step);
}

Result<void, Failure> undo(const std::string& interface, const step::LinkUp& step, const Before& before) {
  if (!same_link(interface, before) || was_present(before)) return {};
  return set_up(interface, 0, step);
}

// A rule that was there already, say of an earlier run whose journal is lost, is this one: it is undone with it.
Result<Before, Failure> look(const std::string&, const step::Rule&) { return Before{}; }

Result<void, Failure> make(const std::string& interface, const step::Rule& step, const Before&) {
  NetlinkRequest request(RTM_NEWRULE, kCreate);
  rule_request(request, step);
  return ask(request, interface, step, {EEXIST});
}

Result<void, Failure> undo_rule(const std::string& journals, const std::string& interface, const step::Rule& step) {
  if (before_another(journals, interface, Step(step))) return {};  // it is still needed
  NetlinkRequest request(RTM_DELRULE, 0);
  rule_request(request, step);
  return ask(request, interface, step, {ENOENT, ESRCH});
}

Result<Before, Failure> look(const std::string& interface, const step::Route& step) {
  return look_at_link(interface, step);
}

Result<void, Failure> make(const std::string& interface, const step::Route& step, const Before&) {
  const auto index = index_of(interface, step);
  if (!index) return Err{index.error()};
  NetlinkRequest request(RTM_NEWROUTE, kCreate);
  route_request(request, *index, step);
  auto done = ask(request, interface, step, {});
  if (done || done.error().code != EEXIST) return done;
  if (step.table != kMainTable) return {};  // the table is ours alone, and so the route
  if (const auto there = has_route(*index, step); there && *there) return {};
  Failure taken = done.error();
  taken.reason = "there is a route to this network over another interface";
  taken.advice = "the networks collide: choose another one here or there, or set `table` to a number of its own";
  return Err{taken};
}

Result<void, Failure> undo(const std::string& interface, const step::Route& step, const Before& before) {
  if (!same_link(interface, before)) return {};
  NetlinkRequest request(RTM_DELROUTE, 0);
  route_request(request, ::if_nametoindex(interface.c_str()), step);
  return ask(request, interface, step, {ESRCH, ENODEV});
}

}  // namespace culvert::host
