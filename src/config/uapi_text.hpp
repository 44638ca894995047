// SPDX-License-Identifier: MIT
// A configuration as the host half hands it to the packet half: one `set=1` operation of the UAPI, with the keys that
// `wg` does not know: `name=TEXT`, `blocked=disabled|expired|none`, and `past_rx_bytes=N`, `past_tx_bytes=N`,
// `past_since=N` of a peer. Pure; any thread.
#pragma once

#include <map>
#include <optional>

#include "config.hpp"
#include "secret_text.hpp"
#include "set_request.hpp"

namespace culvert::config {

using control::SecretText;

/// Which of a peer's endpoints is tried now, by the peer's key; names are resolved by the caller. A peer that is not in
/// it gets the first of its endpoints that is numeric.
using ChosenEndpoints = std::map<PublicKey, Endpoint>;

/// What the file leaves to the host.
struct UapiContext {
  ChosenEndpoints endpoints;
  std::optional<std::uint32_t> fwmark;      // where the configuration has none; nullopt: 0
  UnixTime now;                             // decides who is expired
  std::map<PublicKey, PastTraffic> past{};  // told with a peer that is new
};

/// The whole configuration; replaces what was there.
[[nodiscard]] SecretText to_uapi(const Config& config, const UapiContext& context);

/// What has to be told to someone who knows `before` under `known`. Only peers and keys that differ; an endpoint only
/// when its text in the file changed, so that roaming stays. Also the way to tell that peers expired: the same
/// configuration twice, with a later `now`. Empty: nothing differs.
[[nodiscard]] SecretText to_uapi(const Config& before, const UapiContext& known, const Config& after,
                                 const UapiContext& context);

/// The next time after `now` at which a peer expires.
[[nodiscard]] std::optional<UnixTime> next_expiry(const Config& config, UnixTime now) noexcept;

/// The address itself, for an endpoint that needs no resolver. Scopes by number only.
[[nodiscard]] std::optional<Endpoint> numeric(const HostPort& endpoint);

}  // namespace culvert::config
