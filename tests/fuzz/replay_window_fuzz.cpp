// SPDX-License-Identifier: MIT
// The replay window beside the rule without a window. Input: steps; the first octet says whether the counter that
// follows is near the greatest, anywhere, or near the end.
#include "replay_window.hpp"

#include "support/input.hpp"
#include "support/replay_model.hpp"

using namespace culvert;
using namespace culvert::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  ReplayWindow window;
  ReplayModel model;
  std::uint64_t greatest = 0;
  while (!input.empty()) {
    std::uint64_t counter = 0;
    switch (input.octet() % 5) {
      case 0:
        counter = greatest + input.octet();
        break;
      case 1:
        counter = greatest - input.number<std::uint16_t>() % 8300;
        break;
      case 2:
        counter = greatest + input.number<std::uint16_t>();
        break;
      case 3:
        counter = input.number<std::uint64_t>();
        break;
      case 4:
        counter = ~std::uint64_t{0} - input.number<std::uint16_t>();
        break;
    }
    require(window.would_accept(counter) == model.would_accept(counter), "the window looks as the rule says");
    const bool accepted = model.commit(counter);
    require(window.commit(counter) == accepted, "the window commits as the rule says");
    require(!window.would_accept(counter), "no counter twice");
    if (accepted) greatest = std::max(greatest, counter);
  }
  return 0;
}
