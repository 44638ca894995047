// SPDX-License-Identifier: MIT
// The families in the order in which they are written: those of other exporters, then ours by peer, by reason, by lane,
// and of handshakes. A family's samples stand together, as the format demands.
#include "metrics_format.hpp"

#include <fmt/format.h>

#include <array>

#include "metrics_text.hpp"

namespace culvert::control {
namespace {

using Type = MetricsText::Type;

struct Page {
  MetricsText text;
  std::string_view interface;
  const DeviceSnapshot& device;
  const engine::EngineStatus& engine;
};

/// One sample for each peer.
template <class Value>
void each_peer(Page& page, std::string_view name, Type type, std::string_view help, Value value) {
  page.text.family(name, type, help);
  for (const PeerSnapshot& peer : page.device.peers)
    page.text.sample(name, {{"device", page.interface}, {"public_key", to_base64(peer.public_key)}}, value(peer));
}

std::string list_of(const std::vector<Prefix>& prefixes) {
  std::string text;
  for (const Prefix& prefix : prefixes) {
    if (!text.empty()) text += ',';
    text += to_string(prefix);
  }
  return text;
}

// mdlayher/wireguard_exporter.
void usual_names(Page& page) {
  page.text.family("wireguard_device_info", Type::gauge, "The interface; always 1.");
  page.text.sample("wireguard_device_info", {{"device", page.interface}}, std::uint64_t{1});
  page.text.family("wireguard_peer_info", Type::gauge, "A peer and where it is reached; always 1.");
  for (const PeerSnapshot& peer : page.device.peers) {
    const std::string key = to_base64(peer.public_key);
    const std::string endpoint = peer.endpoint ? to_string(*peer.endpoint) : "";
    page.text.sample("wireguard_peer_info",
                     {{"device", page.interface}, {"public_key", key}, {"endpoint", endpoint}, {"name", peer.name}},
                     std::uint64_t{1});
  }
  page.text.family("wireguard_peer_allowed_ips_info", Type::gauge, "One prefix of a peer; always 1.");
  for (const PeerSnapshot& peer : page.device.peers)
    for (const Prefix& prefix : peer.allowed_ips)
      page.text.sample("wireguard_peer_allowed_ips_info",
                       {{"device", page.interface},
                        {"public_key", to_base64(peer.public_key)},
                        {"allowed_ips", to_string(prefix)},
                        {"family", prefix.address.family == Family::v4 ? "IPv4" : "IPv6"}},
                       std::uint64_t{1});
  each_peer(page, "wireguard_peer_receive_bytes_total", Type::counter, "Octets received from a peer.",
            [](const PeerSnapshot& peer) { return peer.received_octets; });
  each_peer(page, "wireguard_peer_transmit_bytes_total", Type::counter, "Octets sent to a peer.",
            [](const PeerSnapshot& peer) { return peer.sent_octets; });
  each_peer(page, "wireguard_peer_last_handshake_seconds", Type::gauge,
            "Unix time of the last handshake with a peer; 0: never.",
            [](const PeerSnapshot& peer) { return static_cast<double>(peer.last_handshake.seconds); });
}

// MindFlavor/prometheus_wireguard_exporter.
void other_names(Page& page) {
  const auto each = [&](std::string_view name, Type type, std::string_view help, auto value) {
    page.text.family(name, type, help);
    for (const PeerSnapshot& peer : page.device.peers)
      page.text.sample(name,
                       {{"interface", page.interface},
                        {"public_key", to_base64(peer.public_key)},
                        {"allowed_ips", list_of(peer.allowed_ips)}},
                       value(peer));
  };
  each("wireguard_sent_bytes_total", Type::counter, "Octets sent to a peer.",
       [](const PeerSnapshot& peer) { return peer.sent_octets; });
  each("wireguard_received_bytes_total", Type::counter, "Octets received from a peer.",
       [](const PeerSnapshot& peer) { return peer.received_octets; });
  each("wireguard_latest_handshake_seconds", Type::gauge, "Unix time of the last handshake with a peer; 0: never.",
       [](const PeerSnapshot& peer) { return static_cast<double>(peer.last_handshake.seconds); });
}

/// One sample for each peer of whom somebody remembers what passed in former lives of the daemon.
template <class Value>
void each_remembered(Page& page, std::string_view name, Type type, std::string_view help, Value value) {
  page.text.family(name, type, help);
  for (const PeerSnapshot& peer : page.device.peers)
    if (peer.past)
      page.text.sample(name, {{"device", page.interface}, {"public_key", to_base64(peer.public_key)}}, value(peer));
}

void totals(Page& page) {
  each_remembered(page, "culvert_peer_accounted_receive_bytes_total", Type::counter,
                  "Octets received from a peer, restarts included.",
                  [](const PeerSnapshot& peer) { return peer.past->received + peer.received_octets; });
  each_remembered(page, "culvert_peer_accounted_transmit_bytes_total", Type::counter,
                  "Octets sent to a peer, restarts included.",
                  [](const PeerSnapshot& peer) { return peer.past->sent + peer.sent_octets; });
  each_remembered(page, "culvert_peer_accounted_since_seconds", Type::gauge,
                  "Unix time since when a peer's octets are added up.",
                  [](const PeerSnapshot& peer) { return static_cast<double>(peer.past->since); });
}

constexpr std::array kStates{PeerState::up,     PeerState::silent,          PeerState::waiting,
                             PeerState::idle,   PeerState::never_connected, PeerState::link_down,
                             PeerState::blocked};

void peers(Page& page) {
  page.text.family("culvert_peer_state", Type::gauge, "1 for the state that a peer is in, else 0.");
  for (const engine::PeerReport& peer : page.engine.peers)
    for (const PeerState state : kStates)
      page.text.sample("culvert_peer_state",
                       {{"device", page.interface}, {"public_key", to_base64(peer.key)}, {"state", name(state)}},
                       std::uint64_t{peer.state == state ? 1U : 0U});
  page.text.family("culvert_peer_problem", Type::gauge, "1 for the problem that keeps a peer from working.");
  for (const engine::PeerReport& peer : page.engine.peers)
    if (peer.cause)
      page.text.sample(
          "culvert_peer_problem",
          {{"device", page.interface}, {"public_key", to_base64(peer.key)}, {"problem", name(peer.cause->problem)}},
          std::uint64_t{1});
  page.text.family("culvert_peer_handshakes_sent_total", Type::counter, "Handshake initiations sent to a peer.");
  for (const engine::PeerReport& peer : page.engine.peers)
    page.text.sample("culvert_peer_handshakes_sent_total",
                     {{"device", page.interface}, {"public_key", to_base64(peer.key)}}, peer.initiations_sent);
  page.text.family("culvert_peer_handshakes_answered_total", Type::counter, "Those that the peer has answered.");
  for (const engine::PeerReport& peer : page.engine.peers)
    page.text.sample("culvert_peer_handshakes_answered_total",
                     {{"device", page.interface}, {"public_key", to_base64(peer.key)}}, peer.responses_received);
}

void loss(Page& page) {
  const auto each = [&](std::string_view name, std::string_view help, std::uint64_t Arrivals::*member) {
    page.text.family(name, Type::counter, help);
    for (const engine::PeerReport& peer : page.engine.peers)
      page.text.sample(name, {{"device", page.interface}, {"public_key", to_base64(peer.key)}}, peer.arrivals.*member);
  };
  each("culvert_peer_expected_packets_total", "Data messages that a peer has numbered, up to the last that came.",
       &Arrivals::expected);
  each("culvert_peer_accepted_packets_total", "Those of them that came; the rest was lost on the way here, or is late.",
       &Arrivals::accepted);
}

void packets(Page& page) {
  constexpr std::string_view kName = "culvert_packets_total";
  const engine::PacketNumbers& n = page.engine.packets;
  using engine::total;
  const auto sample = [&](std::string_view way, std::string_view what, std::uint64_t value) {
    page.text.sample(kName, {{"device", page.interface}, {"way", way}, {"what", what}}, value);
  };
  page.text.family(
      kName, Type::counter,
      "Packets by way and fate; out: read = sent + dropped + waiting; in: received = delivered + handshake + "
      "keepalive + dropped + waiting; own: handshake + keepalive = sent + dropped.");
  sample("out", "read", n.out.read);
  sample("out", "sent", n.out.sent);
  sample("out", "dropped", total(n.out.drops));
  sample("in", "received", n.in.received);
  sample("in", "delivered", n.in.delivered);
  sample("in", "handshake", n.in.handshakes);
  sample("in", "keepalive", n.in.keepalives);
  sample("in", "dropped", total(n.in.drops));
  sample("own", "handshake", n.own.handshakes);
  sample("own", "keepalive", n.own.keepalives);
  sample("own", "sent", n.own.sent);
  sample("own", "dropped", total(n.own.drops));
  sample("own", "injected", n.own.injected);
  page.text.family("culvert_waiting_packets", Type::gauge, "Packets that wait; out: for a session; in: handshakes.");
  page.text.sample("culvert_waiting_packets", {{"device", page.interface}, {"way", "out"}}, n.out.waiting);
  page.text.sample("culvert_waiting_packets", {{"device", page.interface}, {"way", "in"}}, n.in.waiting);
}

void drops(Page& page, std::uint64_t interface_drops) {
  engine::DropNumbers sums = page.engine.control_drops;
  for (const engine::LaneStatus& lane : page.engine.lanes)
    for (std::size_t i = 0; i < kDropCount; ++i) sums[i] += lane.drops[i];
  page.text.family("culvert_drops_total", Type::counter, "Packets dropped and handshakes refused, by reason.");
  for (std::size_t i = 0; i < kDropCount; ++i)
    page.text.sample("culvert_drops_total", {{"device", page.interface}, {"reason", name(static_cast<Drop>(i))}},
                     sums[i]);
  page.text.family("culvert_interface_drops_total", Type::counter, "Packets that found the TUN queues full.");
  page.text.sample("culvert_interface_drops_total", {{"device", page.interface}}, interface_drops);
}

/// One sample for each lane, and where it is of the outside, one for control's own sockets.
template <class Value>
void each_lane(Page& page, std::string_view name, std::string_view help, Value value) {
  page.text.family(name, Type::counter, help);
  for (std::size_t i = 0; i < page.engine.lanes.size(); ++i)
    page.text.sample(name, {{"device", page.interface}, {"lane", std::to_string(i)}}, value(page.engine.lanes[i]));
  if constexpr (requires { value(page.engine.control_outside); })
    page.text.sample(name, {{"device", page.interface}, {"lane", "control"}}, value(page.engine.control_outside));
}

struct Outside {
  std::uint64_t engine::OutsideNumbers::*member;
  std::uint64_t operator()(const engine::LaneStatus& lane) const { return lane.outside.*member; }
  std::uint64_t operator()(const engine::OutsideNumbers& control) const { return control.*member; }
};
struct Inside {
  std::uint64_t engine::InsideNumbers::*member;
  std::uint64_t operator()(const engine::LaneStatus& lane) const { return lane.inside.*member; }
};

void lanes(Page& page) {
  using engine::InsideNumbers;
  using engine::OutsideNumbers;
  each_lane(page, "culvert_outside_sent_datagrams_total", "Datagrams sent.", Outside{&OutsideNumbers::sent_datagrams});
  each_lane(page, "culvert_outside_sent_calls_total", "System calls that sent them.",
            Outside{&OutsideNumbers::sent_calls});
  each_lane(page, "culvert_outside_failed_datagrams_total", "Datagrams that the system refused to send.",
            Outside{&OutsideNumbers::failed_datagrams});
  each_lane(page, "culvert_outside_received_datagrams_total", "Datagrams received.",
            Outside{&OutsideNumbers::received_datagrams});
  each_lane(page, "culvert_outside_received_calls_total", "System calls that received them.",
            Outside{&OutsideNumbers::received_calls});
  each_lane(page, "culvert_outside_queue_drops_total",
            "Datagrams that found the receive buffer full, or were thinned as a flood.",
            Outside{&OutsideNumbers::kernel_drops});
  each_lane(page, "culvert_outside_segmentation_fallbacks_total", "Sends refused with UDP_SEGMENT and taken without.",
            Outside{&OutsideNumbers::gso_fallbacks});
  each_lane(page, "culvert_inside_read_super_packets_total", "Reads from the TUN queue.",
            Inside{&InsideNumbers::read_super_packets});
  each_lane(page, "culvert_inside_read_octets_total", "Octets read from the TUN queue.",
            Inside{&InsideNumbers::read_octets});
  each_lane(page, "culvert_inside_written_packets_total", "Packets written to the TUN queue.",
            Inside{&InsideNumbers::written_packets});
  each_lane(page, "culvert_inside_written_octets_total", "Octets written to the TUN queue.",
            Inside{&InsideNumbers::written_octets});
  each_lane(page, "culvert_inside_joined_packets_total", "Packets that went with others in one write.",
            Inside{&InsideNumbers::joined_packets});
  each_lane(page, "culvert_inside_coalescing_fallbacks_total", "Joined writes refused, and taken one by one.",
            Inside{&InsideNumbers::coalescing_fallbacks});
}

void handshakes(Page& page) {
  page.text.family("culvert_queued_handshakes", Type::gauge, "Handshake messages that wait for their mathematics.");
  page.text.sample("culvert_queued_handshakes", {{"device", page.interface}},
                   std::uint64_t{page.engine.queued_handshakes});
  page.text.family("culvert_under_load", Type::gauge, "1 while most senders of handshakes must prove their address.");
  page.text.sample("culvert_under_load", {{"device", page.interface}},
                   std::uint64_t{page.engine.load >= Load::crowded ? 1U : 0U});
  page.text.family("culvert_thinned_senders", Type::gauge,
                   "Addresses of a flood of handshakes whose messages the kernel holds back.");
  page.text.sample("culvert_thinned_senders", {{"device", page.interface}}, std::uint64_t{page.engine.thinned_senders});
  const HandshakeTimes& times = page.engine.handshake_times;
  page.text.family("culvert_handshake_seconds", Type::histogram, "From an initiation of ours to its response.");
  std::uint64_t so_far = 0;
  for (std::size_t i = 0; i < times.counts.size(); ++i) {
    so_far += times.counts[i];
    const std::string bound = i < times.kBounds.size() ? fmt::format("{}", times.kBounds[i]) : "+Inf";
    page.text.sample("culvert_handshake_seconds_bucket", {{"device", page.interface}, {"le", bound}}, so_far);
  }
  page.text.sample("culvert_handshake_seconds_sum", {{"device", page.interface}}, times.sum_seconds);
  page.text.sample("culvert_handshake_seconds_count", {{"device", page.interface}}, so_far);
}

}  // namespace

std::string format_metrics(std::string_view interface, const DeviceSnapshot& device, const engine::EngineStatus& engine,
                           std::uint64_t interface_drops, MetricNames names) {
  Page page{{}, interface, device, engine};
  usual_names(page);
  if (names == MetricNames::both) other_names(page);
  totals(page);
  peers(page);
  loss(page);
  packets(page);
  drops(page, interface_drops);
  lanes(page);
  handshakes(page);
  return page.text.take();
}

}  // namespace culvert::control
