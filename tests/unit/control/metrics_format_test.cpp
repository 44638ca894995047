// SPDX-License-Identifier: MIT
// Reads the page by the grammar of the Prometheus text format, written anew here, and then looks what is in it.
#include "metrics_format.hpp"

#include <doctest/doctest.h>

#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <vector>

#include "metrics_text.hpp"

using namespace culvert;
using namespace culvert::control;

namespace {

struct Scraped {
  std::map<std::string, std::string> types;    // by family
  std::map<std::string, std::string> samples;  // "name{labels}" to value
};

/// The family of a sample: a histogram's samples bear suffixes.
std::string family_of(const std::string& name, const std::map<std::string, std::string>& types) {
  for (const std::string suffix : {"_bucket", "_sum", "_count"})
    if (name.ends_with(suffix)) {
      const std::string base = name.substr(0, name.size() - suffix.size());
      if (types.contains(base)) return base;
    }
  return name;
}

Scraped scrape(const std::string& page) {
  static const std::regex help(R"(# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) [^\n]+)");
  static const std::regex type(R"(# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram))");
  static const std::regex sample(
      R"re(([a-zA-Z_:][a-zA-Z0-9_:]*)(\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\]|\\.)*",?)+\})? ([0-9.e+-]+|NaN))re");
  Scraped scraped;
  std::string open;  // the family whose samples stand here
  std::string helped;
  REQUIRE(page.ends_with('\n'));
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    INFO(line);
    std::smatch match;
    if (std::regex_match(line, match, help)) {
      helped = match[1];
    } else if (std::regex_match(line, match, type)) {
      open = match[1];
      CHECK(open == helped);
      CHECK(scraped.types.emplace(open, match[2]).second);  // each family once
      if (match[2] == "counter") CHECK(open.ends_with("_total"));
    } else {
      REQUIRE(std::regex_match(line, match, sample));
      CHECK(family_of(match[1], scraped.types) == open);
      CHECK(scraped.samples.emplace(match[1].str() + match[2].str(), match[5]).second);  // each series once
    }
  }
  return scraped;
}

struct Wanted {
  DeviceSnapshot device;
  engine::EngineStatus engine;

  Wanted() {
    for (const std::uint8_t fill : {std::uint8_t{0x22}, std::uint8_t{0x44}}) {
      PeerSnapshot peer;
      peer.public_key.octets.fill(fill);
      Octets<32> secret{};
      secret.fill(0x33);
      peer.preshared_key.secret = Secret<32>(secret);
      peer.received_octets = std::uint64_t{123} + fill;
      peer.sent_octets = 456;
      peer.allowed_ips = {*parse_prefix("10.0.0.0/24"), *parse_prefix("fd00::/64")};
      device.peers.push_back(std::move(peer));
      engine::PeerReport report;
      report.key.octets.fill(fill);
      engine.peers.push_back(report);
    }
    device.peers[0].endpoint = parse_endpoint("[2001:db8::7]:4500");
    device.peers[0].last_handshake = {1'700'000'000, 0};
    engine.peers[0].state = PeerState::up;
    engine.peers[1].state = PeerState::blocked;
    engine.peers[1].cause = ProblemRecord{.problem = Problem::bad_answer, .wall = {}};
    engine.peers[1].initiations_sent = 9;
    engine.thinned_senders = 250;
    engine.lanes.resize(2);
    engine.lanes[0].drops[static_cast<std::size_t>(Drop::replayed)] = 2;
    engine.lanes[1].drops[static_cast<std::size_t>(Drop::replayed)] = 3;
    engine.control_drops[static_cast<std::size_t>(Drop::bad_mac1)] = 7;
    engine.lanes[1].outside.kernel_drops = 5;
    engine.peers[0].arrivals = {.expected = 500, .accepted = 490};
    engine.packets.out = {.read = 10, .sent = 6, .waiting = 1};
    engine.packets.out.drops[static_cast<std::size_t>(Drop::no_endpoint)] = 3;
    engine.handshake_times.add(std::chrono::milliseconds(40));
    engine.handshake_times.add(std::chrono::seconds(60));
  }
  [[nodiscard]] std::string page(MetricNames names) const { return format_metrics("wg0", device, engine, 11, names); }
};

const std::string kKey = "IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI=";
const std::string kOther = "REREREREREREREREREREREREREREREREREREREREREQ=";

}  // namespace

TEST_CASE("dashboards for mdlayher's exporter find their names, labels and values") {
  const Scraped got = scrape(Wanted().page(MetricNames::usual));
  const std::string peer = "{device=\"wg0\",public_key=\"" + kKey + "\"}";
  CHECK(got.samples.at("wireguard_peer_receive_bytes_total" + peer) == "157");
  CHECK(got.samples.at("wireguard_peer_transmit_bytes_total" + peer) == "456");
  CHECK(got.samples.at("wireguard_peer_last_handshake_seconds" + peer) == "1700000000");
  CHECK(got.samples.at("wireguard_device_info{device=\"wg0\"}") == "1");
  CHECK(got.samples.at("wireguard_peer_info{device=\"wg0\",public_key=\"" + kKey +
                       "\",endpoint=\"[2001:db8::7]:4500\",name=\"\"}") == "1");
  CHECK(got.samples.at("wireguard_peer_allowed_ips_info{device=\"wg0\",public_key=\"" + kKey +
                       "\",allowed_ips=\"fd00::/64\",family=\"IPv6\"}") == "1");
  CHECK(got.types.at("wireguard_peer_receive_bytes_total") == "counter");
  CHECK_FALSE(got.types.contains("wireguard_sent_bytes_total"));
}

TEST_CASE("the names of MindFlavor's exporter come on request") {
  const Scraped got = scrape(Wanted().page(MetricNames::both));
  const std::string peer = "{interface=\"wg0\",public_key=\"" + kOther + "\",allowed_ips=\"10.0.0.0/24,fd00::/64\"}";
  CHECK(got.samples.at("wireguard_sent_bytes_total" + peer) == "456");
  CHECK(got.samples.at("wireguard_received_bytes_total" + peer) == "191");
  CHECK(got.samples.at("wireguard_latest_handshake_seconds" + peer) == "0");
}

TEST_CASE("states, problems, reasons, lanes and times of handshakes are told under names of our own") {
  const Scraped got = scrape(Wanted().page(MetricNames::usual));
  CHECK(got.samples.at("culvert_peer_state{device=\"wg0\",public_key=\"" + kKey + "\",state=\"up\"}") == "1");
  CHECK(got.samples.at("culvert_peer_state{device=\"wg0\",public_key=\"" + kKey + "\",state=\"blocked\"}") == "0");
  CHECK(got.samples.at("culvert_peer_problem{device=\"wg0\",public_key=\"" + kOther + "\",problem=\"bad_answer\"}") ==
        "1");
  CHECK(got.samples.at("culvert_peer_handshakes_sent_total{device=\"wg0\",public_key=\"" + kOther + "\"}") == "9");
  CHECK(got.samples.at("culvert_drops_total{device=\"wg0\",reason=\"replayed\"}") == "5");
  CHECK(got.samples.at("culvert_drops_total{device=\"wg0\",reason=\"bad_mac1\"}") == "7");
  CHECK(got.samples.at("culvert_outside_queue_drops_total{device=\"wg0\",lane=\"1\"}") == "5");
  CHECK(got.samples.at("culvert_peer_expected_packets_total{device=\"wg0\",public_key=\"" + kKey + "\"}") == "500");
  CHECK(got.samples.at("culvert_peer_accepted_packets_total{device=\"wg0\",public_key=\"" + kKey + "\"}") == "490");
  CHECK(got.samples.at("culvert_packets_total{device=\"wg0\",way=\"out\",what=\"read\"}") == "10");
  CHECK(got.samples.at("culvert_packets_total{device=\"wg0\",way=\"out\",what=\"dropped\"}") == "3");
  CHECK(got.samples.at("culvert_waiting_packets{device=\"wg0\",way=\"out\"}") == "1");
  CHECK(got.samples.at("culvert_interface_drops_total{device=\"wg0\"}") == "11");
  CHECK(got.samples.at("culvert_thinned_senders{device=\"wg0\"}") == "250");
  CHECK(got.samples.at("culvert_handshake_seconds_bucket{device=\"wg0\",le=\"0.025\"}") == "0");
  CHECK(got.samples.at("culvert_handshake_seconds_bucket{device=\"wg0\",le=\"0.05\"}") == "1");
  CHECK(got.samples.at("culvert_handshake_seconds_bucket{device=\"wg0\",le=\"+Inf\"}") == "2");
  CHECK(got.samples.at("culvert_handshake_seconds_count{device=\"wg0\"}") == "2");
}

TEST_CASE("no key but public ones is on the page") {
  const std::string page = Wanted().page(MetricNames::both);
  CHECK(page.find("MzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzM=") == std::string::npos);
  CHECK(page.find("3333") == std::string::npos);
}

TEST_CASE("quotes, backslashes and line ends in a label's value are escaped") {
  MetricsText text;
  text.family("x", MetricsText::Type::gauge, "A test.");
  text.sample("x", {{"a", "q\"b\\n\nz"}}, std::uint64_t{1});
  CHECK(text.take() == "# HELP x A test.\n# TYPE x gauge\nx{a=\"q\\\"b\\\\n\\nz\"} 1\n");
}
