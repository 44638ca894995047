// SPDX-License-Identifier: MIT
#include "pcapng.hpp"

#include <cstring>

namespace culvert::cli::pcapng {
namespace {

// [PCAPNG 4, 3.5]
constexpr std::uint32_t kSectionHeader = 0x0a0d'0d0a;
constexpr std::uint32_t kInterfaceDescription = 1;
constexpr std::uint32_t kInterfaceStatistics = 5;
constexpr std::uint32_t kEnhancedPacket = 6;
constexpr std::uint32_t kByteOrder = 0x1a2b'3c4d;
constexpr std::uint16_t kRawIp = 101;  // LINKTYPE_RAW
constexpr std::uint8_t kNanoseconds = 9;

// Options, by the blocks in which they have these numbers.
constexpr std::uint16_t kEnd = 0;
constexpr std::uint16_t kComment = 1;
constexpr std::uint16_t kInterfaceName = 2;
constexpr std::uint16_t kInterfaceText = 3;
constexpr std::uint16_t kApplication = 4;
constexpr std::uint16_t kResolution = 9;
constexpr std::uint16_t kPacketFlags = 2;
constexpr std::uint16_t kReceived = 4;
constexpr std::uint16_t kDropped = 5;

class Block {
 public:
  explicit Block(std::uint32_t type) { number(type).number(std::uint32_t{0}); }

  template <class Integer>
  Block& number(Integer value) {
    char octets[sizeof value];
    std::memcpy(octets, &value, sizeof value);
    out_.append(octets, sizeof value);
    return *this;
  }
  /// Padded to 32 bits.
  Block& octets(std::string_view octets) {
    out_.append(octets);
    out_.append((4 - octets.size() % 4) % 4, '\0');
    return *this;
  }
  Block& time(std::uint64_t nanoseconds) {
    return number(static_cast<std::uint32_t>(nanoseconds >> 32)).number(static_cast<std::uint32_t>(nanoseconds));
  }
  Block& option(std::uint16_t code, std::string_view value) {
    value = value.substr(0, 0xffff);
    return number(code).number(static_cast<std::uint16_t>(value.size())).octets(value);
  }
  template <class Integer>
  Block& option_number(std::uint16_t code, Integer value) {
    char text[sizeof value];
    std::memcpy(text, &value, sizeof value);
    return option(code, {text, sizeof value});
  }
  Block& no_more_options() { return option(kEnd, {}); }

  [[nodiscard]] std::string finish() {
    const auto length = static_cast<std::uint32_t>(out_.size() + sizeof(std::uint32_t));
    std::memcpy(out_.data() + sizeof(std::uint32_t), &length, sizeof length);
    number(length);
    return std::move(out_);
  }

 private:
  std::string out_;
};

std::string_view text_of(Bytes octets) noexcept {
  return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

}  // namespace

std::string section_header(std::string_view program) {
  return Block(kSectionHeader)
      .number(kByteOrder)
      .number(std::uint16_t{1})
      .number(std::uint16_t{0})
      .number(~std::uint64_t{0})  // of what length the section is, is not known yet
      .option(kApplication, program)
      .no_more_options()
      .finish();
}

std::string interface_description(std::string_view name, std::string_view description, std::uint32_t snap) {
  return Block(kInterfaceDescription)
      .number(kRawIp)
      .number(std::uint16_t{0})
      .number(snap)
      .option(kInterfaceName, name)
      .option(kInterfaceText, description)
      .option_number(kResolution, kNanoseconds)
      .no_more_options()
      .finish();
}

std::string packet(const Packet& packet) {
  Block block(kEnhancedPacket);
  block
      .number(std::uint32_t{0})  // the interface
      .time(packet.nanoseconds)
      .number(static_cast<std::uint32_t>(packet.octets.size()))
      .number(packet.whole)
      .octets(text_of(packet.octets));
  if (!packet.comment.empty()) block.option(kComment, packet.comment);
  return block.option_number(kPacketFlags, static_cast<std::uint32_t>(packet.direction)).no_more_options().finish();
}

std::string statistics(std::uint64_t nanoseconds, std::uint64_t received, std::uint64_t left_out) {
  return Block(kInterfaceStatistics)
      .number(std::uint32_t{0})
      .time(nanoseconds)
      .option_number(kReceived, received)
      .option_number(kDropped, left_out)
      .no_more_options()
      .finish();
}

}  // namespace culvert::cli::pcapng
