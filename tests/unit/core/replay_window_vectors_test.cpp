// SPDX-License-Identifier: MIT
// The window's self-test sequences, as symbols: W, L and R, and sums and products of them.
#include <doctest/doctest.h>

#include <vectors.hpp>

#include "replay_window.hpp"

using culvert::ReplayWindow;
using nlohmann::json;

namespace {

constexpr std::uint64_t kW = 8128;
constexpr std::uint64_t kR = 18446744073709543423u;  // 2^64 - 2^13 - 1

/// "L*4-(L+1)" and its like: terms of products, with parentheses, from left to right.
class Expression {
 public:
  explicit Expression(std::string text) : text_(std::move(text)) {}
  std::uint64_t value() {
    const std::uint64_t result = sum();
    REQUIRE(at_ == text_.size());
    return result;
  }

 private:
  char next() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  std::uint64_t sum() {
    std::uint64_t result = product();
    while (next() == '+' || next() == '-') {
      const bool plus = text_[at_++] == '+';
      const std::uint64_t term = product();
      result = plus ? result + term : result - term;
    }
    return result;
  }
  std::uint64_t product() {
    std::uint64_t result = atom();
    while (next() == '*') {
      ++at_;
      result *= atom();
    }
    return result;
  }
  std::uint64_t atom() {
    const char c = next();
    ++at_;
    if (c == 'W') return kW;
    if (c == 'L') return kW + 1;
    if (c == 'R') return kR;
    if (c == '(') {
      const std::uint64_t result = sum();
      REQUIRE(next() == ')');
      ++at_;
      return result;
    }
    std::uint64_t result = 0;
    for (--at_; next() >= '0' && next() <= '9'; ++at_) result = result * 10 + static_cast<std::uint64_t>(next() - '0');
    return result;
  }

  std::string text_;
  std::size_t at_ = 0;
};

std::uint64_t number(const json& text) { return Expression(text.get<std::string>()).value(); }

void commit(ReplayWindow& window, std::uint64_t counter, bool accepted) {
  if (window.commit(counter) != accepted) FAIL_CHECK("counter ", counter, " should have been ", accepted);
}

void run(ReplayWindow& window, const json& op) {
  const std::string kind = op.at(0).get<std::string>();
  if (kind == "range") {
    for (std::uint64_t c = number(op.at(1)), last = number(op.at(2)); c <= last; ++c)
      commit(window, c, op.at(3).get<int>() == 1);
  } else if (kind == "rangedown") {
    const std::uint64_t last = number(op.at(2));
    for (std::uint64_t c = number(op.at(1)) + 1; c-- > last;) commit(window, c, op.at(3).get<int>() == 1);
  } else {
    commit(window, number(op.at(0)), op.at(1).get<int>() == 1);
  }
}

}  // namespace

TEST_CASE("replay-window.json, the sequence") {
  const json file = culvert::test::vectors("wireguard/replay-window.json");
  ReplayWindow window;
  for (const json& step : file.at("sequence")) {
    CAPTURE(step.dump());
    CHECK(window.commit(number(step.at("n"))) == step.at("accept").get<bool>());
  }
  CHECK(file.at("sequence").size() == 34);
}

TEST_CASE("replay-window.json, the bulk runs") {
  const json file = culvert::test::vectors("wireguard/replay-window.json");
  for (const json& bulk : file.at("bulk_each_from_fresh_window")) {
    CAPTURE(bulk.dump());
    ReplayWindow window;
    for (const json& op : bulk.at("ops")) run(window, op);
  }
  CHECK(file.at("bulk_each_from_fresh_window").size() == 6);
}
