// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "files.hpp"

namespace culvert::cli {

/// Where a client's file goes, and in which form.
struct ClientOutput {
  enum class Form : std::uint8_t { wg_quick, toml } form = Form::wg_quick;
  std::string file;            // empty: no file
  std::string qr_png, qr_svg;  // empty: none
  enum class Terminal : std::uint8_t { automatic, qr, no_qr } terminal = Terminal::automatic;
  Existing existing = Existing::keep;
  std::vector<std::string> dns;  // resolvers that the client asks through the tunnel
  enum class Reach : std::uint8_t { gateway, everything } reach = Reach::gateway;

  /// Something is to hold the client's file; without, a code in the terminal is the only way out.
  [[nodiscard]] bool has_file() const noexcept { return !file.empty() || !qr_png.empty() || !qr_svg.empty(); }
};

struct PeerAddOptions {
  std::string interface, name;
  std::string public_key;                // empty: a pair is made here
  std::vector<std::string> addresses;    // empty: the next free ones of the pool
  std::vector<std::string> allowed_ips;  // subnets behind the peer, beside its addresses
  std::string endpoint;                  // where the peer is reached; empty: it calls
  std::string expires;                   // "30d" or a date; empty: never
  enum class Preshared : std::uint8_t { made, none } preshared = Preshared::made;
  ClientOutput client;
};
struct PeerRemoveOptions {
  std::string interface, name;
};
struct PeerListOptions {
  std::string interface;
};
struct PeerShowOptions {
  std::string interface, name;
};
struct PeerRotateOptions {
  std::string interface, name;
  std::string public_key;  // empty: a pair is made here
  ClientOutput client;
};

/// What `culvert init` is told; empty: asked on a terminal, or chosen.
struct InitOptions {
  enum class Role : std::uint8_t { gateway, client } role = Role::gateway;
  std::string interface;
  std::string addresses;  // gateway: its own in the pool; client: what the gateway gave, separated by commas
  std::string port;       // gateway
  std::string endpoint;   // gateway: its public address[:port]; client: the gateway's
  std::string outside_interface;
  std::string dns;
  std::string mtu;
  std::string peer_key;     // client: the gateway's public key
  std::string allowed_ips;  // client: empty: everything
  enum class Masquerade : std::uint8_t { yes, no } masquerade = Masquerade::yes;
  enum class KillSwitch : std::uint8_t { on, off } kill_switch = KillSwitch::off;
  Existing existing = Existing::keep;
  enum class Questions : std::uint8_t { ask, none } questions = Questions::ask;
};

}  // namespace culvert::cli
