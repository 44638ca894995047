// SPDX-License-Identifier: MIT
#include "timers.hpp"

#include <algorithm>

#include "params.hpp"

namespace culvert {
namespace {

using MaybeInstant = std::optional<Instant>;

MaybeInstant after(const MaybeInstant& base, Duration wait) noexcept {
  return base ? MaybeInstant(*base + wait) : std::nullopt;
}

MaybeInstant wipe_at(const PeerInstants& p) noexcept { return after(p.keys_born, params::kWipeAfter); }

MaybeInstant retry_at(const PeerInstants& p) noexcept {
  if (!p.awaiting_response) return std::nullopt;
  return after(p.last_initiation_sent, params::kRekeyTimeout + p.jitter);
}

MaybeInstant initiate_at(const PeerInstants& p) noexcept {
  if (p.awaiting_response) return std::nullopt;
  // A response counts as well: its session may be confirmed any moment, and then serves both sides.
  const MaybeInstant last_handshake = std::max(p.last_initiation_sent, p.last_response_sent);
  const Instant free = last_handshake ? *last_handshake + params::kRekeyTimeout : Instant::min();
  if (p.initiation_wanted) return free;
  const auto silent = after(p.unheard_since, params::kKeepaliveTimeout + params::kRekeyTimeout + p.jitter);
  return silent ? MaybeInstant(std::max(*silent, free)) : std::nullopt;
}

MaybeInstant passive_at(const PeerInstants& p) noexcept { return after(p.unanswered_since, params::kKeepaliveTimeout); }

MaybeInstant persistent_at(const PeerInstants& p) noexcept {
  if (p.persistent_interval.count() == 0) return std::nullopt;
  const MaybeInstant last = std::max(p.last_passage, p.last_persistent);  // none is less than any instant
  return after(last, p.persistent_interval);
}

}  // namespace

NextAction next_action(const PeerInstants& p, Instant now) noexcept {
  struct Rule {
    Due due;
    MaybeInstant at;
  };
  const Rule rules[] = {
      {Due::wipe, wipe_at(p)},
      {p.retries >= params::kMaxRetries ? Due::give_up : Due::retry_initiation, retry_at(p)},
      {Due::initiate, initiate_at(p)},
      {Due::passive_keepalive, passive_at(p)},
      {Due::persistent_keepalive, persistent_at(p)},
  };
  MaybeInstant soonest;
  for (const Rule& rule : rules) {
    if (!rule.at) continue;
    if (*rule.at <= now) return {rule.due, rule.at};
    if (!soonest || *rule.at < *soonest) soonest = rule.at;
  }
  return {Due::nothing, soonest};
}

}  // namespace culvert
