// SPDX-License-Identifier: MIT
#include "ruleset.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

namespace culvert::cli {
namespace {

using Json = nlohmann::json;

enum class Truth : std::uint8_t { no, perhaps, yes };

constexpr int kDeepest = 16;  // chains that jump into each other: nftables allows as many

const Json& member(const Json& object, const char* key) {
  static const Json kNone;
  if (!object.is_object()) return kNone;
  const auto found = object.find(key);
  return found != object.end() ? *found : kNone;
}

std::string text_at(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

Truth opposite(Truth truth) noexcept {
  return truth == Truth::perhaps ? truth : truth == Truth::yes ? Truth::no : Truth::yes;
}

/// \param wanted  a word, in which a '*' at the end stands for anything, or a list or set of such.
Truth is_word(const std::string& known, const Json& wanted) {
  if (known.empty()) return Truth::perhaps;
  if (wanted.is_string()) {
    const auto word = wanted.get<std::string>();
    if (word.starts_with('@')) return Truth::perhaps;
    if (word.ends_with('*')) return known.starts_with(word.substr(0, word.size() - 1)) ? Truth::yes : Truth::no;
    return known == word ? Truth::yes : Truth::no;
  }
  const Json& list = wanted.is_array() ? wanted : member(wanted, "set");
  if (!list.is_array()) return Truth::perhaps;
  Truth best = Truth::no;
  for (const Json& each : list) best = std::max(best, is_word(known, each));
  return best;
}

Truth is_number(std::uint64_t known, const Json& wanted) {
  if (wanted.is_number_unsigned()) return wanted.get<std::uint64_t>() == known ? Truth::yes : Truth::no;
  if (const Json& range = member(wanted, "range");
      range.is_array() && range.size() == 2 && range[0].is_number_unsigned() && range[1].is_number_unsigned())
    return range[0].get<std::uint64_t>() <= known && known <= range[1].get<std::uint64_t>() ? Truth::yes : Truth::no;
  const Json& list = wanted.is_array() ? wanted : member(wanted, "set");
  if (!list.is_array()) return Truth::perhaps;
  Truth best = Truth::no;
  for (const Json& each : list) best = std::max(best, is_number(known, each));
  return best;
}

Truth is_of_meta(const FilteredPacket& packet, const std::string& key, const Json& right) {
  if (key == "iifname" || key == "iif") return is_word(packet.from, right);
  if (key == "oifname" || key == "oif") return is_word(packet.to, right);
  if (key == "l4proto") return is_word(packet.protocol, right);
  if (key == "nfproto") return is_word(packet.family == Family::v4 ? "ipv4" : "ipv6", right);
  return Truth::perhaps;
}

bool has_header(const FilteredPacket& packet, const std::string& protocol) {
  if (protocol == "ip" || protocol == "ip6") return (protocol == "ip") == (packet.family == Family::v4);
  return protocol == "th" || packet.protocol.empty() || packet.protocol == protocol;
}

Truth matches(const FilteredPacket& packet, const Json& match) {
  const Json& left = member(match, "left");
  const Json& right = member(match, "right");
  const Json& payload = member(left, "payload");
  // Of a header that the packet does not have nothing holds, unequal neither.
  if (payload.is_object() && !has_header(packet, text_at(payload, "protocol"))) return Truth::no;
  Truth equal = Truth::perhaps;
  if (const std::string key = text_at(member(left, "meta"), "key"); !key.empty())
    equal = is_of_meta(packet, key, right);
  else if (text_at(payload, "field") == "dport" && !packet.protocol.empty() && packet.port != 0)
    equal = is_number(packet.port, right);
  else if (text_at(member(left, "ct"), "key") == "state")
    equal = is_word(packet.connection == FilteredPacket::Connection::known ? "established" : "new", right);
  const std::string op = text_at(match, "op");
  if (op == "==" || op == "in") return equal;
  return op == "!=" ? opposite(equal) : Truth::perhaps;
}

struct Rules {
  std::vector<const Json*> base_chains;
  std::map<std::string, std::vector<const Json*>> of_chain;  // by family, table and chain
};

std::string chain_key(const Json& of, const std::string& chain) {
  return text_at(of, "family") + '\n' + text_at(of, "table") + '\n' + chain;
}

/// One packet's way through one base chain and those that it jumps to.
class Walk {
 public:
  Walk(const Rules& rules, const FilteredPacket& packet) : rules_(rules), packet_(packet) {}

  FilterVerdict through(const Json& base) {
    using Fate = FilterVerdict::Fate;
    const bool dropped_at_end = text_at(base, "policy") == "drop";
    const End end = chain(base, text_at(base, "name"), Truth::yes, 0);
    const bool dropped = end == End::drop || (end == End::fell_through && dropped_at_end);
    if (!dropped) {
      if (!perhaps_dropped_) return {};
      perhaps_dropped_->fate = Fate::may_be_dropped;
      return *perhaps_dropped_;
    }
    FilterVerdict verdict = end == End::drop ? at_ : place(base, text_at(base, "name"), 0);
    verdict.fate = perhaps_accepted_ ? Fate::may_be_dropped : Fate::dropped;
    return verdict;
  }

 private:
  enum class End : std::uint8_t { accept, drop, fell_through };

  static FilterVerdict place(const Json& of, const std::string& chain, std::uint64_t handle) {
    return {FilterVerdict::Fate::dropped, text_at(of, "family"), text_at(of, "table"), chain, handle};
  }

  End chain(const Json& of, const std::string& name, Truth reached, int depth) {
    const auto rules = rules_.of_chain.find(chain_key(of, name));
    if (rules == rules_.of_chain.end() || depth > kDeepest) return End::fell_through;
    for (const Json* rule : rules->second) {
      Truth holds = reached;
      for (const Json& statement : member(*rule, "expr")) {
        if (!statement.is_object() || statement.empty() || holds == Truth::no) continue;
        const std::string kind = statement.begin().key();
        if (kind == "match") holds = std::min(holds, matches(packet_, statement.begin().value()));
        if (kind == "limit" || kind == "xt" || kind == "vmap") holds = std::min(holds, Truth::perhaps);
        if (kind == "vmap" || kind == "queue") perhaps_accepted_ = true;  // and whatever else
        if (kind == "return" && holds == Truth::yes) return End::fell_through;
        if (kind == "jump" || kind == "goto") {
          const End end = chain(*rule, text_at(statement.begin().value(), "target"), holds, depth + 1);
          if (end != End::fell_through) return end;
          if (kind == "goto" && holds == Truth::yes) return End::fell_through;
        }
        if (const auto end = last_word(kind, holds, *rule, name)) return *end;
      }
    }
    return End::fell_through;
  }

  /// nullopt: the packet goes on, perhaps.
  std::optional<End> last_word(const std::string& kind, Truth holds, const Json& rule, const std::string& chain) {
    const Json& handle = member(rule, "handle");
    if (kind == "accept") {
      if (holds == Truth::yes) return End::accept;
      perhaps_accepted_ = true;
    } else if (kind == "drop" || kind == "reject") {
      FilterVerdict here = place(rule, chain, handle.is_number_unsigned() ? handle.get<std::uint64_t>() : 0);
      if (holds == Truth::yes) {
        at_ = here;
        return End::drop;
      }
      if (!perhaps_dropped_) perhaps_dropped_ = here;
    }
    return std::nullopt;
  }

  const Rules& rules_;  // borrowed, as the packet is: for one call of `judge`
  const FilteredPacket& packet_;
  bool perhaps_accepted_ = false;
  std::optional<FilterVerdict> perhaps_dropped_;
  FilterVerdict at_;
};

bool concerns(const Json& chain, const FilteredPacket& packet, std::string_view own_table) {
  if (text_at(chain, "type") != "filter" || text_at(chain, "hook") != packet.hook) return false;
  const std::string family = text_at(chain, "family");
  const bool fits = family == "inet" || family == (packet.family == Family::v4 ? "ip" : "ip6");
  return fits && text_at(chain, "table") != own_table;
}

/// The lines of one table in a listing.
std::string_view table_in(std::string_view listing, const FilterVerdict& verdict) {
  const std::size_t from = listing.find(fmt::format("table {} {} {{", verdict.family, verdict.table));
  if (from == std::string_view::npos) return {};
  const std::size_t to = listing.find("\n}", from);
  return listing.substr(from, to == std::string_view::npos ? to : to - from);
}

}  // namespace

FilterVerdict judge(std::string_view ruleset, const FilteredPacket& packet, std::string_view own_table) {
  const Json document = Json::parse(ruleset, nullptr, false);
  Rules rules;
  for (const Json& entry : member(document, "nftables")) {
    if (const Json& chain = member(entry, "chain"); chain.is_object() && concerns(chain, packet, own_table))
      rules.base_chains.push_back(&chain);
    if (const Json& rule = member(entry, "rule"); rule.is_object())
      rules.of_chain[chain_key(rule, text_at(rule, "chain"))].push_back(&rule);
  }
  FilterVerdict worst;
  for (const Json* chain : rules.base_chains) {
    const FilterVerdict verdict = Walk(rules, packet).through(*chain);
    if (verdict.fate > worst.fate) worst = verdict;
  }
  return worst;
}

std::string rule_text(std::string_view listing, const FilterVerdict& verdict) {
  if (verdict.handle == 0) return "policy drop";
  const std::string_view table = table_in(listing, verdict);
  const std::string end = fmt::format(" # handle {}", verdict.handle);
  for (std::size_t at = table.find(end); at != std::string_view::npos; at = table.find(end, at + 1)) {
    if (at + end.size() < table.size() && table[at + end.size()] != '\n') continue;  // of a longer number
    const std::size_t line = table.rfind('\n', at) + 1;
    const std::string_view rule = table.substr(line, at - line);
    if (rule.ends_with('{')) continue;  // a chain has a number of its own
    return std::string(rule.substr(std::min(rule.find_first_not_of(" \t"), rule.size())));
  }
  return "";
}

std::string owner_of(std::string_view listing, const FilterVerdict& verdict) {
  // Docker puts its chains beside those of ufw, whose policy it then is.
  constexpr std::array<std::array<std::string_view, 2>, 3> kSigns{
      {{"chain ufw-", "ufw"}, {"chain DOCKER", "Docker"}, {"table inet firewalld", "firewalld"}}};
  const std::string_view table = table_in(listing, verdict);
  for (const auto& [sign, owner] : kSigns)
    if (table.find(sign) != std::string_view::npos) return std::string(owner);
  return "";
}

}  // namespace culvert::cli
