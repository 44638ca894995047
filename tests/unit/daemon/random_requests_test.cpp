// SPDX-License-Identifier: MIT
// What a packet half that was taken over may send, ten million times: the validator and the server are the daemon's
// own, and the system behind them notes whatever the host half would have done.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <random>

#include "request_server.hpp"

using namespace culvert;
using namespace culvert::daemon;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kTries = 500'000;
#else
constexpr int kTries = 10'000'000;
#endif
constexpr std::uint16_t kPort = 51820;
constexpr std::uint32_t kMark = 0xca6c;
constexpr std::size_t kLanes = 2;

struct Deeds {
  std::uint64_t opened = 0, marked = 0, looked_up = 0, forbidden = 0;
};

RequestCalls noted_in(Deeds& deeds) {
  return {.open_udp = [&deeds](const io::UdpOptions& options) -> Result<io::Outside, io::SystemError> {
            ++deeds.opened;
            const bool decided = options.port == kPort && options.fwmark == kMark && options.lanes == kLanes &&
                                 options.gso == io::Switch::on && options.gro == io::Switch::off;
            deeds.forbidden += decided ? 0 : 1;
            io::Outside outside;
            outside.port = options.port;
            outside.v4.emplace().lanes.resize(options.lanes);
            return outside;
          },
          .set_mark = [&deeds](const io::Outside&, std::uint32_t mark) -> Result<void, io::SystemError> {
            ++deeds.marked;
            deeds.forbidden += mark == kMark ? 0 : 1;
            return {};
          },
          .set_buffers = [&deeds](const io::Outside&, int) { ++deeds.forbidden; },
          .thin = [&deeds](int, const io::Thinning& thinning) -> Result<void, io::SystemError> {
            deeds.forbidden += thinning.senders.empty() ? 0U : 1U;  // is no request's
            return {};
          },
          .scope_index = [&deeds](std::string_view name) -> std::uint32_t {
            ++deeds.looked_up;
            const bool sound = !name.empty() && name.size() < sizeof(half::Name) && name.find('/') == name.npos;
            deeds.forbidden += sound ? 0 : 1;
            return 7;
          },
          .link_drops = [] { return std::uint64_t{1}; }};
}

using Octets = std::array<std::uint8_t, sizeof(half::Request)>;

/// Random octets; or a request as the packet half makes them, in which some fields were drawn anew.
Octets draw(std::mt19937_64& random) {
  Octets octets;
  for (std::size_t i = 0; i < octets.size(); i += 8) {
    const std::uint64_t word = random();
    std::memcpy(octets.data() + i, &word, sizeof word);
  }
  std::uint64_t dice = random();
  if (dice % 8 == 0) return octets;
  const auto one_in_eight = [&dice] { return ((dice >>= 3) & 7) == 0; };
  half::Request drawn, request;
  std::memcpy(&drawn, octets.data(), sizeof drawn);
  request.ask = static_cast<half::Ask>(1 + random() % 6);
  request.serial = drawn.serial;
  if (request.ask == half::Ask::open_udp) {
    request.gso = 1;
    request.port = kPort;
    request.lanes = kLanes;
  }
  if (request.ask == half::Ask::open_udp || request.ask == half::Ask::set_mark) request.mark = kMark;
  if (request.ask == half::Ask::scope_index) request.name = half::padded<sizeof request.name>("eth0");
  if (one_in_eight()) request.version = drawn.version;
  if (one_in_eight()) request.ask = drawn.ask;
  if (one_in_eight()) request.gso = drawn.gso & 1;
  if (one_in_eight()) request.gro = drawn.gro & 3;
  if (one_in_eight()) request.port = drawn.port;
  if (one_in_eight()) request.lanes = drawn.lanes & 15;
  if (one_in_eight()) request.zero = drawn.zero;
  if (one_in_eight()) request.mark = drawn.mark;
  if (one_in_eight()) request.name = drawn.name;
  if (one_in_eight()) request.name[random() % request.name.size()] = static_cast<char>(drawn.zero);
  std::memcpy(octets.data(), &request, sizeof request);
  return octets;
}

}  // namespace

TEST_CASE("ten million random requests: nothing but what the configuration says is opened, marked or looked up") {
  std::mt19937_64 random(1);
  Deeds deeds;
  RequestServer server({.lanes = kLanes, .gso = io::Switch::on, .gro = io::Switch::off, .port = kPort, .mark = kMark},
                       noted_in(deeds));
  std::uint64_t malformed = 0, refused = 0, bad_answers = 0;
  for (int i = 0; i < kTries; ++i) {
    const auto octets = draw(random);
    const auto request = half::decode<half::Request>(octets);
    if (!request) {
      ++malformed;
      continue;
    }
    const RequestServer::Answer answer = server.answer(*request);
    const bool fits = answer.reply.ask == request->ask && answer.reply.serial == request->serial &&
                      half::check(answer.reply).has_value() &&
                      answer.descriptors.size() == half::descriptors_of(answer.reply, kLanes);
    bad_answers += fits ? 0 : 1;
    refused += answer.reply.error == EPERM ? 1 : 0;
    if (i % 1024 == 0) server.forget_sockets();
  }
  CHECK(deeds.forbidden == 0);
  CHECK(bad_answers == 0);
  // Each way was taken often, or nothing was proved.
  for (const std::uint64_t count : {malformed, refused, deeds.opened, deeds.marked, deeds.looked_up})
    CHECK(count > kTries / 5000);
}

TEST_CASE("random octets of every length are a request only at the right length, and then every octet counts") {
  std::mt19937_64 random(2);
  std::array<std::uint8_t, half::kMaxMessageOctets> octets{};
  for (std::size_t size = 0; size <= octets.size(); ++size)
    for (int i = 0; i < 200; ++i) {
      const auto drawn = draw(random);
      std::ranges::copy(drawn, octets.begin());
      const auto request = half::decode<half::Request>(Bytes(octets).first(size));
      if (!request) continue;
      REQUIRE(size == sizeof(half::Request));
      REQUIRE(std::ranges::equal(half::octets_of(*request), drawn));
    }
}
