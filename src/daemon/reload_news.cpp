// SPDX-License-Identifier: MIT
#include "reload_news.hpp"

#include <algorithm>
#include <set>
#include <string>

namespace culvert::daemon {
namespace {

constexpr std::string_view kPeer = "peer ";
constexpr std::string_view kDetail = ": ";
constexpr std::size_t kRoom = sizeof half::Reload::text - 1;
constexpr std::size_t kRoomForRest = 20;  // " and 4294967295 more"

/// A message holds no line ends.
std::string in_one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; }, ' ');
  return text;
}

std::string cut(std::string text) {
  if (text.size() <= kRoom) return text;
  text.resize(kRoom - 3);
  return text + "...";
}

/// As many whole lines as there is room for, and how many more there are.
std::string summary(const std::vector<std::string>& lines) {
  std::string text;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string next = (text.empty() ? "" : "; ") + in_one_line(lines[i]);
    if (text.size() + next.size() + kRoomForRest > kRoom &&
        !(i + 1 == lines.size() && text.size() + next.size() <= kRoom))
      return cut(text + (text.empty() ? "" : " and ") + std::to_string(lines.size() - i) + " more");
    text += next;
  }
  return text;
}

std::string why(const control::HostAnswer& answer) {
  std::string text = answer.error;
  if (!answer.lines.empty()) text += ": " + answer.lines.front();
  return cut(in_one_line(std::move(text)));
}

}  // namespace

half::Reload reload_news(const std::vector<config::Difference>& differences, const control::HostAnswer& answer) {
  half::Reload news;
  if (answer.outcome != control::HostAnswer::Outcome::done) {
    news.refused = 1;
    news.text = half::padded<sizeof news.text>(why(answer));
    return news;
  }
  using Kind = config::Difference::Kind;
  std::set<std::string_view> changed;
  for (const config::Difference& one : differences) {
    const std::string_view key = one.key;
    if (!key.starts_with(kPeer))
      ++news.other_keys;
    else if (one.kind == Kind::added)
      ++news.peers_added;
    else if (one.kind == Kind::removed)
      ++news.peers_removed;
    else
      changed.insert(key.substr(0, key.rfind(kDetail)));
  }
  news.peers_changed = static_cast<std::uint32_t>(changed.size());
  news.text = half::padded<sizeof news.text>(summary(answer.lines));
  return news;
}

}  // namespace culvert::daemon
