// SPDX-License-Identifier: MIT
#include "uapi_format.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace culvert::control {
namespace {

/// Appends lines to a text that may hold keys: no line is built anywhere else.
class Lines {
 public:
  explicit Lines(std::size_t expected_octets) { text_.reserve(expected_octets); }

  void add(std::string_view key, std::string_view value) {
    put(key);
    text_.push_back('=');
    put(value);
    text_.push_back('\n');
  }
  template <class Integer>
  requires std::is_integral_v<Integer>
  void add(std::string_view key, Integer value) {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    add(key, std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
  }
  void add_key(std::string_view key, std::span<const std::uint8_t, 32> octets) {
    put(key);
    text_.push_back('=');
    const std::size_t at = text_.size();
    text_.resize(at + 65);  // libsodium writes a final zero, which the newline replaces
    sodium_bin2hex(text_.data() + at, 65, octets.data(), octets.size());
    text_.back() = '\n';
  }
  [[nodiscard]] SecretText finish(int error) {
    add("errno", error);
    text_.push_back('\n');
    return std::move(text_);
  }

 private:
  void put(std::string_view part) { text_.insert(text_.end(), part.begin(), part.end()); }

  SecretText text_;
};

void add_peer(Lines& lines, const PeerSnapshot& peer) {
  lines.add_key("public_key", peer.public_key.bytes());
  lines.add_key("preshared_key", peer.preshared_key.secret.bytes());
  lines.add("protocol_version", 1);
  if (peer.endpoint) lines.add("endpoint", to_string(*peer.endpoint));
  // Clients read unsigned numbers; before 1970 there were no handshakes.
  lines.add("last_handshake_time_sec", std::max<std::int64_t>(peer.last_handshake.seconds, 0));
  lines.add("last_handshake_time_nsec", peer.last_handshake.nanoseconds);
  lines.add("tx_bytes", peer.sent_octets);
  lines.add("rx_bytes", peer.received_octets);
  lines.add("persistent_keepalive_interval", peer.persistent_keepalive.count());
  for (const Prefix& prefix : peer.allowed_ips) lines.add("allowed_ip", to_string(prefix));
}

std::size_t expected_octets(const DeviceSnapshot& device) {
  std::size_t octets = 256;
  for (const PeerSnapshot& peer : device.peers) octets += 512 + 64 * peer.allowed_ips.size();
  return octets;
}

}  // namespace

SecretText format_snapshot(const DeviceSnapshot& device) {
  Lines lines(expected_octets(device));
  if (!device.private_key.secret.is_zero()) lines.add_key("private_key", device.private_key.secret.bytes());
  if (device.listen_port != 0) lines.add("listen_port", device.listen_port);
  if (device.fwmark != 0) lines.add("fwmark", device.fwmark);
  for (const PeerSnapshot& peer : device.peers) add_peer(lines, peer);
  return lines.finish(0);
}

SecretText format_errno(Verb verb, int error) { return Lines(16).finish(verb == Verb::set ? -error : error); }

}  // namespace culvert::control
