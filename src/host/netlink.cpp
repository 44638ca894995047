// SPDX-License-Identifier: MIT
#include "netlink.hpp"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace culvert::host {
namespace {

constexpr timeval kPatience{.tv_sec = 5, .tv_usec = 0};  // the kernel answers at once, or something is very wrong

/// The kernel's own words, which follow its error where NETLINK_EXT_ACK is on.
std::string words_of(const nlmsghdr& header, const nlmsgerr& error) {
  if ((header.nlmsg_flags & NLM_F_ACK_TLVS) == 0) return {};
  std::size_t skip = sizeof(nlmsgerr);
  if ((header.nlmsg_flags & NLM_F_CAPPED) == 0) skip += mnl_nlmsg_get_payload_len(&error.msg);
  std::string words;
  const auto take = [](const nlattr* attribute, void* found) {
    if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG && mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
      *static_cast<std::string*>(found) = mnl_attr_get_str(attribute);
    return MNL_CB_OK;
  };
  mnl_attr_parse(&header, static_cast<unsigned>(skip), take, &words);
  return words;
}

}  // namespace

NetlinkRequest::NetlinkRequest(std::uint16_t type, std::uint16_t flags) noexcept
    : header_(mnl_nlmsg_put_header(buffer_.data())) {
  header_->nlmsg_type = type;
  header_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
}

void NetlinkRequest::put(std::uint16_t attribute, const IpAddress& address) noexcept {
  mnl_attr_put(header_, attribute, address.bytes().size(), address.bytes().data());
}

Result<Netlink, NetlinkError> Netlink::open() {
  mnl_socket* const socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
  if (socket == nullptr) return Err{NetlinkError{errno, {}}};
  Netlink opened(socket);
  if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) != 0) return Err{NetlinkError{errno, {}}};
  int on = 1;
  mnl_socket_setsockopt(socket, NETLINK_EXT_ACK, &on, sizeof on);
  ::setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  return opened;
}

Result<void, NetlinkError> Netlink::ask(NetlinkRequest& request, const Take& take) {
  request.header()->nlmsg_seq = ++sequence_;
  if (mnl_socket_sendto(socket_.get(), request.header(), request.header()->nlmsg_len) < 0)
    return Err{NetlinkError{errno, {}}};
  return read_answer(sequence_, take);
}

Result<void, NetlinkError> Netlink::read_answer(std::uint32_t sequence, const Take& take) {
  alignas(nlmsghdr) std::array<char, 32768> buffer;
  bool disturbed = false;
  for (;;) {
    const ssize_t got = ::recv(mnl_socket_get_fd(socket_.get()), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Err{NetlinkError{errno == EAGAIN ? ETIMEDOUT : errno, {}}};
    int left = static_cast<int>(got);
    const auto* header = reinterpret_cast<const nlmsghdr*>(buffer.data());
    for (; mnl_nlmsg_ok(header, left); header = mnl_nlmsg_next(header, &left)) {
      if (header->nlmsg_seq != sequence) continue;
      if ((header->nlmsg_flags & NLM_F_DUMP_INTR) != 0) disturbed = true;
      if (header->nlmsg_type == NLMSG_DONE) {
        if (disturbed) return Err{NetlinkError{EINTR, {}}};
        return {};
      }
      if (header->nlmsg_type == NLMSG_ERROR) {
        const auto& error = *static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(header));
        if (error.error != 0) return Err{NetlinkError{-error.error, words_of(*header, error)}};
        return {};
      }
      if (take) take(*header);
    }
  }
}

NetlinkAttributes::NetlinkAttributes(const nlmsghdr& message, std::size_t fixed_octets) noexcept {
  if (mnl_nlmsg_get_payload_len(&message) < fixed_octets) return;
  const auto take = [](const nlattr* attribute, void* all) {
    auto& found = *static_cast<decltype(all_)*>(all);
    if (const std::uint16_t type = mnl_attr_get_type(attribute); type < found.size()) found[type] = attribute;
    return MNL_CB_OK;
  };
  mnl_attr_parse(&message, static_cast<unsigned>(fixed_octets), take, &all_);
}

std::optional<std::uint32_t> NetlinkAttributes::number(std::uint16_t attribute) const noexcept {
  const nlattr* const found = raw(attribute);
  if (found == nullptr || mnl_attr_get_payload_len(found) != sizeof(std::uint32_t)) return std::nullopt;
  return mnl_attr_get_u32(found);
}

std::optional<IpAddress> NetlinkAttributes::address(std::uint16_t attribute, Family family) const noexcept {
  const nlattr* const found = raw(attribute);
  IpAddress address{.family = family, .octets = {}};
  if (found == nullptr || mnl_attr_get_payload_len(found) != address.bytes().size()) return std::nullopt;
  const auto* const octets = static_cast<const std::uint8_t*>(mnl_attr_get_payload(found));
  std::copy_n(octets, address.bytes().size(), address.octets.begin());
  return address;
}

std::string NetlinkAttributes::text(std::uint16_t attribute) const {
  const nlattr* const found = raw(attribute);
  if (found == nullptr || mnl_attr_validate(found, MNL_TYPE_NUL_STRING) < 0) return {};
  return mnl_attr_get_str(found);
}

unsigned char netlink_family(Family family) noexcept { return family == Family::v4 ? AF_INET : AF_INET6; }

std::optional<Family> family_of(unsigned char netlink_family) noexcept {
  if (netlink_family == AF_INET) return Family::v4;
  if (netlink_family == AF_INET6) return Family::v6;
  return std::nullopt;
}

}  // namespace culvert::host
