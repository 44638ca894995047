// SPDX-License-Identifier: MIT
// What the two halves of the daemon say to each other, octet by octet:
//
//   request pair   packet half -> host half: Request, Thinning
//                  host half -> packet half: Reply (with UDP sockets)
//   news pair      host half -> packet half: Setup (first, with descriptors), Link, Reload
//                  packet half -> host half: Notice
//
// Before all that, where the service manager starts the packet half: a Handover, see packet_service.hpp.
//
// Both pairs are SOCK_SEQPACKET, so a message is one struct, whole and of fixed size; the two ends are one executable
// on one machine, so numbers are in its own order. `check` judges what arrived: a host half believes nothing, and a
// packet half that says anything else than this is ended. Pure; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include <culvert/bytes.hpp>
#include <culvert/result.hpp>

#include "udp_thinning.hpp"

namespace culvert::daemon::half {

inline constexpr std::uint8_t kVersion = 2;
inline constexpr std::size_t kMaxMessageOctets = 2048;
inline constexpr std::size_t kMaxDescriptors = 200;  // of one message; the kernel allows 253

using Name = std::array<char, 16>;   // an interface's name, NUL-padded
using Text = std::array<char, 160>;  // a sentence, NUL-padded

/// Cuts what does not fit; the last octet is always NUL.
template <std::size_t N>
[[nodiscard]] constexpr std::array<char, N> padded(std::string_view text) noexcept {
  std::array<char, N> result{};
  for (std::size_t i = 0; i < text.size() && i + 1 < N; ++i) result[i] = text[i];
  return result;
}
template <std::size_t N>
[[nodiscard]] std::string_view unpadded(const std::array<char, N>& text) noexcept {
  return {text.data(), ::strnlen(text.data(), N)};
}

enum class Ask : std::uint8_t {
  open_udp = 1,     // port, mark, lanes, gso, gro -> sockets of both families, on one port
  close_udp = 2,    // the packet half closed its sockets -> nothing
  set_mark = 3,     // mark -> nothing: the sockets opened last bear it
  scope_index = 4,  // name -> value: the interface's index in the host half's namespace, or 0
  link_drops = 5,   // -> value: packets that found the TUN queues full
  thin = 6,         // a `Thinning`, not a `Request` -> nothing: the control socket opened last has the filter
};

struct Request {
  std::uint8_t version = kVersion;
  Ask ask = Ask::close_udp;
  std::uint8_t gso = 0;  // 0 or 1
  std::uint8_t gro = 0;
  std::uint16_t port = 0;
  std::uint8_t lanes = 0;
  std::uint8_t zero = 0;
  std::uint32_t mark = 0;
  std::uint32_t serial = 0;
  Name name{};
};
static_assert(sizeof(Request) == 32);

/// Whose datagrams the kernel holds back on a control socket: io::Thinning.
struct Thinning {
  std::uint8_t version = kVersion;
  std::uint8_t v6 = 0;     // 0 or 1
  std::uint8_t share = 0;  // 0 where nobody is thinned
  std::uint8_t zero = 0;
  std::uint32_t serial = 0;
  std::uint32_t mix = 0;
  std::uint16_t count = 0;
  std::uint16_t port = 0;                                 // of the sockets that are meant
  std::array<std::uint32_t, io::kMostThinned> senders{};  // ascending; zero behind the last
};
static_assert(sizeof(Thinning) == 1936);

/// One family's sockets, which are among the reply's descriptors: control, then one a lane.
struct Group {
  std::uint8_t present = 0;
  std::uint8_t gso = 0;
  std::uint8_t gro = 0;
  std::uint8_t zero = 0;
  std::int32_t lane_receive_octets = 0;
};

struct Reply {
  std::uint8_t version = kVersion;
  Ask ask = Ask::close_udp;
  std::uint16_t port = 0;
  std::uint32_t serial = 0;
  std::int32_t error = 0;  // errno, or 0
  std::uint32_t zero = 0;
  std::uint64_t value = 0;
  Group v4, v6;
  Text what{};  // of an error: what was tried
};
static_assert(sizeof(Reply) == 200);

/// Brings the descriptors of the request pair, the log and the packet half's life.
struct Handover {
  std::uint8_t version = kVersion;
  std::array<std::uint8_t, 7> zero{};
};
static_assert(sizeof(Handover) == 8);

/// The first message on the news pair. Its descriptors: `queues` TUN queues, their writers if they are several, then
/// one for each of `sockets`.
struct Setup {
  std::uint8_t version = kVersion;
  std::uint8_t queues = 1;
  std::uint8_t inside_offload = 0;  // io::TunOffload
  std::uint8_t gso = 0;
  std::uint8_t gro = 0;
  std::uint8_t log_level = 0;         // LogLevel
  std::uint8_t sockets = 0;           // bits of `kSocket...`, in the order of their descriptors
  std::uint8_t all_metric_names = 0;  // 0 or 1: of other exporters as well
  std::uint32_t mtu = 0;
  std::uint32_t owner = 0;  // the user whose clients are served beside root's
  Name interface {};
  std::array<char, 32> aead{};  // the backend's name; empty: the fastest
};
static_assert(sizeof(Setup) == 64);

inline constexpr std::uint8_t kSocketUapi = 1;      // listening
inline constexpr std::uint8_t kSocketStatus = 2;    // listening
inline constexpr std::uint8_t kSocketEvents = 4;    // listening
inline constexpr std::uint8_t kSocketMetrics = 8;   // listening
inline constexpr std::uint8_t kSocketCapture = 16;  // listening
inline constexpr std::uint8_t kSocketPrivate = 32;  // connected: the host half's own UAPI client
inline constexpr std::uint8_t kSocketAll = 63;

/// How the interface is now; the whole of it, so that a message may stand for those before it.
struct Link {
  std::uint8_t version = kVersion;
  std::uint8_t up = 0;
  std::uint8_t key_log = 0;  // 0 or 1: the configuration allows handshakes' secrets to be told to who captures
  std::uint8_t zero = 0;
  std::uint32_t mtu = 0;
  Name interface {};
};
static_assert(sizeof(Link) == 24);

/// The configuration was read again: for those who follow the events.
struct Reload {
  std::uint8_t version = kVersion;
  std::uint8_t refused = 0;  // 0 or 1: all is as it was, and the counts are 0
  std::uint16_t zero = 0;
  std::uint32_t peers_added = 0;
  std::uint32_t peers_removed = 0;
  std::uint32_t peers_changed = 0;
  std::uint32_t other_keys = 0;  // of the other sections, that differ
  std::array<char, 228> text{};  // NUL-padded: what differs, or why it was refused
};
static_assert(sizeof(Reload) == 248);

struct Notice {
  enum class Kind : std::uint8_t {
    ready = 1,           // set up, with no capability left; serves its sockets from now on; `value` is its pid, to show
    failed = 2,          // it cannot be set up, `text` says why; it ends
    interface_gone = 3,  // its TUN queues are dead
    heartbeat = 4,       // its control thread turns; `value` peers have a session
  };
  std::uint8_t version = kVersion;
  Kind kind = Kind::heartbeat;
  std::uint16_t zero = 0;
  std::uint32_t value = 0;
  Text text{};
};
static_assert(sizeof(Notice) == 168);

/// Why a message is none, as a sentence for the log.
using Refusal = std::string_view;

[[nodiscard]] Result<void, Refusal> check(const Request& request) noexcept;
[[nodiscard]] Result<void, Refusal> check(const Thinning& thinning) noexcept;
[[nodiscard]] Result<void, Refusal> check(const Reply& reply) noexcept;
[[nodiscard]] Result<void, Refusal> check(const Handover& handover) noexcept;
[[nodiscard]] Result<void, Refusal> check(const Setup& setup) noexcept;
[[nodiscard]] Result<void, Refusal> check(const Link& link) noexcept;
[[nodiscard]] Result<void, Refusal> check(const Reload& reload) noexcept;
[[nodiscard]] Result<void, Refusal> check(const Notice& notice) noexcept;

/// How many writers a set-up brings: see io/tun.hpp.
[[nodiscard]] std::size_t writers_of(const Setup& setup) noexcept;
/// How many descriptors a message brings.
[[nodiscard]] std::size_t descriptors_of(const Setup& setup) noexcept;
[[nodiscard]] std::size_t descriptors_of(const Reply& reply, std::size_t lanes) noexcept;

/// The message that `octets` are, if they are one.
template <class Message>
[[nodiscard]] Result<Message, Refusal> decode(Bytes octets) noexcept {
  static_assert(std::is_trivially_copyable_v<Message> && sizeof(Message) <= kMaxMessageOctets);
  if (octets.size() != sizeof(Message)) return Err{Refusal("a message of another size")};
  Message message;
  std::memcpy(&message, octets.data(), sizeof message);
  if (message.version != kVersion) return Err{Refusal("a message of another version")};
  if (auto good = check(message); !good) return Err{good.error()};
  return message;
}

/// borrowed: `message`.
template <class Message>
[[nodiscard]] Bytes octets_of(const Message& message) noexcept {
  static_assert(std::has_unique_object_representations_v<Message>, "padding would carry what lay in memory");
  return {reinterpret_cast<const std::uint8_t*>(&message), sizeof message};
}

}  // namespace culvert::daemon::half
