// SPDX-License-Identifier: MIT
#include "reload_news.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace culvert;
using namespace culvert::daemon;
using config::Difference;
using control::HostAnswer;

namespace {

HostAnswer done(const std::vector<Difference>& differences) {
  HostAnswer answer;
  for (const Difference& one : differences) answer.lines.push_back(one.line());
  return answer;
}

half::Reload news_of(const std::vector<Difference>& differences) { return reload_news(differences, done(differences)); }

}  // namespace

TEST_CASE("peers that came, went and changed are counted once each, and what else differs") {
  const half::Reload news = news_of({{Difference::Kind::changed, "interface.mtu", "1420", "1280"},
                                     {Difference::Kind::removed, "peer bob", {}, {}},
                                     {Difference::Kind::added, "peer alice", {}, {}},
                                     {Difference::Kind::added, "peer carol", {}, {}},
                                     {Difference::Kind::changed, "peer dave: endpoint", "a:1", "b:1"},
                                     {Difference::Kind::changed, "peer dave: enabled", "true", "false"},
                                     {Difference::Kind::changed, "peer eve: name", "mallory", "eve"}});
  CHECK(news.refused == 0);
  CHECK(news.peers_added == 2);
  CHECK(news.peers_removed == 1);
  CHECK(news.peers_changed == 2);
  CHECK(news.other_keys == 1);
  CHECK(half::unpadded(news.text).starts_with("~ interface.mtu: 1420 -> 1280; - peer bob; + peer alice; "));
  CHECK(half::check(news));
}

TEST_CASE("a reload that changes nothing says so by its counts") {
  const half::Reload news = news_of({});
  CHECK(half::unpadded(news.text).empty());
  CHECK(half::check(news));
}

TEST_CASE("of many differences as many are told as a message holds, whole, and how many more there are") {
  std::vector<Difference> differences;
  for (int i = 0; i < 1000; ++i)
    differences.push_back({Difference::Kind::added, "peer number-" + std::to_string(i), {}, {}});
  const half::Reload news = news_of(differences);
  const std::string text(half::unpadded(news.text));
  CHECK(news.peers_added == 1000);
  CHECK(text.starts_with("+ peer number-0; + peer number-1; "));
  CHECK(text.ends_with(" more"));
  const std::size_t told = static_cast<std::size_t>(std::count(text.begin(), text.end(), ';')) + 1;
  CHECK(text.ends_with(" and " + std::to_string(1000 - told) + " more"));
  CHECK(half::check(news));

  // One that has no room by itself.
  const half::Reload one = news_of({{Difference::Kind::added, "peer " + std::string(300, 'x'), {}, {}}});
  CHECK(half::unpadded(one.text) == "1 more");
}

TEST_CASE("a refusal comes with its reason and the first finding, in one line that fits") {
  HostAnswer answer{.outcome = HostAnswer::Outcome::invalid, .error = "it cannot be used", .lines = {}, .status = {}};
  answer.lines = {"/etc/culvert/wg0.toml:7:15: error:\nno\tport", "another"};
  const half::Reload news = reload_news({{Difference::Kind::added, "peer alice", {}, {}}}, answer);
  CHECK(news.refused == 1);
  CHECK(news.peers_added == 0);
  CHECK(half::unpadded(news.text) == "it cannot be used: /etc/culvert/wg0.toml:7:15: error: no port");
  CHECK(half::check(news));

  answer.error = std::string(1000, 'y');
  const half::Reload cut = reload_news({}, answer);
  CHECK(half::unpadded(cut.text).size() == sizeof cut.text - 1);
  CHECK(half::unpadded(cut.text).ends_with("yyy..."));
  CHECK(half::check(cut));
}
