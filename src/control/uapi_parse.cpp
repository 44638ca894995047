// SPDX-License-Identifier: MIT
#include "uapi_parse.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>

#include <culvert/printable.hpp>

namespace culvert::control {
namespace {

constexpr std::size_t kShownKey = 40;  // octets of a client's text in an error

constexpr std::string_view kDeviceKeys[] = {"private_key", "listen_port", "fwmark", "replace_peers",
                                            // that `wg` does not know: the host half's
                                            "limit_peers", "limit_handshakes_per_second", "limit_staged_packets",
                                            "network_changed"};
constexpr std::string_view kPeerKeys[] = {"public_key", "remove", "update_only", "preshared_key", "endpoint",
                                          "persistent_keepalive_interval", "replace_allowed_ips", "allowed_ip",
                                          "protocol_version",
                                          // that `wg` does not know: the host half's
                                          "name", "blocked", "past_rx_bytes", "past_tx_bytes", "past_since"};
constexpr std::string_view kNotHexKey = "not 64 hexadecimal digits";
constexpr std::string_view kNotTrue = "can only be true";
constexpr std::string_view kNotPort = "not a decimal number up to 65535";

bool contains(std::span<const std::string_view> keys, std::string_view key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

template <class T>
std::optional<T> parse_decimal(std::string_view text) noexcept {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(text.data(), end, value);
  if (text.empty() || status != std::errc{} || stop != end) return std::nullopt;
  return value;
}

/// libsodium's decoder has no branch and no index that depends on the digits. It fails when it stops before the end.
bool decode_hex_key(std::string_view hex, std::span<std::uint8_t, 32> out) noexcept {
  return hex.size() == 64 &&
         sodium_hex2bin(out.data(), out.size(), hex.data(), hex.size(), nullptr, nullptr, nullptr) == 0;
}

/// What can be shown as it is: UTF-8 without control characters. Empty: no name.
bool is_peer_name(std::string_view text) noexcept {
  constexpr std::size_t kLongest = 64;
  if (text.size() > kLongest) return false;
  while (!text.empty()) {
    const auto [code, octets] = first_character(text);
    if (octets == 0 || is_control(code)) return false;
    text.remove_prefix(octets);
  }
  return true;
}

std::optional<Blocked> parse_blocked(std::string_view text) noexcept {
  if (text == "none") return Blocked::no;
  if (text == "disabled") return Blocked::disabled;
  if (text == "expired") return Blocked::expired;
  return std::nullopt;
}

/// nullptr: `key` names none.
std::optional<std::uint32_t>* limit_of(LimitsChange& limits, std::string_view key) noexcept {
  if (key == "limit_peers") return &limits.peers;
  if (key == "limit_handshakes_per_second") return &limits.handshakes_per_second;
  if (key == "limit_staged_packets") return &limits.staged_packets;
  return nullptr;
}

}  // namespace

std::string UapiError::message() const {
  std::string text;
  if (line != 0) text += "line " + std::to_string(line);
  if (!key.empty()) text += (text.empty() ? "" : ", ") + key;
  return text.empty() ? reason : text + ": " + reason;
}

void OperationParser::take(std::string_view line) {
  if (complete_) return;
  ++lines_;
  if (lines_ == 1) return take_first(line);
  if (line.empty()) {
    complete_ = true;
    return;
  }
  if (error_) return;
  if (verb_ == Verb::get) return refuse({}, {EINVAL, "get=1 takes no further lines"});

  const std::size_t equals = line.find('=');
  // The line itself stays out of the text: it may be a key that lost its name.
  if (equals == std::string_view::npos) return refuse({}, {EPROTO, "no '=' in the line"});
  const std::string_view key = line.substr(0, equals);
  const std::string_view value = line.substr(equals + 1);
  Verdict verdict;
  if (key == "public_key")
    verdict = begin_peer(value);
  else if (request_.peers.empty())
    verdict = take_device_key(key, value);
  else
    verdict = take_peer_key(request_.peers.back(), key, value);
  if (!verdict) refuse(key, verdict.error());
}

void OperationParser::take_first(std::string_view line) {
  if (line == "get=1") {
    verb_ = Verb::get;
  } else if (line == "set=1") {
    verb_ = Verb::set;
  } else {
    refuse({}, {line.find('=') == std::string_view::npos ? EPROTO : EINVAL, "the first line is not get=1 or set=1"});
    error_->connection = UapiError::Connection::closes;
    complete_ = true;
  }
}

OperationParser::Verdict OperationParser::take_device_key(std::string_view key, std::string_view value) {
  if (key == "private_key") {
    PrivateKey parsed;
    if (!decode_hex_key(value, parsed.secret.bytes())) return Err{Refusal{EINVAL, kNotHexKey}};
    request_.private_key = std::move(parsed);
  } else if (key == "listen_port") {
    request_.listen_port = parse_decimal<std::uint16_t>(value);
    if (!request_.listen_port) return Err{Refusal{EINVAL, kNotPort}};
  } else if (key == "fwmark") {
    request_.fwmark = parse_decimal<std::uint32_t>(value);
    if (!request_.fwmark) return Err{Refusal{EINVAL, "not a decimal number up to 4294967295"}};
  } else if (std::optional<std::uint32_t>* limit = limit_of(request_.limits, key)) {
    *limit = parse_decimal<std::uint32_t>(value);
    if (!*limit) return Err{Refusal{EINVAL, "not a decimal number up to 4294967295"}};
  } else if (key == "network_changed") {
    if (value != "true") return Err{Refusal{EINVAL, kNotTrue}};
    request_.network_changed = true;
  } else if (key == "replace_peers") {
    if (value != "true") return Err{Refusal{EINVAL, kNotTrue}};
    request_.replace_peers = true;
  } else {
    return Err{Refusal{
        EINVAL, contains(kPeerKeys, key) ? "belongs to a peer, but no public_key came before" : "unknown device key"}};
  }
  return {};
}

OperationParser::Verdict OperationParser::begin_peer(std::string_view value) {
  PublicKey public_key;
  if (!decode_hex_key(value, public_key.octets)) return Err{Refusal{EINVAL, kNotHexKey}};
  if (!seen_.insert(public_key).second) return Err{Refusal{EINVAL, "this peer came before in the same operation"}};
  request_.peers.emplace_back().public_key = public_key;
  return {};
}

OperationParser::Verdict OperationParser::take_peer_key(PeerChange& peer, std::string_view key,
                                                        std::string_view value) {
  const auto set_flag = [value](bool& flag) -> Verdict {
    if (value != "true") return Err{Refusal{EINVAL, kNotTrue}};
    flag = true;
    return {};
  };
  if (key == "allowed_ip") {
    AllowedIpChange change;
    if (value.starts_with('-')) {
      change.action = AllowedIpChange::Action::remove;
      value.remove_prefix(1);
    }
    const auto prefix = value.find('/') == std::string_view::npos ? std::nullopt : parse_prefix(value);
    if (!prefix) return Err{Refusal{EINVAL, "not a numeric IP/CIDR"}};
    change.prefix = masked(*prefix);
    peer.allowed_ips.push_back(change);
  } else if (key == "preshared_key") {
    PresharedKey parsed;
    if (!decode_hex_key(value, parsed.secret.bytes())) return Err{Refusal{EINVAL, kNotHexKey}};
    peer.preshared_key = std::move(parsed);
  } else if (key == "endpoint") {
    return take_endpoint(peer, value);
  } else if (key == "name") {
    if (!is_peer_name(value)) return Err{Refusal{EINVAL, "not a printable name of at most 64 octets"}};
    peer.name = std::string(value);
  } else if (key == "blocked") {
    peer.blocked = parse_blocked(value);
    if (!peer.blocked) return Err{Refusal{EINVAL, "not disabled, expired or none"}};
  } else if (key.starts_with("past_") && contains(kPeerKeys, key)) {
    return take_past(peer, key, value);
  } else if (key == "persistent_keepalive_interval") {
    const auto interval = parse_decimal<std::uint16_t>(value);
    if (!interval) return Err{Refusal{EINVAL, kNotPort}};
    peer.persistent_keepalive = std::chrono::seconds(*interval);
  } else if (key == "replace_allowed_ips") {
    peer.allowed_ips.clear();
    return set_flag(peer.replace_allowed_ips);
  } else if (key == "remove") {
    return set_flag(peer.remove);
  } else if (key == "update_only") {
    return set_flag(peer.update_only);
  } else if (key == "protocol_version") {
    if (value != "1") return Err{Refusal{EINVAL, "can only be 1"}};
  } else {
    return Err{Refusal{EINVAL, contains(kDeviceKeys, key) ? "belongs to the device, and must come before the first peer"
                                                          : "unknown peer key"}};
  }
  return {};
}

OperationParser::Verdict OperationParser::take_past(PeerChange& peer, std::string_view key, std::string_view value) {
  const auto number = parse_decimal<std::int64_t>(value);
  if (!number || *number < 0) return Err{Refusal{EINVAL, "not a decimal number up to 9223372036854775807"}};
  PastTraffic& past = peer.past ? *peer.past : peer.past.emplace();
  if (key == "past_rx_bytes") past.received = static_cast<std::uint64_t>(*number);
  if (key == "past_tx_bytes") past.sent = static_cast<std::uint64_t>(*number);
  if (key == "past_since") past.since = *number;
  return {};
}

OperationParser::Verdict OperationParser::take_endpoint(PeerChange& peer, std::string_view value) const {
  peer.endpoint = parse_endpoint(value);
  if (peer.endpoint) return {};
  const std::size_t percent = value.find('%');
  const std::size_t bracket = value.find("]:");
  if (scope_lookup_ != nullptr && percent < bracket && bracket != std::string_view::npos) {
    const std::uint32_t scope = scope_lookup_(value.substr(percent + 1, bracket - percent - 1));
    if (scope == 0) return Err{Refusal{EINVAL, "no interface of the name after '%'"}};
    const std::string numeric =
        std::string(value.substr(0, percent + 1)) + std::to_string(scope) + std::string(value.substr(bracket));
    peer.endpoint = parse_endpoint(numeric);
    if (peer.endpoint) return {};
  }
  return Err{Refusal{EINVAL, "not a numeric IP:PORT or [IP]:PORT"}};
}

void OperationParser::refuse(std::string_view key, const Refusal& refusal) {
  error_ = UapiError{.error = refusal.error,
                     .verb = verb_,
                     .line = lines_,
                     .key = printable(key.substr(0, kShownKey)),
                     .reason = std::string(refusal.reason)};
  request_ = {};  // no need to keep keys until the empty line
}

Result<Operation, UapiError> OperationParser::finish() {
  OperationParser ended(scope_lookup_);
  std::swap(ended, *this);
  if (!ended.complete_) {
    return Err{UapiError{.error = EPROTO,
                         .verb = ended.verb_,
                         .line = ended.lines_,
                         .reason = "the operation ended before its empty line",
                         .connection = UapiError::Connection::closes}};
  }
  if (ended.error_) return Err{std::move(*ended.error_)};
  if (ended.verb_ == Verb::get) return Operation(GetRequest{});
  return Operation(std::move(ended.request_));
}

Result<Operation, UapiError> parse_operation(std::string_view text, ScopeLookup scope_lookup) {
  OperationParser parser(std::move(scope_lookup));
  while (!parser.complete()) {
    const std::size_t newline = text.find('\n');
    if (newline == std::string_view::npos) return parser.finish();
    parser.take(text.substr(0, newline));
    text.remove_prefix(newline + 1);
  }
  const Verb verb = parser.verb();
  const std::size_t lines = parser.lines();
  auto operation = parser.finish();
  if (operation && !text.empty())
    return Err{UapiError{.error = EPROTO, .verb = verb, .line = lines + 1, .reason = "text after the empty line"}};
  return operation;
}

}  // namespace culvert::control
