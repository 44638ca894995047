// SPDX-License-Identifier: MIT
#include "init_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "secret_builder.hpp"
#include "surroundings.hpp"
#include "x25519.hpp"

namespace culvert::cli {
namespace {

using config::SecretBuilder;

std::string quoted_list(const std::vector<std::string>& words) {
  std::string text = "[";
  for (const std::string& word : words) text += fmt::format("{}\"{}\"", text.size() > 1 ? ", " : "", word);
  return text + "]";
}

/// "mtu = 1420" or the same as a comment, so that a reader finds the key.
std::string mtu_line(const std::optional<std::uint32_t>& mtu) {
  return mtu ? fmt::format("mtu = {}\n", *mtu)
             : "# mtu = 1420          # not given: worked out from the way to the other end\n";
}

void add_head(SecretBuilder& text, std::string_view interface, std::string_view what) {
  text.put(
      fmt::format("# {0}: {1}\n"
                  "#\n"
                  "# After a change:   culvert check {0}    says whether the file is right\n"
                  "#                   culvert reload {0}   takes it over; tunnels that nothing changed for go on\n"
                  "# Every key:        man culvert.toml\n"
                  "\n"
                  "[interface]\n"
                  "# Who this machine is. The key is a secret: keep this file to its owner (mode 0600).\n",
                  interface, what));
}

void add_identity(SecretBuilder& text, const PrivateKey& key) {
  text.put("private_key = \"")
      .put_base64(key.secret.bytes())
      .put("\"\n")
      .put(fmt::format("# The public half, for the other end: {}\n\n", to_base64(crypto::public_key(key))));
}

}  // namespace

std::string toml_list(const std::vector<Prefix>& prefixes) {
  std::vector<std::string> words;
  words.reserve(prefixes.size());
  for (const Prefix& prefix : prefixes) words.push_back(to_string(prefix));
  return quoted_list(words);
}

SecretText gateway_text(const GatewayPlan& plan, const PrivateKey& key) {
  SecretBuilder text;
  add_head(text, plan.interface, "a gateway that others connect to.");
  add_identity(text, key);
  text.put("# This machine's own addresses in the tunnel.\n")
      .put(fmt::format("addresses = {}\n\n", toml_list(plan.addresses)))
      .put("# The UDP port that peers send to. A firewall or router before this machine has to let it in.\n")
      .put(fmt::format("listen_port = {}\n\n", plan.port))
      .put("# Where clients find this machine; `culvert peer add` writes it into their files.\n")
      .put((plan.public_endpoint ? fmt::format("public_endpoint = \"{}\"\n\n", config::to_string(*plan.public_endpoint))
                                 : fmt::format("# public_endpoint = \"vpn.example.org:{}\"\n\n", plan.port)))
      .put("# The largest packet inside.\n")
      .put(mtu_line(plan.mtu));
  std::vector<Prefix> pool;
  for (const Prefix& address : plan.addresses) pool.push_back(masked(address));
  text.put("\n[pool]\n# From here `culvert peer add` takes the next free addresses.\n")
      .put(fmt::format("prefixes = {}\n", toml_list(pool)))
      .put("\n[gateway]\n# Packets are forwarded between the peers and this machine's networks.\n");
  switch (plan.masquerade) {
    case InitOptions::Masquerade::yes:
      text.put("# Outside, clients appear under this machine's address.\nmasquerade = true\n");
      break;
    case InitOptions::Masquerade::no:
      text.put(
          "# Clients keep their addresses: routers outside must send those back to this machine.\nmasquerade = "
          "false\n");
      break;
  }
  if (plan.outside_interface.empty() || plan.masquerade == InitOptions::Masquerade::no)
    text.put("# outside_interface = \"eth0\"              # masquerade behind this one only\n");
  else
    text.put(fmt::format("outside_interface = \"{}\"\n", plan.outside_interface));
  text.put("# allowed_subnets = [\"192.168.7.0/24\"]    # peers may go there alone; not given: anywhere\n")
      .put(fmt::format("\n# Peers stand in the folder {0}.d, a file each:   culvert peer add {0} NAME\n",
                       plan.interface));
  return text.take();
}

SecretText client_text(const ClientPlan& plan, const PrivateKey& key) {
  SecretBuilder text;
  add_head(text, plan.interface, "a client of a gateway.");
  add_identity(text, key);
  text.put("# The addresses that the gateway has given to this machine.\n")
      .put(fmt::format("addresses = {}\n\n", toml_list(plan.addresses)))
      .put("# The largest packet inside.\n")
      .put(mtu_line(plan.mtu));
  std::vector<std::string> servers;
  for (const IpAddress& server : plan.dns) servers.push_back(to_string(server));
  if (servers.empty())
    text.put("\n# [dns]\n# servers = [\"10.0.0.53\"]       # resolvers to ask through the tunnel\n");
  else
    text.put(fmt::format("\n[dns]\n# Resolvers to ask through the tunnel.\nservers = {}\n", quoted_list(servers)));
  const bool on = plan.kill_switch == InitOptions::KillSwitch::on;
  text.put(fmt::format(
               "\n[firewall]\n# With the kill switch nothing leaves this machine but through the tunnel, also while it "
               "is not "
               "connected.\nkill_switch = {}\n",
               on))
      .put("# allow_lan = true              # with it: printers and others in the local network stay reachable\n")
      .put("\n[[peer]]\nname = \"gateway\"\n")
      .put(fmt::format("public_key = \"{}\"\n", to_base64(plan.gateway)))
      .put(fmt::format("endpoint = \"{}\"\n", config::to_string(plan.endpoint)))
      .put("# What goes through the tunnel; \"0.0.0.0/0\" and \"::/0\" are everything.\n")
      .put(fmt::format("allowed_ips = {}\n", toml_list(plan.allowed_ips)))
      .put("# Every 25 s a datagram, so that a NAT on the way keeps its door open.\npersistent_keepalive = 25\n")
      .put("# preshared_key = \"...\"         # where the gateway has one for this machine\n");
  return text.take();
}

std::vector<Prefix> draw_pool(Entropy& entropy, const std::vector<Prefix>& in_use) {
  const auto is_used = [&](const Prefix& network) {
    return std::any_of(in_use.begin(), in_use.end(), [&](const Prefix& used) {
      // The default route's /0 and the like say nothing about a network being here.
      return used.length >= 8 && overlap(used, network);
    });
  };
  Prefix v4{{}, 24};
  Prefix v6{{Family::v6, {}}, 64};
  // A machine that is in all of 10.0.0.0/8 gets one of it all the same; `culvert check` warns of that.
  for (int tries = 0; tries < 1000; ++tries) {
    Octets<7> random{};
    entropy.fill(random);
    // Below 64 are the networks that routers and companies number first.
    v4.address.octets = {10, static_cast<std::uint8_t>(64 + random[0] % 192), random[1], 1};
    v6.address.octets = {0xfd, random[2], random[3], random[4], random[5], random[6]};
    v6.address.octets[15] = 1;
    if (!is_used(v4) && !is_used(v6)) break;
  }
  return {v4, v6};
}

}  // namespace culvert::cli
