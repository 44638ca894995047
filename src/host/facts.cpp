// SPDX-License-Identifier: MIT
#include "facts.hpp"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "netlink.hpp"

namespace culvert::host {
namespace {

constexpr int kDumpAttempts = 10;

template <class Fixed>
const Fixed& fixed_part(const nlmsghdr& message) noexcept {
  return *static_cast<const Fixed*>(mnl_nlmsg_get_payload(&message));
}

std::uint32_t metric_mtu(const NetlinkAttributes& attributes) noexcept {
  const nlattr* const metrics = attributes.raw(RTA_METRICS);
  if (metrics == nullptr) return 0;
  std::uint32_t mtu = 0;
  const auto take = [](const nlattr* metric, void* found) {
    if (mnl_attr_get_type(metric) == RTAX_MTU && mnl_attr_get_payload_len(metric) == sizeof(std::uint32_t))
      *static_cast<std::uint32_t*>(found) = mnl_attr_get_u32(metric);
    return MNL_CB_OK;
  };
  mnl_attr_parse_nested(metrics, take, &mtu);
  return mtu;
}

void take_link(Facts& facts, const nlmsghdr& message) {
  if (message.nlmsg_type != RTM_NEWLINK) return;
  const NetlinkAttributes attributes(message, sizeof(ifinfomsg));
  facts.links.push_back({.index = static_cast<std::uint32_t>(fixed_part<ifinfomsg>(message).ifi_index),
                         .name = attributes.text(IFLA_IFNAME),
                         .mtu = attributes.number(IFLA_MTU).value_or(0)});
}

void take_address(Facts& facts, const nlmsghdr& message) {
  if (message.nlmsg_type != RTM_NEWADDR) return;
  const auto& fixed = fixed_part<ifaddrmsg>(message);
  const auto family = family_of(fixed.ifa_family);
  if (!family) return;
  const NetlinkAttributes attributes(message, sizeof(ifaddrmsg));
  // Of a point-to-point link IFA_ADDRESS is the other end.
  auto address = attributes.address(IFA_LOCAL, *family);
  if (!address) address = attributes.address(IFA_ADDRESS, *family);
  if (address) facts.addresses.push_back({fixed.ifa_index, {*address, fixed.ifa_prefixlen}});
}

void take_route(Facts& facts, const nlmsghdr& message) {
  if (message.nlmsg_type != RTM_NEWROUTE) return;
  const auto& fixed = fixed_part<rtmsg>(message);
  const auto family = family_of(fixed.rtm_family);
  if (!family || (fixed.rtm_flags & RTM_F_CLONED) != 0) return;
  const NetlinkAttributes attributes(message, sizeof(rtmsg));
  const std::uint32_t table = attributes.number(RTA_TABLE).value_or(fixed.rtm_table);
  facts.tables.insert(table);
  if (table != kMainTable || fixed.rtm_type != RTN_UNICAST) return;
  if (fixed.rtm_dst_len == 0) {
    facts.default_routes.push_back({.origin = fixed.rtm_protocol == RTPROT_RA
                                                  ? DefaultRouteFact::Origin::router_advertisement
                                                  : DefaultRouteFact::Origin::other,
                                    .family = *family,
                                    .link = attributes.number(RTA_OIF).value_or(0),
                                    .metric = attributes.number(RTA_PRIORITY).value_or(0),
                                    .mtu = metric_mtu(attributes),
                                    .gateway = attributes.address(RTA_GATEWAY, *family)});
  }
}

void take_rule(Facts& facts, const nlmsghdr& message) {
  if (message.nlmsg_type != RTM_NEWRULE) return;
  const NetlinkAttributes attributes(message, sizeof(fib_rule_hdr));
  facts.tables.insert(attributes.number(FRA_TABLE).value_or(fixed_part<fib_rule_hdr>(message).table));
  if (const auto mark = attributes.number(FRA_FWMARK)) facts.marks.insert(*mark);
}

Result<void, Failure> dump(Netlink& netlink, std::uint16_t type, unsigned char family, const char* what,
                           const Netlink::Take& take) {
  NetlinkRequest request(type, NLM_F_DUMP);
  if (type == RTM_GETLINK)
    request.fixed<ifinfomsg>().ifi_family = family;
  else if (type == RTM_GETADDR)
    request.fixed<ifaddrmsg>().ifa_family = family;
  else if (type == RTM_GETROUTE)
    request.fixed<rtmsg>().rtm_family = family;
  else
    request.fixed<fib_rule_hdr>().family = family;
  const auto answered = netlink.ask(request, take);
  // Without IPv6 in the kernel there is nothing to list.
  if (!answered && family == AF_INET6 && (answered.error().code == EOPNOTSUPP || answered.error().code == EAFNOSUPPORT))
    return {};
  if (!answered) return Err{system_failure(answered.error().code, std::string("asking for ") + what)};
  return {};
}

std::optional<PathFact> path_to(Netlink& netlink, const IpAddress& to, std::uint32_t mark, const Facts& facts) {
  NetlinkRequest request(RTM_GETROUTE, 0);
  auto& fixed = request.fixed<rtmsg>();
  fixed.rtm_family = netlink_family(to.family);
  fixed.rtm_dst_len = address_bits(to.family);
  request.put(RTA_DST, to);
  if (mark != 0) request.put(RTA_MARK, mark);
  std::optional<PathFact> path;
  const auto answered = netlink.ask(request, [&](const nlmsghdr& message) {
    if (message.nlmsg_type != RTM_NEWROUTE) return;
    const NetlinkAttributes attributes(message, sizeof(rtmsg));
    const auto link = attributes.number(RTA_OIF);
    if (!link) return;
    std::uint32_t mtu = metric_mtu(attributes);
    if (const LinkFact* const device = facts.link(*link); mtu == 0 && device != nullptr) mtu = device->mtu;
    path = PathFact{.to = to,
                    .link = *link,
                    .mtu = mtu,
                    .source = attributes.address(RTA_PREFSRC, to.family),
                    .gateway = attributes.address(RTA_GATEWAY, to.family)};
  });
  return answered ? path : std::nullopt;  // an endpoint without a route is no failure: the network may be down
}

/// Fails with EINTR where other changes disturbed a list.
Result<Facts, Failure> read_once(Netlink& netlink) {
  struct Part {
    std::uint16_t type;
    unsigned char family;
    const char* what;
    void (*take)(Facts&, const nlmsghdr&);
  };
  Facts facts;
  if (::access("/proc/sys/net/ipv6/conf", F_OK) != 0) facts.ipv6 = Facts::Ipv6::absent;
  for (const Part& part : {Part{RTM_GETLINK, AF_UNSPEC, "the links", take_link},
                           Part{RTM_GETADDR, AF_UNSPEC, "the addresses", take_address},
                           Part{RTM_GETROUTE, AF_INET, "the IPv4 routes", take_route},
                           Part{RTM_GETROUTE, AF_INET6, "the IPv6 routes", take_route},
                           Part{RTM_GETRULE, AF_INET, "the IPv4 rules", take_rule},
                           Part{RTM_GETRULE, AF_INET6, "the IPv6 rules", take_rule}}) {
    const auto listed =
        dump(netlink, part.type, part.family, part.what, [&](const nlmsghdr& message) { part.take(facts, message); });
    if (!listed) return Err{listed.error()};
  }
  return facts;
}

}  // namespace

const LinkFact* Facts::link(std::string_view name) const noexcept {
  const auto found = std::find_if(links.begin(), links.end(), [&](const LinkFact& each) { return each.name == name; });
  return found == links.end() ? nullptr : &*found;
}

const LinkFact* Facts::link(std::uint32_t index) const noexcept {
  const auto found =
      std::find_if(links.begin(), links.end(), [&](const LinkFact& each) { return each.index == index; });
  return found == links.end() ? nullptr : &*found;
}

config::HostFacts facts_for_check(const Facts& facts, std::string_view interface, UnixTime now) {
  config::HostFacts known{.addresses = {}, .now = now};
  for (const AddressFact& each : facts.addresses)
    if (const LinkFact* const link = facts.link(each.link);
        link != nullptr && link->name != "lo" && link->name != interface)
      known.addresses.push_back({link->name, each.prefix});
  return known;
}

Result<Facts, Failure> read_facts(std::span<const IpAddress> endpoints, std::uint32_t mark) {
  auto netlink = Netlink::open();
  if (!netlink) return Err{system_failure(netlink.error().code, "opening rtnetlink")};
  auto facts = read_once(*netlink);
  for (int again = 0; !facts && facts.error().code == EINTR && again < kDumpAttempts; ++again)
    facts = read_once(*netlink);
  if (!facts) return facts;
  for (const IpAddress& endpoint : endpoints)
    if (auto path = path_to(*netlink, endpoint, mark, *facts)) facts->paths.push_back(*path);
  return facts;
}

}  // namespace culvert::host
