// SPDX-License-Identifier: MIT
// The JSON is what nft 1.0.6 prints for the rules that stand beside it.
#include "ruleset.hpp"

#include <doctest/doctest.h>

#include <fmt/format.h>

using namespace culvert;
using namespace culvert::cli;
using Fate = FilterVerdict::Fate;
using Connection = FilteredPacket::Connection;

namespace {

std::string chain(std::string_view table, std::string_view name, std::string_view hook, std::string_view policy) {
  const std::string base =
      hook.empty() ? "" : fmt::format(R"(,"type":"filter","hook":"{}","prio":0,"policy":"{}")", hook, policy);
  return fmt::format(R"({{"chain":{{"family":"inet","table":"{}","name":"{}","handle":1{}}}}})", table, name, base);
}

std::string rule(std::string_view table, std::string_view in, int handle, std::string_view expr) {
  return fmt::format(R"({{"rule":{{"family":"inet","table":"{}","chain":"{}","handle":{},"expr":[{}]}}}})", table, in,
                     handle, expr);
}

std::string ruleset(std::initializer_list<std::string> entries) {
  std::string text = R"({"nftables":[{"metainfo":{"version":"1.0.6"}})";
  for (const std::string& entry : entries) text += "," + entry;
  return text + "]}";
}

constexpr const char* kUdpPort =
    R"({"match":{"op":"==","left":{"payload":{"protocol":"udp","field":"dport"}},"right":51820}})";
constexpr const char* kUdpPorts =
    R"({"match":{"op":"==","left":{"payload":{"protocol":"udp","field":"dport"}},"right":{"set":[22,{"range":[51820,51830]}]}}})";
constexpr const char* kTcpPort =
    R"({"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":51820}})";
constexpr const char* kNotTcpPort =
    R"({"match":{"op":"!=","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":22}})";
constexpr const char* kSource =
    R"({"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":{"prefix":{"addr":"10.0.0.0","len":8}}}})";
constexpr const char* kKnown =
    R"({"match":{"op":"in","left":{"ct":{"key":"state"}},"right":["established","related"]}})";
constexpr const char* kFromWg = R"({"match":{"op":"==","left":{"meta":{"key":"iifname"}},"right":"wg*"}})";
constexpr const char* kFromDocker = R"({"match":{"op":"==","left":{"meta":{"key":"iifname"}},"right":"docker0"}})";
constexpr const char* kAccept = R"({"accept":null})";
constexpr const char* kDrop = R"({"drop":null})";

std::string both(std::string_view a, std::string_view b) { return fmt::format("{},{}", a, b); }

const FilteredPacket kToPort{"input", Family::v4, "", "", "udp", 51820, Connection::fresh};
const FilteredPacket kForwarded{"forward", Family::v4, "wg0", "eth0", "", 0, Connection::fresh};

Fate fate(const std::string& rules, const FilteredPacket& packet = kToPort) { return judge(rules, packet, "").fate; }

}  // namespace

TEST_CASE("a rule that drops the port is found, whether it names one, a range or a set") {
  for (const char* port : {kUdpPort, kUdpPorts}) {
    const auto verdict =
        judge(ruleset({chain("f", "in", "input", "accept"), rule("f", "in", 7, both(port, kDrop))}), kToPort, "");
    CHECK(verdict.fate == Fate::dropped);
    CHECK(verdict.table == "f");
    CHECK(verdict.chain == "in");
    CHECK(verdict.handle == 7);
  }
}

TEST_CASE("a rule for another protocol, hook, family or table says nothing of the port") {
  CHECK(fate(ruleset({chain("f", "in", "input", "accept"), rule("f", "in", 7, both(kTcpPort, kDrop))})) ==
        Fate::passes);
  CHECK(fate(ruleset({chain("f", "in", "input", "accept"), rule("f", "in", 7, both(kNotTcpPort, kDrop))})) ==
        Fate::passes);
  CHECK(fate(ruleset({chain("f", "out", "output", "drop")})) == Fate::passes);
  CHECK(judge(ruleset({chain("own", "in", "input", "drop")}), kToPort, "own").fate == Fate::passes);
  FilteredPacket v6 = kToPort;
  v6.family = Family::v6;
  CHECK(fate(ruleset({chain("f", "in", "input", "accept"), rule("f", "in", 7, both(kSource, kDrop))}), v6) ==
        Fate::passes);
}

TEST_CASE("what cannot be judged is a perhaps, for good and for bad") {
  CHECK(fate(ruleset({chain("f", "in", "input", "accept"), rule("f", "in", 7, both(kSource, kDrop))})) ==
        Fate::may_be_dropped);
  CHECK(fate(ruleset({chain("f", "in", "input", "drop"), rule("f", "in", 7, both(kSource, kAccept))})) ==
        Fate::may_be_dropped);
}

TEST_CASE("a policy drops what no rule accepts, and answers are not fresh") {
  const std::string rules = ruleset({chain("f", "in", "input", "drop"), rule("f", "in", 7, both(kKnown, kAccept))});
  const auto verdict = judge(rules, kToPort, "");
  CHECK(verdict.fate == Fate::dropped);
  CHECK(verdict.handle == 0);
  FilteredPacket answer = kToPort;
  answer.connection = Connection::known;
  CHECK(fate(rules, answer) == Fate::passes);
  CHECK(fate(ruleset({chain("f", "in", "input", "drop"), rule("f", "in", 7, both(kUdpPort, kAccept))})) ==
        Fate::passes);
}

TEST_CASE("chains are followed: jump, goto and return") {
  const auto with = [](std::string_view way, std::string_view first) {
    return ruleset({chain("f", "in", "input", "drop"), chain("f", "sub", "", ""),
                    rule("f", "in", 1, fmt::format(R"({{"{}":{{"target":"sub"}}}})", way)), rule("f", "in", 2, kAccept),
                    rule("f", "sub", 3, first)});
  };
  CHECK(fate(with("jump", both(kUdpPort, kDrop))) == Fate::dropped);
  CHECK(fate(with("jump", R"({"return":null})")) == Fate::passes);
  CHECK(fate(with("goto", R"({"return":null})")) == Fate::dropped);
  CHECK(fate(with("goto", kAccept)) == Fate::passes);
}

TEST_CASE("chains that jump in a circle end") {
  CHECK(fate(ruleset({chain("f", "in", "input", "accept"), rule("f", "in", 1, R"({"jump":{"target":"in"}})")})) ==
        Fate::passes);
}

TEST_CASE("a foreign policy of forwarding is found, and a rule for the tunnel's interface heals it") {
  const std::string docker = both(kFromDocker, kAccept), ours = both(kFromWg, kAccept);
  CHECK(fate(ruleset({chain("f", "fw", "forward", "drop"), rule("f", "fw", 1, docker)}), kForwarded) == Fate::dropped);
  CHECK(fate(ruleset({chain("f", "fw", "forward", "drop"), rule("f", "fw", 1, ours)}), kForwarded) == Fate::passes);
}

TEST_CASE("of several base chains the worst counts; no rules at all let everything pass") {
  CHECK(fate(ruleset({chain("f", "in", "input", "accept"), chain("g", "in", "input", "drop")})) == Fate::dropped);
  CHECK(fate("") == Fate::passes);
  CHECK(fate("[]") == Fate::passes);
  CHECK(fate(R"({"nftables":[{"rule":{"expr":[7,{}]}},{"chain":3}]})") == Fate::passes);
}

TEST_CASE("the rule is shown as a person writes it, and who made the table") {
  constexpr const char* kListing =
      "table ip filter { # handle 1\n"
      "\tchain ufw-user-input { # handle 7\n"
      "\t}\n"
      "\tchain INPUT { # handle 2\n"
      "\t\ttype filter hook input priority filter; policy drop;\n"
      "\t\tudp dport 51820 drop # handle 71\n"
      "\t\tudp dport 51821 drop # handle 7\n"
      "\t}\n"
      "}\n"
      "table inet other { # handle 2\n"
      "\tchain in { # handle 1\n"
      "\t\tdrop # handle 9\n"
      "\t}\n"
      "}\n";
  const FilterVerdict verdict{Fate::dropped, "ip", "filter", "INPUT", 7};
  CHECK(rule_text(kListing, verdict) == "udp dport 51821 drop");
  CHECK(owner_of(kListing, verdict) == "ufw");
  CHECK(rule_text(kListing, {Fate::dropped, "ip", "filter", "INPUT", 0}) == "policy drop");
  CHECK(rule_text(kListing, {Fate::dropped, "ip", "filter", "INPUT", 9}).empty());
  CHECK(owner_of(kListing, {Fate::dropped, "inet", "other", "in", 9}).empty());
}
