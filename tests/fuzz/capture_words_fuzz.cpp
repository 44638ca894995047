// SPDX-License-Identifier: MIT
// What a packet half that was taken over may send to whoever captures, in parts of any size; and what anybody might ask
// it for. A piece that is taken is written as the octets that it was.
#include "capture_words.hpp"

#include <algorithm>

#include "support/input.hpp"

using namespace culvert;
using namespace culvert::fuzz;
using namespace culvert::control;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (const auto request = parse_capture_request({reinterpret_cast<const char*>(data), size})) {
    require(request->snap >= 1 && request->snap <= 65535, "a packet's length");
    const auto again = parse_capture_request(to_line(*request));
    require(again.has_value(), "a request reads back");
  }
  Input input(data, size);
  PieceReader reader;
  SecretText again;
  std::size_t taken = 0;
  bool good = true;
  while (good && !input.empty()) {
    const Bytes part = input.octets(1 + input.octet());
    const std::span<char> room = reader.room();
    require(room.size() >= part.size(), "there is room for the rest of a piece");
    std::copy(part.begin(), part.end(), room.begin());
    reader.filled(part.size());
    for (;;) {
      const auto piece = reader.next();
      if (!piece) require(!piece.error().empty(), "what is no piece is told why");
      good = piece.has_value();
      if (!piece || !*piece) break;
      if (const auto* packet = std::get_if<piece::Packet>(&**piece))
        require(packet->whole >= packet->octets.size() && packet->whole <= 65535, "a packet's length");
      again.clear();
      append(again, **piece);
      ++taken;
      require(again.size() >= 8 && again.size() <= kMostPieceOctets + 8, "a piece is written again");
    }
  }
  return 0;
}
