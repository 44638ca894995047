// SPDX-License-Identifier: MIT
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "console.hpp"

namespace culvert::cli {

/// A console whose streams are strings. The object outlives every copy of `console()`.
struct FakeConsole {
  std::string out, err, input;
  std::deque<std::string> answers;
  std::vector<std::string> asked;
  Console::Kind kind = Console::Kind::other;

  [[nodiscard]] Console console() {
    Console console;
    console.out = [this](std::string_view text) { out += text; };
    console.err = [this](std::string_view text) { err += text; };
    console.read_all = [this](std::size_t limit) -> std::optional<std::string> {
      if (input.size() > limit) return std::nullopt;
      return input;
    };
    console.ask = [this](std::string_view question) -> std::optional<std::string> {
      asked.emplace_back(question);
      if (answers.empty()) return std::nullopt;
      std::string answer = answers.front();
      answers.pop_front();
      return answer;
    };
    console.input = console.output = kind;
    return console;
  }
};

}  // namespace culvert::cli
