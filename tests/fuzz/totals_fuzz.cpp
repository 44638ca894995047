// SPDX-License-Identifier: MIT
// A file of traffic totals, as a bad disk or a careless hand may leave it: what is taken is what would be written, and
// its numbers can be told to the packet half.
#include "traffic_book.hpp"

#include "support/input.hpp"

using namespace culvert;
using namespace culvert::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  const auto totals = daemon::parse_totals(text);
  if (!totals) {
    require(totals.error().starts_with("line "), "what is no file is told with its line");
    return 0;
  }
  require(daemon::totals_text(*totals).size() == text.size(), "as long as it would be written");
  daemon::TrafficBook book(*totals);
  daemon::DeviceText device;
  for (const auto& [key, total] : *totals) {
    daemon::PeerText& peer = device.peers.emplace_back();
    peer.public_key = key;
    peer.received_octets = ~std::uint64_t{0};
  }
  book.take(device, 1'700'000'000);
  for (const auto& [key, past] : book.past())
    require(past.received <= std::uint64_t{1} << 62 && past.sent <= std::uint64_t{1} << 62, "numbers stay small");
  return 0;
}
