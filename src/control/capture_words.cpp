// SPDX-License-Identifier: MIT
#include "capture_words.hpp"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "overloaded.hpp"

namespace culvert::control {
namespace {

using Json = nlohmann::ordered_json;
using Secrets = CaptureRequest::Secrets;

enum class Kind : std::uint8_t { begun = 1, refused, peer, packet, secrets, counts };

constexpr std::size_t kHead = 8;
constexpr std::size_t kPeerHead = 4 + 32;
constexpr std::size_t kPacketHead = 20;
constexpr std::size_t kLongestText = 512;
constexpr std::size_t kMostPacket = 65535;

std::string_view cut(std::string_view text) noexcept { return text.substr(0, kLongestText); }

/// Numbers in little-endian order.
class Writer {
 public:
  explicit Writer(SecretText& out) : out_(out) {}
  template <class Integer>
  Writer& number(Integer value) {
    for (std::size_t i = 0; i < sizeof value; ++i) out_.push_back(static_cast<char>(value >> (8 * i) & 0xff));
    return *this;
  }
  Writer& zeros(std::size_t count) {
    out_.insert(out_.end(), count, '\0');
    return *this;
  }
  Writer& text(std::string_view text) {
    out_.insert(out_.end(), text.begin(), text.end());
    return *this;
  }
  Writer& octets(Bytes octets) {
    out_.insert(out_.end(), octets.begin(), octets.end());
    return *this;
  }
  Writer& head(Kind kind, std::size_t body) {
    return number(static_cast<std::uint32_t>(body)).number(static_cast<std::uint8_t>(kind)).zeros(3);
  }

 private:
  SecretText& out_;
};

template <class Integer>
Integer number_at(std::string_view octets, std::size_t at) noexcept {
  Integer value = 0;
  for (std::size_t i = 0; i < sizeof value; ++i)
    value = static_cast<Integer>(value | static_cast<Integer>(static_cast<unsigned char>(octets[at + i])) << (8 * i));
  return value;
}

std::optional<Piece> read_peer(std::string_view body) {
  if (body.size() < kPeerHead || body.size() > kPeerHead + kLongestText) return std::nullopt;
  piece::Peer peer{.number = number_at<std::uint32_t>(body, 0), .public_key = {}, .name = body.substr(kPeerHead)};
  std::memcpy(peer.public_key.octets.data(), body.data() + 4, peer.public_key.octets.size());
  return peer;
}

std::optional<Piece> read_packet(std::string_view body) {
  if (body.size() < kPacketHead || body.size() > kPacketHead + kMostPacket) return std::nullopt;
  const auto way = number_at<std::uint8_t>(body, 4);
  const auto whole = number_at<std::uint32_t>(body, 16);
  const std::string_view octets = body.substr(kPacketHead);
  const bool zeros = body[5] == 0 && body[6] == 0 && body[7] == 0;
  if (way > 1 || !zeros || whole < octets.size() || whole > kMostPacket) return std::nullopt;
  return piece::Packet{.peer = number_at<std::uint32_t>(body, 0),
                       .way = static_cast<piece::Packet::Way>(way),
                       .nanoseconds = number_at<std::uint64_t>(body, 8),
                       .whole = whole,
                       .octets = {reinterpret_cast<const std::uint8_t*>(octets.data()), octets.size()}};
}

std::optional<Piece> read_body(Kind kind, std::string_view body) {
  switch (kind) {
    case Kind::begun:
      return body.size() <= kLongestText ? std::optional<Piece>(piece::Begun{body}) : std::nullopt;
    case Kind::refused:
      return body.size() <= kLongestText ? std::optional<Piece>(piece::Refused{body}) : std::nullopt;
    case Kind::peer:
      return read_peer(body);
    case Kind::packet:
      return read_packet(body);
    case Kind::secrets:
      return piece::Secrets{body};
    case Kind::counts:
      if (body.size() != 16) return std::nullopt;
      return piece::Counts{number_at<std::uint64_t>(body, 0), number_at<std::uint64_t>(body, 8)};
  }
  return std::nullopt;
}

}  // namespace

std::string capture_socket_path(std::string_view interface) {
  return "/var/run/culvert/" + std::string(interface) + ".capture";
}

std::string to_line(const CaptureRequest& request) {
  const Json json{{"peers", request.peers}, {"snap", request.snap}, {"keys", request.secrets == Secrets::told}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<CaptureRequest, std::string> parse_capture_request(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return Err{std::string("a request is one line with one JSON object")};
  CaptureRequest request;
  for (const auto& [key, value] : json.items()) {
    const auto is_text = [](const Json& one) { return one.is_string(); };
    if (key == "peers" && value.is_array() && std::all_of(value.begin(), value.end(), is_text)) {
      request.peers = value.get<std::vector<std::string>>();
    } else if (key == "snap" && value.is_number_unsigned() && value.get<std::uint64_t>() >= 1 &&
               value.get<std::uint64_t>() <= kMostPacket) {
      request.snap = value.get<std::uint32_t>();
    } else if (key == "keys" && value.is_boolean()) {
      request.secrets = value.get<bool>() ? Secrets::told : Secrets::kept;
    } else {
      return Err{"\"" + key + "\" is unknown, or has a wrong value"};
    }
  }
  return request;
}

void append(SecretText& out, const Piece& piece) {
  Writer to(out);
  std::visit(
      Overloaded{
          [&](const piece::Begun& begun) {
            to.head(Kind::begun, cut(begun.interface).size()).text(cut(begun.interface));
          },
          [&](const piece::Refused& refused) {
            to.head(Kind::refused, cut(refused.why).size()).text(cut(refused.why));
          },
          [&](const piece::Peer& peer) {
            const std::string_view name = cut(peer.name);
            to.head(Kind::peer, kPeerHead + name.size()).number(peer.number);
            to.octets(peer.public_key.octets).text(name);
          },
          [&](const piece::Packet& packet) {
            to.head(Kind::packet, kPacketHead + packet.octets.size()).number(packet.peer);
            to.number(static_cast<std::uint8_t>(packet.way)).zeros(3).number(packet.nanoseconds);
            to.number(packet.whole).octets(packet.octets);
          },
          [&](const piece::Secrets& secrets) { to.head(Kind::secrets, secrets.lines.size()).text(secrets.lines); },
          [&](const piece::Counts& counts) { to.head(Kind::counts, 16).number(counts.sent).number(counts.left_out); },
      },
      piece);
}

std::span<char> PieceReader::room() {
  constexpr std::size_t kRoom = 256 << 10;
  if (octets_.empty()) octets_.resize(kRoom);
  // What is left of a piece goes to the front: less than one, so there is always room for the rest of it.
  std::memmove(octets_.data(), octets_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  return std::span(octets_).subspan(end_);
}

Result<std::optional<Piece>, std::string> PieceReader::next() {
  const std::string_view rest(octets_.data() + begin_, end_ - begin_);
  if (rest.size() < kHead) return std::optional<Piece>{};
  const auto length = number_at<std::uint32_t>(rest, 0);
  const auto kind = number_at<std::uint8_t>(rest, 4);
  const bool zeros = rest[5] == 0 && rest[6] == 0 && rest[7] == 0;
  const bool known = kind >= static_cast<std::uint8_t>(Kind::begun) && kind <= static_cast<std::uint8_t>(Kind::counts);
  if (!known || !zeros || length > kMostPieceOctets) return Err{std::string("the daemon sends what is no capture")};
  if (rest.size() - kHead < length) return std::optional<Piece>{};
  auto piece = read_body(static_cast<Kind>(kind), rest.substr(kHead, length));
  if (!piece) return Err{std::string("the daemon sends a piece of a capture that is none")};
  begin_ += kHead + length;
  return piece;
}

}  // namespace culvert::control
