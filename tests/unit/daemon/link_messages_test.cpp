// SPDX-License-Identifier: MIT
// Messages are written by hand here, as [rtnetlink(7)] lays them out in host order.
#include <doctest/doctest.h>

#include <array>
#include <cstring>
#include <random>

#include "link_monitor.hpp"

using namespace culvert;
using namespace culvert::daemon;

namespace {

constexpr std::uint16_t kDone = 3, kNewLink = 16, kDelLink = 17, kNewAddress = 20;
constexpr std::uint16_t kName = 3, kMtu = 4, kNewNamespace = 45;
constexpr std::uint32_t kUp = 1;

class Buffer {
 public:
  Buffer& message(std::uint16_t type, std::vector<std::uint8_t> body) {
    put(static_cast<std::uint32_t>(16 + body.size()));
    put(type);
    put(std::uint16_t{0});
    put(std::uint32_t{0});
    put(std::uint32_t{0});
    octets_.insert(octets_.end(), body.begin(), body.end());
    while (octets_.size() % 4 != 0) octets_.push_back(0);
    return *this;
  }
  [[nodiscard]] std::vector<LinkMessage> parse() const { return parse(octets_.size()); }
  [[nodiscard]] std::vector<LinkMessage> parse(std::size_t octets) const {
    alignas(8) std::array<std::uint8_t, 4096> aligned{};
    REQUIRE(octets <= aligned.size());
    std::copy_n(octets_.begin(), octets, aligned.begin());
    return parse_link_messages(Bytes(aligned).first(octets));
  }
  [[nodiscard]] std::size_t size() const { return octets_.size(); }
  std::uint8_t& operator[](std::size_t i) { return octets_[i]; }

 private:
  template <class T>
  void put(T value) {
    std::array<std::uint8_t, sizeof(T)> raw;
    std::memcpy(raw.data(), &value, sizeof value);
    octets_.insert(octets_.end(), raw.begin(), raw.end());
  }
  std::vector<std::uint8_t> octets_;
};

template <class T>
void put(std::vector<std::uint8_t>& into, T value) {
  std::array<std::uint8_t, sizeof(T)> raw;
  std::memcpy(raw.data(), &value, sizeof value);
  into.insert(into.end(), raw.begin(), raw.end());
}

std::vector<std::uint8_t> link_body(int index, std::uint32_t flags, std::uint8_t family = 0) {
  std::vector<std::uint8_t> body = {family, 0, 0, 0};
  put(body, index);
  put(body, flags);
  put(body, std::uint32_t{0xffffffff});
  return body;
}

void add_attribute(std::vector<std::uint8_t>& body, std::uint16_t type, std::string_view value) {
  put(body, static_cast<std::uint16_t>(4 + value.size()));
  put(body, type);
  body.insert(body.end(), value.begin(), value.end());
  while (body.size() % 4 != 0) body.push_back(0);
}

void add_attribute(std::vector<std::uint8_t>& body, std::uint16_t type, std::uint32_t value) {
  std::array<char, 4> raw;
  std::memcpy(raw.data(), &value, 4);
  add_attribute(body, type, std::string_view(raw.data(), 4));
}

std::vector<std::uint8_t> full_body(int index, std::uint32_t flags) {
  auto body = link_body(index, flags);
  add_attribute(body, kName, std::string_view("wg0\0", 4));
  add_attribute(body, 99, "something else");
  add_attribute(body, kMtu, std::uint32_t{1420});
  return body;
}

/// Events as words.
std::vector<std::string> words(const std::vector<LinkEvent>& events) {
  struct Namer {
    std::string operator()(const link::Up&) const { return "up"; }
    std::string operator()(const link::Down&) const { return "down"; }
    std::string operator()(const link::MtuChanged& event) const { return "mtu " + std::to_string(event.mtu); }
    std::string operator()(const link::Renamed& event) const { return "renamed " + event.name; }
    std::string operator()(const link::Moved&) const { return "moved"; }
    std::string operator()(const link::Deleted&) const { return "deleted"; }
  };
  std::vector<std::string> out;
  for (const LinkEvent& event : events) out.push_back(std::visit(Namer{}, event));
  return out;
}

}  // namespace

TEST_CASE("a link's message tells name, MTU and whether it is up") {
  const auto messages = Buffer().message(kNewLink, full_body(7, kUp | 0x10)).parse();
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].kind == LinkMessage::Kind::state);
  CHECK(messages[0].index == 7);
  CHECK(messages[0].state == LinkState{true, 1420, "wg0"});
  CHECK(!Buffer().message(kNewLink, full_body(7, 0x10)).parse().at(0).state.up);
}

TEST_CASE("a deletion with a new namespace is a move") {
  CHECK(Buffer().message(kDelLink, full_body(7, 0)).parse().at(0).kind == LinkMessage::Kind::deleted);
  auto body = full_body(7, 0);
  add_attribute(body, kNewNamespace, std::uint32_t{0xffffffff});
  CHECK(Buffer().message(kDelLink, body).parse().at(0).kind == LinkMessage::Kind::moved);
}

TEST_CASE("several messages in one buffer come out in their order, others are left out") {
  const auto messages = Buffer()
                            .message(kNewLink, full_body(1, 0))
                            .message(kNewAddress, link_body(2, 0))
                            .message(kNewLink, link_body(3, kUp, 7))  // a bridge's port
                            .message(kDelLink, link_body(4, 0))
                            .message(kDone, {0, 0, 0, 0})
                            .parse();
  REQUIRE(messages.size() == 3);
  CHECK(messages[0].index == 1);
  CHECK(messages[1].index == 4);
  CHECK(messages[2].kind == LinkMessage::Kind::end_of_list);
}

TEST_CASE("malformed messages and attributes are left out") {
  CHECK(parse_link_messages({}).empty());
  CHECK(Buffer().message(kNewLink, {0, 0, 0}).parse().empty());
  auto body = link_body(7, kUp);
  add_attribute(body, kMtu, "12");          // too short for a number
  add_attribute(body, kName, "not ended");  // no final zero octet
  const auto messages = Buffer().message(kNewLink, body).parse();
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].state == LinkState{true, 0, ""});
}

TEST_CASE("no cut and no random octet makes the parser read outside the buffer") {
  const std::uint32_t seed = 7;
  CAPTURE(seed);
  std::mt19937 random(seed);
  const Buffer whole = Buffer().message(kNewLink, full_body(1, kUp)).message(kDelLink, full_body(1, 0));
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) CHECK(whole.parse(cut).size() <= 2);
  for (int round = 0; round < 3000; ++round) {
    Buffer damaged = whole;
    for (int i = 0; i < 4; ++i) damaged[random() % damaged.size()] = static_cast<std::uint8_t>(random());
    static_cast<void>(damaged.parse());
  }
}

TEST_CASE("the first state tells MTU and direction, later ones only what changed") {
  const LinkState up{true, 1420, "wg0"};
  CHECK(words(link_events(std::nullopt, up)) == std::vector<std::string>{"mtu 1420", "up"});
  CHECK(words(link_events(std::nullopt, {false, 1280, "wg0"})) == std::vector<std::string>{"mtu 1280", "down"});
  CHECK(link_events(up, up).empty());
  CHECK(words(link_events(up, {false, 1420, "wg0"})) == std::vector<std::string>{"down"});
  CHECK(words(link_events(up, {true, 68, "wg0"})) == std::vector<std::string>{"mtu 68"});
  CHECK(words(link_events(up, {true, 1420, "wg1"})) == std::vector<std::string>{"renamed wg1"});
  CHECK(words(link_events(LinkState{false, 1420, "wg0"}, {true, 1400, "x"})) ==
        std::vector<std::string>{"renamed x", "mtu 1400", "up"});
}
