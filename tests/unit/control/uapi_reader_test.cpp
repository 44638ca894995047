// SPDX-License-Identifier: MIT
#include "uapi_reader.hpp"

#include <algorithm>
#include <cerrno>
#include <doctest/doctest.h>
#include <random>

using namespace culvert;
using namespace culvert::control;

namespace {

const std::string kHexA(64, 'a');

/// Feeds `text` in pieces of `piece` octets; the outcomes of all operations in it, as short words.
std::vector<std::string> outcomes(std::string text, std::size_t piece, UapiLimits limits = {}) {
  UapiReader reader(limits);
  std::vector<std::string> out;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t length = std::min(piece, text.size() - at);
    at += reader.feed(std::span(text).subspan(at, length));
    if (!reader.ready()) continue;
    const auto operation = reader.take();
    if (!operation) {
      out.push_back("error " + std::to_string(operation.error().error));
      if (operation.error().connection == UapiError::Connection::closes) return out;
    } else if (std::holds_alternative<GetRequest>(*operation)) {
      out.push_back("get");
    } else {
      const auto& set = std::get<SetRequest>(*operation);
      out.push_back("set port " + std::to_string(set.listen_port.value_or(0)) + " peers " +
                    std::to_string(set.peers.size()));
    }
  }
  return out;
}

}  // namespace

TEST_CASE("operations are found whatever pieces they arrive in") {
  const std::string text =
      "get=1\n\nset=1\nlisten_port=7\npublic_key=" + kHexA + "\nallowed_ip=10.0.0.0/8\n\nset=1\nfwmark=x\n\nget=1\n\n";
  const std::vector<std::string> expected = {"get", "set port 7 peers 1", "error 22", "get"};
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    CAPTURE(piece);
    CHECK(outcomes(text, piece) == expected);
  }
}

TEST_CASE("random cuts give what the whole text gives") {
  const std::uint32_t seed = 20240717;
  CAPTURE(seed);
  std::mt19937 random(seed);
  const std::string lines[] = {"get=1", "set=1", "", "", "listen_port=9", "public_key=" + kHexA, "x", "=", "fwmark=1"};
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (int i = 0; i < 30; ++i) text += lines[random() % std::size(lines)] + "\n";
    const auto whole = outcomes(text, text.size());
    CHECK(outcomes(text, 1 + random() % 50) == whole);
  }
}

TEST_CASE("octets that were taken are wiped, those after the operation are not") {
  std::string text = "set=1\nprivate_key=" + kHexA + "\n\nget=1\n\n";
  const std::size_t first = text.size() - 7;
  UapiReader reader;
  CHECK(reader.feed(std::span(text)) == first);
  CHECK(reader.ready());
  CHECK(text.substr(0, first) == std::string(first, '\0'));
  CHECK(text.substr(first) == "get=1\n\n");
}

TEST_CASE("an unfinished line is taken and wiped from the input as well") {
  std::string text = "set=1\nprivate_key=" + kHexA;
  UapiReader reader;
  CHECK(reader.feed(std::span(text)) == text.size());
  CHECK(text == std::string(text.size(), '\0'));
  std::string rest = "\n\n";
  CHECK(reader.feed(std::span(rest)) == 2);
  const auto operation = reader.take();
  REQUIRE(operation);
  CHECK(std::get<SetRequest>(*operation).private_key);
}

TEST_CASE("no memory of a reader holds key text once the line is complete") {
  alignas(UapiReader) std::array<std::uint8_t, sizeof(UapiReader)> memory{};
  auto* const reader = new (memory.data()) UapiReader;
  std::string text = "set=1\nprivate_key=" + kHexA;
  std::string rest = "\n";
  reader->feed(std::span(text));
  const std::string_view needle = std::string_view(kHexA).substr(0, 16);
  const auto count = [&] {
    return std::search(memory.begin(), memory.end(), needle.begin(), needle.end()) != memory.end();
  };
  CHECK(count());
  reader->feed(std::span(rest));
  CHECK(!count());
  text = "preshared_key=" + kHexA;
  reader->feed(std::span(text));
  CHECK(count());
  reader->~UapiReader();
  CHECK(!count());
}

TEST_CASE("idle means between two operations") {
  UapiReader reader;
  CHECK(reader.idle());
  std::string text = "get=1\n\n";
  CHECK(reader.feed(std::span(text).first(1)) == 1);
  CHECK(!reader.idle());
  CHECK(reader.feed(std::span(text).subspan(1)) == 6);
  CHECK(reader.take());
  CHECK(reader.idle());
}

TEST_CASE("the end of the stream inside an operation is an error of that operation") {
  UapiReader reader;
  std::string text = "set=1\nlisten_port=1\n";
  reader.feed(std::span(text));
  CHECK(!reader.ready());
  const auto operation = reader.take();
  REQUIRE(!operation);
  CHECK(operation.error().error == EPROTO);
  CHECK(operation.error().verb == Verb::set);
}

TEST_CASE("a line of 4096 octets is taken, one more octet is not") {
  const std::string key = "public_key=";
  const auto text = [&](std::size_t octets) {
    return "set=1\n" + key + std::string(octets - key.size(), 'a') + "\n\n";
  };
  for (const std::size_t piece : {std::size_t{1}, std::size_t{100}, std::size_t{10000}}) {
    CAPTURE(piece);
    CHECK(outcomes(text(4096), piece) == std::vector<std::string>{"error 22"});
    CHECK(outcomes(text(4097), piece) == std::vector<std::string>{"error 90"});
  }
}

TEST_CASE("a line without an end stops the reader after 4096 octets") {
  UapiReader reader;
  std::string text(100000, 'x');
  const std::size_t taken = reader.feed(std::span(text));
  CHECK(reader.ready());
  const auto operation = reader.take();
  REQUIRE(!operation);
  CHECK(operation.error().error == EMSGSIZE);
  CHECK(operation.error().connection == UapiError::Connection::closes);
  CHECK(taken <= text.size());
}

TEST_CASE("an operation over its limit is refused, in one piece or many") {
  std::string text = "set=1\n";
  for (int i = 0; i < 100; ++i) text += "listen_port=1\n";
  text += "\n";
  const std::size_t octets = text.size();
  for (const std::size_t piece : {std::size_t{1}, std::size_t{64}, octets}) {
    CAPTURE(piece);
    CHECK(outcomes(text, piece, {.operation_octets = octets}) == std::vector<std::string>{"set port 1 peers 0"});
    CHECK(outcomes(text, piece, {.operation_octets = octets - 1}) == std::vector<std::string>{"error 90"});
  }
  // The limit counts for each operation alone.
  CHECK(outcomes(text + text, 64, {.operation_octets = octets}).size() == 2);
}

TEST_CASE("ten thousand peers are taken") {
  std::string text = "set=1\nreplace_peers=true\n";
  for (int i = 0; i < 10000; ++i) {
    std::string digits = std::to_string(i);
    digits.insert(0, 64 - digits.size(), '0');
    text += "public_key=" + digits + "\nreplace_allowed_ips=true\nallowed_ip=10." + std::to_string(i / 256) + "." +
            std::to_string(i % 256) + ".0/24\n";
  }
  CHECK(outcomes(text + "\n", 16384) == std::vector<std::string>{"set port 0 peers 10000"});
}

TEST_CASE("twice 65280 prefixes of one peer are taken") {
  std::string text = "set=1\npublic_key=" + kHexA + "\n";
  for (int i = 0; i < 65280; ++i) {
    const int high = i / 256, low = i % 256;
    text += "allowed_ip=" + std::to_string(high + 1) + "." + std::to_string(low) + ".0.0/16\n";
    text += "allowed_ip=2001:" + std::to_string(high) + ":" + std::to_string(low) + "::/48\n";
  }
  text += "\n";
  UapiReader reader;
  CHECK(reader.feed(std::span(text)) == text.size());
  const auto operation = reader.take();
  REQUIRE(operation);
  CHECK(std::get<SetRequest>(*operation).peers.at(0).allowed_ips.size() == 130560);
}
