// SPDX-License-Identifier: MIT
// What a packet half that was taken over may send: any octets as requests, to a host half that has decided one port,
// one mark and two lanes. It opens and marks nothing else, and each answer is one that the other end would take.
#include "half_protocol.hpp"
#include "request_server.hpp"
#include "support/input.hpp"

using namespace culvert;
using namespace culvert::daemon;
using namespace culvert::fuzz;

namespace {

constexpr std::uint16_t kPort = 51820;
constexpr std::uint32_t kMark = 0xca6c;

RequestCalls calls() {
  return {.open_udp = [](const io::UdpOptions& options) -> Result<io::Outside, io::SystemError> {
            require(options.port == kPort && options.fwmark == kMark && options.lanes == 2, "only what was decided");
            io::Outside outside;
            outside.port = options.port;
            io::UdpGroup& group = outside.v4.emplace();
            group.port = options.port;
            group.lane_receive_octets = 1 << 20;
            group.lanes.resize(options.lanes);
            return outside;
          },
          .set_mark = [](const io::Outside&, std::uint32_t mark) -> Result<void, io::SystemError> {
            require(mark == kMark, "no other mark");
            return {};
          },
          .set_buffers = [](const io::Outside&, int) { require(false, "no change of buffers"); },
          .thin = [](int, const io::Thinning& thinning) -> Result<void, io::SystemError> {
            const auto tags = thinning.senders;
            require(tags.size() <= io::kMostThinned, "no more senders than a filter takes");
            require(tags.empty() || (thinning.share >= 1 && thinning.share <= io::kLeastShare), "a share");
            require(tags.empty() || tags.back() <= io::kTagBits, "of 31 bits");
            for (std::size_t i = 1; i < tags.size(); ++i) require(tags[i - 1] < tags[i], "senders in order");
            if (!tags.empty()) require(io::thinning_program(thinning, 1).size() <= BPF_MAXINSNS, "a program");
            return {};
          },
          .scope_index = [](std::string_view name) -> std::uint32_t {
            require(!name.empty() && name.size() < 16, "a name of an interface");
            return 7;
          },
          .link_drops = [] { return std::uint64_t{1}; }};
}

template <class Message>
void try_as(Bytes octets) {
  const auto message = half::decode<Message>(octets);
  if (!message) return require(!message.error().empty(), "what is no message is told why");
  require(std::ranges::equal(half::octets_of(*message), octets), "a message is its octets");
}

/// The same octets as the beginning of a longer message, which is zero behind them.
std::array<std::uint8_t, sizeof(half::Thinning)> begins_with(Bytes octets) {
  std::array<std::uint8_t, sizeof(half::Thinning)> message{};
  std::ranges::copy(octets, message.begin());
  return message;
}

RequestServer::Answer answered(RequestServer& server, Bytes message) {
  const auto answer = server.answer(message);
  require(answer.has_value(), "what is a message is answered");
  require(half::check(answer->reply).has_value(), "the answer is a message");
  return *answer;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  RequestServer server({.lanes = 2, .port = kPort, .mark = kMark}, calls());
  while (!input.empty()) {
    const Bytes octets = input.octets(sizeof(half::Request));
    try_as<half::Request>(octets);
    if (const auto request = half::decode<half::Request>(octets)) {
      const auto answer = answered(server, octets);
      require(answer.reply.serial == request->serial && answer.reply.ask == request->ask, "to this request");
    }
    const auto thinning = half::decode<half::Thinning>(begins_with(octets));
    if (!thinning) continue;
    const auto answer = answered(server, begins_with(octets));
    require(answer.reply.serial == thinning->serial && answer.reply.ask == half::Ask::thin, "to this thinning");
  }
  try_as<half::Thinning>({data, size});
  try_as<half::Reply>({data, size});
  try_as<half::Setup>({data, size});
  try_as<half::Link>({data, size});
  try_as<half::Reload>({data, size});
  try_as<half::Notice>({data, size});
  return 0;
}
