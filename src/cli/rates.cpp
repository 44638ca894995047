// SPDX-License-Identifier: MIT
#include "rates.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "table.hpp"
#include "units.hpp"

namespace culvert::cli {
namespace {

void push(std::deque<double>& values, double value) {
  values.push_back(value);
  if (values.size() > Rates::kLooks) values.pop_front();
}

/// The first `columns` characters of a line without escape sequences.
std::string cut(std::string_view line, std::size_t columns) {
  std::size_t at = 0;
  for (std::size_t n = 0; at < line.size(); ++at)
    if ((static_cast<unsigned char>(line[at]) & 0xC0) != 0x80 && n++ == columns) break;
  return std::string(line.substr(0, at));
}

std::string graph_line(std::string_view arrow, const std::deque<double>& history, std::uint64_t total,
                       std::size_t columns) {
  const std::vector<double> values(history.begin(), history.end());
  const std::string head =
      fmt::format("    {} {:>11}  {:>12}  ", arrow, rate_text(values.empty() ? 0 : values.back()), octets_text(total));
  const std::size_t used = columns_of(head);
  return head + sparkline(values, columns > used ? std::min(columns - used, Rates::kLooks) : 0);
}

std::string_view colour_of(PeerState::Grade grade) noexcept {
  switch (grade) {
    case PeerState::Grade::good:
      return "\x1b[32m";
    case PeerState::Grade::waiting:
      return "\x1b[33m";
    case PeerState::Grade::bad:
      return "\x1b[31m";
  }
  return "";
}

}  // namespace

std::string sparkline(std::span<const double> values, std::size_t columns) {
  constexpr std::array<std::string_view, 8> kLevels{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const auto shown = values.last(std::min(values.size(), columns));
  const double most = shown.empty() ? 0 : *std::max_element(shown.begin(), shown.end());
  std::string text;
  for (const double value : shown) {
    const double part = most > 0 ? std::ceil(value / most * (kLevels.size() - 1)) : 0;
    text += kLevels[static_cast<std::size_t>(std::clamp(part, 0.0, kLevels.size() - 1.0))];
  }
  return text;
}

void Rates::look(const InterfaceStatus& status, Instant at) {
  std::map<std::string, Seen> next;
  for (const PeerStatus& peer : status.peers) {
    Seen now{peer.received, peer.sent, at, {}};
    if (auto before = seen_.find(peer.public_key); before != seen_.end()) {
      Seen& old = before->second;
      now.history = std::move(old.history);
      const double seconds = std::chrono::duration<double>(at - old.at).count();
      const bool goes_on = seconds > 0 && now.received >= old.received && now.sent >= old.sent;
      push(now.history.received, goes_on ? static_cast<double>(now.received - old.received) / seconds : 0);
      push(now.history.sent, goes_on ? static_cast<double>(now.sent - old.sent) / seconds : 0);
    }
    next.emplace(peer.public_key, std::move(now));
  }
  seen_ = std::move(next);
}

const RateHistory& Rates::of(const PeerStatus& peer) const {
  static const RateHistory kNone;
  const auto found = seen_.find(peer.public_key);
  return found == seen_.end() ? kNone : found->second.history;
}

std::string watch_screen(const InterfaceStatus& status, const Rates& rates, std::int64_t now_unix,
                         Console::Colours colours, std::size_t columns, std::size_t lines) {
  std::string text;
  std::size_t used = 0;
  const auto add = [&](std::string_view colour, const std::string& line) {
    if (used++ >= lines) return;
    const bool painted = colours == Console::Colours::ansi && !colour.empty();
    text += fmt::format("{}{}{}\n", painted ? colour : "", cut(line, columns), painted ? "\x1b[0m" : "");
  };
  add("\x1b[1m", fmt::format("{}  {}  {}  (q ends)", printable(status.name),
                             status.link.empty() ? "" : "link " + printable(status.link), instant_text(now_unix)));
  std::vector<const PeerStatus*> peers;
  for (const PeerStatus& peer : status.peers) peers.push_back(&peer);
  std::stable_sort(peers.begin(), peers.end(),
                   [](const PeerStatus* a, const PeerStatus* b) { return a->latest_handshake > b->latest_handshake; });
  for (const PeerStatus* peer : peers) {
    const PeerState state = state_of(*peer, now_unix);
    const std::string from = peer->endpoint.empty() ? "" : "  " + printable(peer->endpoint);
    add(colour_of(state.grade), fmt::format("  {}  {}{}", title_of(*peer), state.text, from));
    add("", graph_line("↓", rates.of(*peer).received, peer->received, columns));
    add("", graph_line("↑", rates.of(*peer).sent, peer->sent, columns));
    if (!peer->problem.empty()) add("\x1b[31m", "    last problem: " + printable(peer->problem));
  }
  if (peers.empty()) add("", "  no peers");
  return text;
}

}  // namespace culvert::cli
