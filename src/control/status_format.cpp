// SPDX-License-Identifier: MIT
#include "status_format.hpp"

#include <nlohmann/json.hpp>

#include "peer_format.hpp"

namespace culvert::control {
namespace {

using Json = nlohmann::ordered_json;

Json inside(const engine::InsideNumbers& n) {
  return {{"readSuperPackets", n.read_super_packets},
          {"readOctets", n.read_octets},
          {"readErrors", n.read_errors},
          {"writtenSuperPackets", n.written_super_packets},
          {"writtenPackets", n.written_packets},
          {"writtenOctets", n.written_octets},
          {"writeErrors", n.write_errors},
          {"joinedPackets", n.joined_packets},
          {"coalescingFallbacks", n.coalescing_fallbacks},
          {"coalescingEvictions", n.coalescing_evictions}};
}

Json outside(const engine::OutsideNumbers& n) {
  return {{"sentDatagrams", n.sent_datagrams},
          {"sentCalls", n.sent_calls},
          {"failedDatagrams", n.failed_datagrams},
          {"receivedDatagrams", n.received_datagrams},
          {"receivedCalls", n.received_calls},
          {"receiveErrors", n.receive_errors},
          {"segmentationFallbacks", n.gso_fallbacks},
          {"sendWaits", n.send_waits},
          {"kernelDrops", n.kernel_drops}};
}

Json packets(const engine::PacketNumbers& n) {
  using engine::total;
  return {{"out",
           {{"read", n.out.read},
            {"sent", n.out.sent},
            {"dropped", total(n.out.drops)},
            {"waiting", n.out.waiting},
            {"drops", drops_json(n.out.drops)}}},
          {"in",
           {{"received", n.in.received},
            {"delivered", n.in.delivered},
            {"handshakes", n.in.handshakes},
            {"keepalives", n.in.keepalives},
            {"dropped", total(n.in.drops)},
            {"waiting", n.in.waiting},
            {"drops", drops_json(n.in.drops)}}},
          {"own",
           {{"handshakes", n.own.handshakes},
            {"keepalives", n.own.keepalives},
            {"sent", n.own.sent},
            {"dropped", total(n.own.drops)},
            {"injected", n.own.injected},
            {"drops", drops_json(n.own.drops)}}}};
}

Json last_drops(const engine::EngineStatus& engine) {
  Json json = Json::object();
  for (const LastDrop& last : engine.last_drops) {
    Json entry{{"text", text(last.drop)}, {"time", last.wall.seconds}};
    if (last.address) entry["address"] = to_string(*last.address);
    json[std::string(name(last.drop))] = std::move(entry);
  }
  return json;
}

std::string_view text_of(io::TunOffload offload) noexcept {
  switch (offload) {
    case io::TunOffload::none:
      return "none";
    case io::TunOffload::header:
      return "header";
    case io::TunOffload::tcp:
      return "tcp";
    case io::TunOffload::udp:
      return "tcp,udp";
  }
  return "none";
}

Json peer(const PeerSnapshot& p) {
  Json json = Json::object();
  if (!p.name.empty()) json["name"] = p.name;
  if (p.blocked != Blocked::no) json["blocked"] = p.blocked == Blocked::disabled ? "disabled" : "expired";
  if (p.endpoint) json["endpoint"] = to_string(*p.endpoint);
  if (p.last_handshake.seconds != 0) json["latestHandshake"] = p.last_handshake.seconds;
  json["transferRx"] = p.received_octets;
  json["transferTx"] = p.sent_octets;
  if (p.past)
    json["total"] = {
        {"rx", p.past->received + p.received_octets}, {"tx", p.past->sent + p.sent_octets}, {"since", p.past->since}};
  if (p.persistent_keepalive.count() != 0) json["persistentKeepalive"] = p.persistent_keepalive.count();
  Json allowed = Json::array();
  for (const Prefix& prefix : p.allowed_ips) allowed.push_back(to_string(prefix));
  json["allowedIps"] = std::move(allowed);
  return json;
}

}  // namespace

std::string format_status(std::string_view interface, const DeviceSnapshot& device, const engine::EngineStatus& engine,
                          std::uint64_t interface_drops, const sandbox::Level& sandbox) {
  Json json;
  json["interface"] = interface;
  json["link"] = engine.link == Link::up ? "up" : "down";
  if (engine.public_key) json["publicKey"] = to_base64(*engine.public_key);
  json["listenPort"] = device.listen_port;
  if (device.fwmark != 0) json["fwmark"] = device.fwmark;
  json["aead"] = engine.aead;
  json["offloads"] = {{"inside", text_of(engine.inside_offload)},
                      {"segmentation", engine.outside_offloads.gso},
                      {"receiveCoalescing", engine.outside_offloads.gro}};
  json["sandbox"] = {{"user", sandbox.user},
                     {"landlock", sandbox.landlock},
                     {"systemCalls", sandbox.system_calls},
                     {"memory", sandbox.memory}};
  json["packets"] = packets(engine.packets);
  json["interfaceDrops"] = interface_drops;
  json["control"] = {{"queuedHandshakes", engine.queued_handshakes},
                     {"underLoad", engine.load != Load::normal},
                     {"thinnedSenders", engine.thinned_senders},
                     {"outside", outside(engine.control_outside)},
                     {"drops", drops_json(engine.control_drops)}};
  json["lanes"] = Json::array();
  for (const engine::LaneStatus& lane : engine.lanes)
    json["lanes"].push_back(
        {{"inside", inside(lane.inside)}, {"outside", outside(lane.outside)}, {"drops", drops_json(lane.drops)}});
  json["strangers"] = strangers_json(engine, device);
  json["lastDrops"] = last_drops(engine);
  Json::object_t peers;
  peers.reserve(device.peers.size());
  for (std::size_t i = 0; i < device.peers.size(); ++i) {
    Json entry = peer(device.peers[i]);
    // Both lists were made in one turn of the control thread, in the order of the peers' slots.
    if (i < engine.peers.size()) add_report(entry, engine.peers[i]);
    peers.emplace_back(to_base64(device.peers[i].public_key), std::move(entry));
  }
  json["peers"] = std::move(peers);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace culvert::control
