// SPDX-License-Identifier: MIT
// Input: ten octets of vnet header, then the packet. Whatever is accepted must come out whole, within the bounds it
// promised; each packet is written to a buffer of exactly its size, so that ASan sees one octet too much.
#include <cstdlib>
#include <cstring>
#include <memory>

#include "segment.hpp"

namespace {

using culvert::io::SegmentPlan;
using culvert::io::VnetHeader;

void check(bool holds) {
  if (!holds) std::abort();
}

void write_all(const SegmentPlan& planned) {
  std::size_t payload = 0;
  for (std::size_t i = 0; i < planned.count; ++i) {
    const std::size_t size = planned.size(i);
    check(size <= planned.largest() && (i + 1 == planned.count || size == planned.largest()));
    const auto out = std::make_unique<std::uint8_t[]>(size);
    check(culvert::io::write_segment(planned, i, {out.get(), size}) == size);
    payload += size - planned.header_octets;
  }
  check(payload == planned.packet.size() - planned.header_octets);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  VnetHeader header;
  if (size < sizeof header) return 0;
  std::memcpy(&header, data, sizeof header);
  const auto planned = culvert::io::plan(header, {data + sizeof header, size - sizeof header});
  if (planned) write_all(*planned);
  return 0;
}
