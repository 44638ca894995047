// SPDX-License-Identifier: MIT
#include "rates.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include <culvert/printable.hpp>

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

constexpr std::string_view kBold = "1", kDim = "2", kGraph = "36";
constexpr std::size_t kWidestName = 20;
constexpr std::int64_t kRecent = 300;  // seconds for which a problem of a tunnel that is up again is told

/// A piece of a line, in a colour or, with an empty code, in none.
struct Part {
  std::string_view code;
  std::string text;
};

/// Lines that keep to a screen.
class Page {
 public:
  Page(Console::Colours colours, std::size_t columns, std::size_t lines)
      : colours_(colours), columns_(columns), lines_(lines) {}

  void add(const std::vector<Part>& parts) {
    if (used_++ >= lines_) return;
    std::size_t left = columns_;
    for (const Part& part : parts) {
      const std::string shown = cut(part.text, left);
      left -= columns_of(shown);
      if (shown.empty()) continue;
      const bool painted = colours_ == Console::Colours::ansi && !part.code.empty();
      text_ += painted ? fmt::format("\x1b[{}m{}\x1b[0m", part.code, shown) : shown;
    }
    while (text_.ends_with(' ')) text_.pop_back();
    text_ += '\n';
  }
  [[nodiscard]] std::size_t columns() const noexcept { return columns_; }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  Console::Colours colours_;
  std::size_t columns_, lines_, used_ = 0;
  std::string text_;
};

std::string padded(const std::string& text, std::size_t columns) {
  const std::size_t used = columns_of(text);
  return used < columns ? text + std::string(columns - used, ' ') : text;
}

std::string_view code_of(PeerState::Grade grade) noexcept {
  switch (grade) {
    case PeerState::Grade::good:
      return "32";
    case PeerState::Grade::waiting:
      return "33";
    case PeerState::Grade::bad:
      return "31";
  }
  return "";
}

void add_graph(Page& page, std::string_view arrow, const std::deque<double>& history, std::uint64_t total) {
  const std::vector<double> values(history.begin(), history.end());
  const std::string rate = fmt::format("{:>11}", rate_text(values.empty() ? 0 : values.back()));
  const std::string sum = fmt::format("  {:>10}  ", octets_text(total));
  const std::size_t used = 6 + columns_of(rate) + columns_of(sum);
  page.add({{"", fmt::format("    {} ", arrow)},
            {"", rate},
            {kDim, sum},
            {kGraph, sparkline(values, page.columns() > used ? std::min(page.columns() - used, Rates::kLooks) : 0)}});
}

/// Widths that all peers share, so that what is alike stands in one column.
struct Columns {
  std::size_t name = 0, endpoint = 0;
};

void add_peer(Page& page, const PeerStatus& peer, const Columns& widths, const Rates& rates, std::int64_t now) {
  const PeerState state = state_of(peer, now);
  const std::string_view code = code_of(state.grade);
  const std::string round_trip = peer.round_trip_ms ? fmt::format("  {:.1f} ms", *peer.round_trip_ms) : "";
  page.add({{code, "● "},
            {kBold, padded(title_of(peer), widths.name) + "  "},
            {"", padded(printable(peer.endpoint), widths.endpoint) + (widths.endpoint != 0 ? "  " : "")},
            {code, state.text},
            {kDim, round_trip}});
  if (peer.received != 0) {  // else nothing but calls without an answer
    add_graph(page, "↓", rates.of(peer).received, peer.received);
    add_graph(page, "↑", rates.of(peer).sent, peer.sent);
  }
  if (state.grade != PeerState::Grade::good && !peer.advice.empty()) {
    page.add({{code, "    → "}, {"", printable(peer.advice)}});
  } else if (!peer.problem.empty() && now - peer.problem_at < kRecent) {
    page.add({{kDim, fmt::format("    last problem: {} ({})", printable(peer.problem),
                                 ago_text(std::chrono::seconds(now - peer.problem_at)))}});
  }
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
  Page page(colours, columns, lines);
  std::vector<const PeerStatus*> peers;
  for (const PeerStatus& peer : status.peers) peers.push_back(&peer);
  std::stable_sort(peers.begin(), peers.end(),
                   [](const PeerStatus* a, const PeerStatus* b) { return a->latest_handshake > b->latest_handshake; });
  Columns widths;
  std::size_t up = 0;
  for (const PeerStatus* peer : peers) {
    const PeerState state = state_of(*peer, now_unix);
    widths.name = std::max(widths.name, std::min(columns_of(title_of(*peer)), kWidestName));
    widths.endpoint = std::max(widths.endpoint, columns_of(peer->endpoint));
    up += state.grade == PeerState::Grade::good ? 1 : 0;
  }
  const bool down = status.link == "down";
  page.add({{kBold, printable(status.name)},
            {down ? "31" : "", down ? "  link down" : ""},
            {"", peers.empty() ? "  no peers" : fmt::format("  {} of {} up", up, count_text(peers.size(), "peer"))},
            {kDim, fmt::format("  {}  q ends", instant_text(now_unix))}});
  // Four lines and one between, where there is room.
  const bool roomy = 1 + 5 * peers.size() <= lines;
  for (const PeerStatus* peer : peers) {
    if (roomy || peer == peers.front()) page.add({});
    add_peer(page, *peer, widths, rates, now_unix);
  }
  for (const Stranger& stranger : status.strangers)
    page.add(
        {{"33", "● "},
         {"", stranger.public_key.empty()
                  ? fmt::format("{} holds another public key for us", printable(stranger.from))
                  : fmt::format("unknown key {} from {}", printable(stranger.public_key), printable(stranger.from))}});
  return page.take();
}

}  // namespace culvert::cli
