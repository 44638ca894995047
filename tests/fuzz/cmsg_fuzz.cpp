// SPDX-License-Identifier: MIT
// Control messages beside a datagram: whatever stands in the buffer that the kernel would have filled, of whatever
// length, nothing is read beyond its end; and what we write reads back as it was meant.
#include <cstring>
#include <memory>

#include "support/input.hpp"
#include "udp_control.hpp"

using namespace culvert;
using namespace culvert::fuzz;

namespace {

void read_anything(Bytes octets) {
  // Aligned as the kernel wants it, and ending where the octets end.
  const std::unique_ptr<std::byte[]> buffer(new std::byte[octets.size()]);
  std::copy_n(reinterpret_cast<const std::byte*>(octets.data()), octets.size(), buffer.get());
  msghdr message{};
  message.msg_control = buffer.get();
  message.msg_controllen = octets.size();
  const io::InControl in = io::read_control(message);
  require(static_cast<unsigned>(in.ecn) < 4, "two bits of ECN");
  if (in.local && in.local->address.family == Family::v6)
    require(in.local->address.octets[0] != 0xff, "no answer leaves from a multicast address");
}

void read_back(Input& input) {
  io::OutControl control;
  const std::uint8_t how = input.octet();
  control.family = how & 1 ? Family::v6 : Family::v4;
  control.tos = input.octet();
  control.segment_octets = input.number<std::uint16_t>();
  Source source;
  source.address.family = how & 2 ? Family::v6 : Family::v4;
  const auto address = input.array<16>();
  std::copy_n(address.begin(), source.address.bytes().size(), source.address.octets.begin());
  source.interface_index = input.number<std::uint16_t>();
  if (how & 4) control.from = source;
  alignas(cmsghdr) std::byte buffer[io::kOutControlOctets];
  msghdr message{};
  message.msg_control = buffer;
  message.msg_controllen = io::write_control(control, buffer);
  require(message.msg_controllen <= sizeof buffer, "control data within its buffer");
  const io::InControl in = io::read_control(message);
  require(in.ecn == static_cast<wire::Ecn>(control.tos & 3), "ECN reads back");
  const bool multicast = source.address.family == Family::v6 && source.address.octets[0] == 0xff;
  if (!control.from || source.address.family != control.family || multicast)
    require(!in.local, "no source where none was written");
  else
    require(in.local && in.local->address == source.address, "the source reads back");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  read_anything({data, std::min<std::size_t>(size, 1024)});
  Input input(data, size);
  read_back(input);
  return 0;
}
