// SPDX-License-Identifier: MIT
// Single values as people write them, shared by TOML and wg-quick files. Each parser gives the value or one sentence
// that says what is wrong and what to write instead; no sentence holds the value itself, so none holds a secret. Pure;
// any thread.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <culvert/result.hpp>

#include "config.hpp"

namespace culvert::config {

template <class T>
using Parsed = Result<T, std::string>;

/// "NAME:PORT", "IPV4:PORT", "[IPV6]:PORT", also with a scope: "[fe80::1%eth0]:PORT". Ports 1 to 65535.
[[nodiscard]] Parsed<HostPort> parse_host_port(std::string_view text);
/// Decimal or "0x" hexadecimal up to 2^32 - 1, or "off" for 0.
[[nodiscard]] Parsed<std::uint32_t> parse_mark(std::string_view text);
/// Decimal 0 to 65535 seconds, or "off".
[[nodiscard]] Parsed<std::chrono::seconds> parse_keepalive(std::string_view text);
/// "auto", "off", or a number from 1 to 2^32 - 1.
[[nodiscard]] Parsed<RoutingTable> parse_table(std::string_view text);
/// "2026-12-31" (from 00:00 UTC of that day on) or "2026-12-31T18:00:00Z", with "+02:00" instead of "Z", or with
/// neither for UTC; a space instead of "T"; fractions of a second to nine digits.
[[nodiscard]] Parsed<UnixTime> parse_expiry(std::string_view text);
/// The base64 text of 32 octets.
[[nodiscard]] Parsed<PublicKey> parse_public(std::string_view text);
/// The same for secrets. The key is wiped when the text is wrong.
[[nodiscard]] Parsed<void> parse_secret(std::string_view text, std::span<std::uint8_t, 32> key);
/// An address with its length; without one the whole address.
[[nodiscard]] Parsed<Prefix> parse_network(std::string_view text);
/// Decimal digits only.
[[nodiscard]] Parsed<std::uint32_t> parse_number(std::string_view text, std::uint32_t least, std::uint32_t most);

/// "127.0.0.1:9586", "[::1]:9586" or "unix:/path".
[[nodiscard]] bool is_listen_address(std::string_view text);
/// Labels of letters, digits, '-' and '_' with dots between; may start with '~' (systemd-resolved: route, do not
/// search).
[[nodiscard]] bool is_search_domain(std::string_view name) noexcept;
/// A search domain that holds every name: "~." or ".".
[[nodiscard]] bool is_every_name(std::string_view domain) noexcept;
/// Has so many characters of base64 in a row that they may be most of a key.
[[nodiscard]] bool may_hold_key(std::string_view text) noexcept;
/// 1 to 64 octets of UTF-8 without control characters, '/', and spaces at the ends; not starting with '.'. A key is no
/// name: names are told everywhere.
[[nodiscard]] bool is_peer_name(std::string_view name) noexcept;

/// What a peer without a name is called: the first eight characters of its key.
[[nodiscard]] std::string default_peer_name(const PublicKey& key);
/// "2026-12-31T18:00:00Z", with a fraction if there is one. For the years 0 to 9999.
[[nodiscard]] std::string to_string(UnixTime time);
/// Spaces and tabs at both ends cut off.
[[nodiscard]] std::string_view trimmed(std::string_view text) noexcept;
/// A value for a message: printable, at most 80 octets of it.
[[nodiscard]] std::string excerpt(std::string_view text);
/// A key or a section as it was written; what is longer than any of ours is not told: it may be a secret that stands
/// where no secret belongs.
[[nodiscard]] std::string printable_key(std::string_view key);

}  // namespace culvert::config
