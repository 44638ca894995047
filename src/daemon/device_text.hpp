// SPDX-License-Identifier: MIT
// The UAPI's answer to `get=1`, read by the host half: which peers there are, and how they do. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <culvert/address.hpp>
#include <culvert/keys.hpp>
#include <culvert/result.hpp>

#include "config.hpp"
#include "secret_text.hpp"

namespace culvert::daemon {

/// More peers are not read, and a longer answer is not waited for: whoever sends it wants to fill the memory of the
/// host half. `wg` may add peers that the configuration does not know, so the bound is none of its numbers.
inline constexpr std::size_t kMostPeersTold = 1U << 17;
inline constexpr std::size_t kMostAnswerOctets = kMostPeersTold * 512;  // 64 MiB; a peer of usual size takes 400

struct PeerText {
  PublicKey public_key;
  PresharedKey preshared_key;
  std::optional<Endpoint> endpoint;
  std::chrono::seconds persistent_keepalive{0};
  std::vector<Prefix> allowed_ips;
  std::int64_t last_handshake = 0;  // Unix seconds; 0: never
  std::uint64_t received_octets = 0, sent_octets = 0;
};

struct DeviceText {
  std::uint16_t listen_port = 0;
  std::vector<PeerText> peers;
};

/// nullopt: it is no such answer, or one of an error, or tells of too many peers. Keys that are not known here are
/// passed over.
[[nodiscard]] std::optional<DeviceText> read_device_text(const control::SecretText& answer);

/// As the UAPI writes keys.
[[nodiscard]] std::string hex_of(const PublicKey& key);

/// `errno=0` and nothing else; else the positive errno, or EPROTO.
[[nodiscard]] int errno_of(const control::SecretText& answer) noexcept;

/// The configuration with the peers and the port as the device has them now (wg-quick's SaveConfig).
[[nodiscard]] config::Config with_state(config::Config config, const DeviceText& device);

}  // namespace culvert::daemon
