// SPDX-License-Identifier: MIT
#pragma once

#include <libmnl/libmnl.h>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <culvert/address.hpp>
#include <culvert/bytes.hpp>
#include <culvert/result.hpp>

namespace culvert::host {

/// A request to rtnetlink under construction: a header, a fixed part, attributes. One kilobyte is more than any here
/// needs.
class NetlinkRequest {
 public:
  NetlinkRequest(std::uint16_t type, std::uint16_t flags) noexcept;
  NetlinkRequest(const NetlinkRequest&) = delete;
  NetlinkRequest& operator=(const NetlinkRequest&) = delete;

  /// The fixed part, all zero; comes before the attributes.
  template <class T>
  [[nodiscard]] T& fixed() noexcept {
    return *static_cast<T*>(mnl_nlmsg_put_extra_header(header_, sizeof(T)));
  }
  void put(std::uint16_t attribute, std::uint32_t value) noexcept { mnl_attr_put_u32(header_, attribute, value); }
  void put(std::uint16_t attribute, const IpAddress& address) noexcept;
  void put(std::uint16_t attribute, const std::string& text) noexcept {
    mnl_attr_put_strz(header_, attribute, text.c_str());
  }
  void put_octet(std::uint16_t attribute, std::uint8_t value) noexcept { mnl_attr_put_u8(header_, attribute, value); }

  [[nodiscard]] nlmsghdr* header() noexcept { return header_; }

 private:
  alignas(nlmsghdr) std::array<char, 1024> buffer_{};
  nlmsghdr* header_;
};

/// What the kernel answers to a request that it refuses.
struct NetlinkError {
  int code = 0;
  std::string text;  // the kernel's own words, often empty
};

/// A socket to rtnetlink for requests and their answers; not for news (see link_monitor.hpp).
class Netlink {
 public:
  /// errno in the error.
  [[nodiscard]] static Result<Netlink, NetlinkError> open();

  using Take = std::function<void(const nlmsghdr&)>;
  /// Sends one request and hands over each message of the answer, until the kernel says that there are no more.
  /// Fails with EINTR where other changes disturbed a dump: what was handed over may be neither old nor new.
  [[nodiscard]] Result<void, NetlinkError> ask(NetlinkRequest& request, const Take& take = {});

 private:
  struct Close {
    void operator()(mnl_socket* socket) const noexcept { mnl_socket_close(socket); }
  };
  explicit Netlink(mnl_socket* socket) noexcept : socket_(socket) {}

  [[nodiscard]] Result<void, NetlinkError> read_answer(std::uint32_t sequence, const Take& take);

  std::unique_ptr<mnl_socket, Close> socket_;
  std::uint32_t sequence_ = 0;
};

/// The attributes of a message of rtnetlink by their number; nullptr where one is missing or has no such size.
class NetlinkAttributes {
 public:
  NetlinkAttributes(const nlmsghdr& message, std::size_t fixed_octets) noexcept;

  [[nodiscard]] std::optional<std::uint32_t> number(std::uint16_t attribute) const noexcept;
  [[nodiscard]] std::optional<IpAddress> address(std::uint16_t attribute, Family family) const noexcept;
  [[nodiscard]] std::string text(std::uint16_t attribute) const;
  [[nodiscard]] const nlattr* raw(std::uint16_t attribute) const noexcept {
    return attribute < all_.size() ? all_[attribute] : nullptr;
  }

 private:
  std::array<const nlattr*, 128> all_{};  // borrowed: from the message
};

[[nodiscard]] unsigned char netlink_family(Family family) noexcept;
/// nullopt: neither IPv4 nor IPv6.
[[nodiscard]] std::optional<Family> family_of(unsigned char netlink_family) noexcept;

}  // namespace culvert::host
