// SPDX-License-Identifier: MIT
#include "device_text.hpp"

#include <sodium.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace culvert::daemon {
namespace {

constexpr std::string_view kGood = "errno=0\n\n";

template <class T>
T number(std::string_view text) noexcept {
  T value{};
  (void)std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

bool read_key(std::string_view hex, std::span<std::uint8_t, 32> into) noexcept {
  return hex.size() == 64 &&
         sodium_hex2bin(into.data(), into.size(), hex.data(), hex.size(), nullptr, nullptr, nullptr) == 0;
}

/// False: the value is none.
bool take_peer_line(PeerText& peer, std::string_view key, std::string_view value) {
  if (key == "preshared_key") return read_key(value, peer.preshared_key.secret.bytes());
  if (key == "endpoint") {
    peer.endpoint = parse_endpoint(value);
  } else if (key == "allowed_ip") {
    const auto prefix = parse_prefix(value);
    if (!prefix) return false;
    peer.allowed_ips.push_back(*prefix);
  } else if (key == "persistent_keepalive_interval") {
    peer.persistent_keepalive = std::chrono::seconds(number<std::uint16_t>(value));
  } else if (key == "last_handshake_time_sec") {
    peer.last_handshake = number<std::int64_t>(value);
  } else if (key == "rx_bytes") {
    peer.received_octets = number<std::uint64_t>(value);
  } else if (key == "tx_bytes") {
    peer.sent_octets = number<std::uint64_t>(value);
  }
  return true;
}

bool take_line(DeviceText& device, std::string_view key, std::string_view value) {
  if (key == "public_key") {
    if (device.peers.size() == kMostPeersTold) return false;
    device.peers.emplace_back();
    return read_key(value, device.peers.back().public_key.octets);
  }
  if (!device.peers.empty()) return take_peer_line(device.peers.back(), key, value);
  if (key == "listen_port") device.listen_port = number<std::uint16_t>(value);
  return true;
}

}  // namespace

std::optional<DeviceText> read_device_text(const control::SecretText& answer) {
  std::string_view rest(answer.data(), answer.size());
  if (!rest.ends_with(kGood)) return std::nullopt;
  rest.remove_suffix(kGood.size());
  DeviceText device;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    const std::size_t equals = line.find('=');
    if (end == std::string_view::npos || equals == std::string_view::npos) return std::nullopt;
    if (!take_line(device, line.substr(0, equals), line.substr(equals + 1))) return std::nullopt;
    rest.remove_prefix(end + 1);
  }
  return device;
}

std::string hex_of(const PublicKey& key) {
  std::string text(2 * key.octets.size() + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), key.octets.data(), key.octets.size());
  text.pop_back();
  return text;
}

int errno_of(const control::SecretText& answer) noexcept {
  const std::string_view text(answer.data(), answer.size());
  if (text == kGood) return 0;
  constexpr std::string_view kKey = "errno=";
  const std::size_t at = text.rfind(kKey);
  const int value = at == std::string_view::npos ? 0 : std::abs(number<int>(text.substr(at + kKey.size())));
  return value != 0 ? value : EPROTO;
}

config::Config with_state(config::Config config, const DeviceText& device) {
  const std::vector<config::PeerConfig> before = std::exchange(config.peers, {});
  config.listen_port = device.listen_port;
  for (const PeerText& found : device.peers) {
    config::PeerConfig peer;
    const auto known = std::find_if(before.begin(), before.end(),
                                    [&](const config::PeerConfig& one) { return one.public_key == found.public_key; });
    if (known != before.end()) peer.name = known->name;
    peer.public_key = found.public_key;
    peer.preshared_key = found.preshared_key.clone();
    if (found.endpoint) {
      std::string text = to_string(found.endpoint->address);
      peer.endpoints.push_back({.host = std::move(text), .port = found.endpoint->port});
    }
    peer.allowed_ips = found.allowed_ips;
    peer.persistent_keepalive = found.persistent_keepalive;
    config.peers.push_back(std::move(peer));
  }
  return config;
}

}  // namespace culvert::daemon
