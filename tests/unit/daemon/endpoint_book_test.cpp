// SPDX-License-Identifier: MIT
#include "endpoint_book.hpp"

#include <doctest/doctest.h>

using namespace culvert;
using namespace culvert::daemon;

namespace {

PublicKey key(std::uint8_t number) {
  PublicKey result;
  result.octets[0] = number;
  return result;
}

config::PeerConfig peer(std::uint8_t number, std::vector<config::HostPort> endpoints) {
  config::PeerConfig result;
  result.name = "peer" + std::to_string(number);
  result.public_key = key(number);
  result.endpoints = std::move(endpoints);
  return result;
}

Endpoint place(std::string_view text) {
  const auto parsed = parse_endpoint(text);
  REQUIRE(parsed);
  return *parsed;
}

const config::HostPort kName{.host = "gw.example.org", .port = 51820};
const config::HostPort kNumber{.host = "192.0.2.7", .port = 7};

config::Config config_of(std::vector<config::PeerConfig> peers) {
  config::Config config;
  config.peers = std::move(peers);
  return config;
}

std::vector<config::PeerConfig> one(config::PeerConfig only) {
  std::vector<config::PeerConfig> peers;
  peers.push_back(std::move(only));
  return peers;
}

}  // namespace

TEST_CASE("a number is its own place, a name has none before an answer, and each is asked once") {
  EndpointBook book;
  std::vector<config::PeerConfig> peers;
  peers.push_back(peer(1, {kNumber}));
  peers.push_back(peer(2, {kName}));
  peers.push_back(peer(3, {kName}));
  peers.push_back(peer(4, {}));
  book.follow(config_of(std::move(peers)));
  CHECK(book.unanswered() == std::vector<config::HostPort>{kName});
  CHECK(book.chosen() == config::ChosenEndpoints{{key(1), place("192.0.2.7:7")}});
  book.answer(kName, {place("198.51.100.1:51820"), place("[2001:db8::1]:51820")});
  CHECK(book.unanswered().empty());
  CHECK(book.chosen().at(key(3)) == place("198.51.100.1:51820"));
  CHECK(book.addresses().size() == 3);
  CHECK(book.movable() == std::vector<PublicKey>{key(2), key(3)});
}

TEST_CASE("places are tried round and round, and the end of a round is told") {
  EndpointBook book;
  book.follow(config_of(one(peer(1, {kNumber, kName}))));
  CHECK(book.next(key(1))->wrapped);
  book.answer(kName, {place("198.51.100.1:51820"), place("198.51.100.2:51820")});
  CHECK(book.next(key(1))->place == place("198.51.100.1:51820"));
  CHECK_FALSE(book.next(key(1))->wrapped);
  CHECK(book.chosen().at(key(1)) == place("198.51.100.2:51820"));
  const auto first = book.next(key(1));
  CHECK(first->wrapped);
  CHECK(first->place == place("192.0.2.7:7"));
  CHECK_FALSE(book.next(key(9)));
}

TEST_CASE("another configuration keeps what is known of the same names, and the place of peers that did not change") {
  EndpointBook book;
  book.follow(config_of(one(peer(1, {kName}))));
  book.answer(kName, {place("198.51.100.1:51820"), place("198.51.100.2:51820")});
  (void)book.next(key(1));
  std::vector<config::PeerConfig> peers;
  peers.push_back(peer(1, {kName}));
  peers.push_back(peer(2, {kName, kNumber}));
  book.follow(config_of(std::move(peers)));
  CHECK(book.chosen().at(key(1)) == place("198.51.100.2:51820"));
  CHECK(book.chosen().at(key(2)) == place("198.51.100.1:51820"));
  book.follow(config_of(one(peer(1, {kNumber}))));
  CHECK(book.chosen().at(key(1)) == place("192.0.2.7:7"));
}

TEST_CASE("an answer without places changes nothing, and another replaces what was known") {
  EndpointBook book;
  book.follow(config_of(one(peer(1, {kName}))));
  book.answer(kName, {place("198.51.100.1:51820")});
  book.answer(kName, {});
  CHECK(book.chosen().at(key(1)) == place("198.51.100.1:51820"));
  book.answer(kName, {place("198.51.100.9:51820")});
  CHECK(book.chosen().at(key(1)) == place("198.51.100.9:51820"));
  CHECK(book.names_of(key(1)) == std::vector<config::HostPort>{kName});
}
