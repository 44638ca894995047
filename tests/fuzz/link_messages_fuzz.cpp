// SPDX-License-Identifier: MIT
// What the kernel says about links, should it ever say it wrong: parsed from a buffer that ends where the octets end.
#include <memory>

#include "link_monitor.hpp"
#include "support/input.hpp"

using namespace culvert;
using namespace culvert::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::unique_ptr<std::uint8_t[]> buffer(new std::uint8_t[size]);
  std::copy_n(data, size, buffer.get());
  std::optional<daemon::LinkState> previous;
  for (const auto& message : daemon::parse_link_messages({buffer.get(), size})) {
    require(message.state.name.size() < 65536, "a name is no longer than its attribute");
    if (message.kind != daemon::LinkMessage::Kind::state) continue;
    if (previous == message.state) require(daemon::link_events(previous, message.state).empty(), "no change, no event");
    (void)daemon::link_events(previous, message.state);
    previous = message.state;
  }
  return 0;
}
