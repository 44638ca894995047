// SPDX-License-Identifier: MIT
// The four messages of [W 5.4], as structs that are the wire format.
#pragma once

#include <cstring>
#include <optional>
#include <variant>

#include <culvert/bytes.hpp>

namespace culvert::wire {

inline constexpr std::size_t kTag = 16;
constexpr std::size_t sealed(std::size_t n) noexcept { return n + kTag; }

enum class Type : std::uint32_t { initiation = 1, response = 2, cookie_reply = 3, data = 4 };

struct Macs {  // [W 5.4.4]
  Octets<16> mac1{};
  Octets<16> mac2{};
};

struct Initiation {  // [W 5.4.2]
  le32 type = static_cast<std::uint32_t>(Type::initiation);
  le32 sender;
  Octets<32> ephemeral{};
  Octets<sealed(32)> static_key{};
  Octets<sealed(12)> timestamp{};
  Macs macs;
};
static_assert(sizeof(Initiation) == 148 && alignof(Initiation) == 1);

struct Response {  // [W 5.4.3]
  le32 type = static_cast<std::uint32_t>(Type::response);
  le32 sender;
  le32 receiver;
  Octets<32> ephemeral{};
  Octets<sealed(0)> empty{};
  Macs macs;
};
static_assert(sizeof(Response) == 92 && alignof(Response) == 1);

struct CookieReply {  // [W 5.4.7]
  le32 type = static_cast<std::uint32_t>(Type::cookie_reply);
  le32 receiver;
  Octets<24> nonce{};
  Octets<sealed(16)> cookie{};
};
static_assert(sizeof(CookieReply) == 64 && alignof(CookieReply) == 1);

struct DataHeader {  // [W 5.4.6]
  le32 type = static_cast<std::uint32_t>(Type::data);
  le32 receiver;
  le64 counter;
};
static_assert(sizeof(DataHeader) == 16 && alignof(DataHeader) == 1);

inline constexpr std::size_t kDataOverhead = sizeof(DataHeader) + kTag;
inline constexpr std::size_t kLargestHandshake = sizeof(Initiation);

/// What a datagram is by its first word and its length alone: the lengths of handshake messages are exact, and the
/// three reserved octets must be zero. nullopt: none of ours.
[[nodiscard]] constexpr std::optional<Type> classify(Bytes datagram) noexcept {
  if (datagram.size() < 32) return std::nullopt;
  if (datagram[1] != 0 || datagram[2] != 0 || datagram[3] != 0) return std::nullopt;
  switch (datagram[0]) {
    case 1:
      return datagram.size() == sizeof(Initiation) ? std::optional(Type::initiation) : std::nullopt;
    case 2:
      return datagram.size() == sizeof(Response) ? std::optional(Type::response) : std::nullopt;
    case 3:
      return datagram.size() == sizeof(CookieReply) ? std::optional(Type::cookie_reply) : std::nullopt;
    case 4:
      return Type::data;
  }
  return std::nullopt;
}

/// A copy of the message that starts `octets`, which has at least sizeof(T) octets.
template <class T>
[[nodiscard]] T load(Bytes octets) noexcept {
  static_assert(std::is_trivially_copyable_v<T>);
  T message;
  std::memcpy(&message, octets.data(), sizeof message);
  return message;
}

template <class T>
void store(const T& message, MutBytes octets) noexcept {
  static_assert(std::is_trivially_copyable_v<T>);
  std::memcpy(octets.data(), &message, sizeof message);
}

/// The octets of a message. borrowed: until the message dies.
template <class T>
[[nodiscard]] Bytes octets(const T& message) noexcept {
  static_assert(std::is_trivially_copyable_v<T> && alignof(T) == 1);
  return {reinterpret_cast<const std::uint8_t*>(&message), sizeof message};
}

/// What mac1 covers: all before it. mac2 covers mac1 as well.
template <class T>
[[nodiscard]] Bytes before_mac1(const T& message) noexcept {
  return octets(message).first(sizeof(T) - sizeof(Macs));
}
template <class T>
[[nodiscard]] Bytes before_mac2(const T& message) noexcept {
  return octets(message).first(sizeof(T) - sizeof(Macs::mac2));
}

}  // namespace culvert::wire
