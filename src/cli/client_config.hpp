// SPDX-License-Identifier: MIT
// What a peer's own device needs: the gateway's configuration seen from the other end.
#pragma once

#include <string>
#include <vector>

#include "config.hpp"
#include "console.hpp"
#include "peer_options.hpp"
#include "secret_view.hpp"

namespace culvert::cli {

/// The other end's configuration, without its private key unless one is given.
/// \throws Failure when the gateway does not say where it is reached.
[[nodiscard]] config::Config client_config(const config::Config& gateway, const config::PeerConfig& peer,
                                           const ClientOutput& client, const PrivateKey* key);

/// Its text, with a line that says what to fill in where there is no private key.
[[nodiscard]] SecretText client_text(const config::Config& client, ClientOutput::Form form);

/// The peer's addresses in the tunnel: its allowed IPs that are one address.
[[nodiscard]] std::vector<Prefix> own_addresses(const config::PeerConfig& peer);

/// \throws Failure when the text would be lost, or a file that it goes to is there already; asked before anything is
/// made.
void require_way_out(const ClientOutput& client, const Console& console);

/// Writes the files, shows the code, and says what was written.
void hand_out(const SecretText& text, const ClientOutput& client, const Console& console);

}  // namespace culvert::cli
