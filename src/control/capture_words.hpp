// SPDX-License-Identifier: MIT
// What is said over /var/run/culvert/NAME.capture. The client sends one line of JSON:
//
//     {"peers":["alice","<base64>"],"snap":65535,"keys":false}      all may be left out
//
// and then nothing, until it closes its half of the connection, which ends the capture. The daemon answers with pieces:
// a head of 8 octets (the length of the body, the kind, three zeros; numbers in little-endian order) and a body:
//
//     begun     the interface's name                                               first, and once
//     refused   one sentence                                                       instead, and last
//     peer      number (4), public key (32), name                                  before its first packet
//     packet    peer's number (4), way (1), zeros (3), ns since 1970 (8), octets of the packet (4), the first of them
//     secrets   lines of a key log
//     counts    packets sent (8), packets left out (8)                             when the latter changes, and last
//
// The daemon's half that speaks here is the one that strangers reach, so its reader believes nothing. Pure; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <culvert/bytes.hpp>
#include <culvert/keys.hpp>
#include <culvert/result.hpp>

#include "secret_text.hpp"

namespace culvert::control {

struct CaptureRequest {
  enum class Secrets : std::uint8_t { kept, told };

  std::vector<std::string> peers;  // names or public keys; empty: all
  std::uint32_t snap = 65535;      // 1 to 65535
  Secrets secrets = Secrets::kept;

  friend bool operator==(const CaptureRequest&, const CaptureRequest&) = default;
};

inline constexpr std::size_t kMostCaptureRequestOctets = 64 << 10;
inline constexpr std::size_t kMostPieceOctets = 65535 + 64;

/// "/var/run/culvert/NAME.capture".
[[nodiscard]] std::string capture_socket_path(std::string_view interface);

/// One line with its end.
[[nodiscard]] std::string to_line(const CaptureRequest& request);
/// \returns the sentence why it is none.
[[nodiscard]] Result<CaptureRequest, std::string> parse_capture_request(std::string_view line);

namespace piece {
// borrowed: all texts and octets, from what was read or is to be written.
struct Begun {
  std::string_view interface;
};
struct Refused {
  std::string_view why;
};
struct Peer {
  std::uint32_t number = 0;
  PublicKey public_key;
  std::string_view name;
};
struct Packet {
  std::uint32_t peer = 0;  // its number
  enum class Way : std::uint8_t { in, out } way = Way::in;
  std::uint64_t nanoseconds = 0;  // since 1970
  std::uint32_t whole = 0;        // octets of the packet, at least as many as follow
  Bytes octets;
};
struct Secrets {
  std::string_view lines;
};
struct Counts {
  std::uint64_t sent = 0, left_out = 0;
};
}  // namespace piece

using Piece = std::variant<piece::Begun, piece::Refused, piece::Peer, piece::Packet, piece::Secrets, piece::Counts>;

/// Puts the piece behind what is there. Texts are cut at 512 octets, secrets must have no more than a piece holds.
void append(SecretText& out, const Piece& piece);

/// Cuts a stream into its pieces.
class PieceReader {
 public:
  /// Where to write what is read next, and how much fits; `filled` says how much was written. borrowed: until either.
  [[nodiscard]] std::span<char> room();
  void filled(std::size_t octets) noexcept { end_ += octets; }

  /// The next piece, good until `room`. nullopt: it is not all there. Error: a sentence; nothing more is to be had.
  [[nodiscard]] Result<std::optional<Piece>, std::string> next();

 private:
  SecretText octets_;
  std::size_t begin_ = 0, end_ = 0;
};

}  // namespace culvert::control
