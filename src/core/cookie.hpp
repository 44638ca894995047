// SPDX-License-Identifier: MIT
// mac1, mac2 and cookies [W 5.4.4, 5.4.7]: the responder's side (CookieChecker) and the initiator's (CookieHolder).
#pragma once

#include <culvert/address.hpp>
#include <culvert/drop.hpp>
#include <culvert/entropy.hpp>
#include <culvert/keys.hpp>
#include <culvert/result.hpp>
#include <culvert/time.hpp>

#include "messages.hpp"

namespace culvert {

/// Checks the MACs of handshake messages sent to us, and hands out cookies under load.
class CookieChecker {
 public:
  /// Both MAC keys follow from our public key; a change also forgets the cookie secret.
  void set_identity(const PublicKey& self) noexcept;

  template <class Message>
  [[nodiscard]] bool mac1_fits(const Message& message) const noexcept {
    return mac1_fits(wire::before_mac1(message), message.macs.mac1);
  }
  /// Does mac2 prove that the sender receives at `from`? Never with a secret older than two minutes.
  template <class Message>
  [[nodiscard]] bool mac2_fits(Instant now, const Message& message, const Endpoint& from) const noexcept {
    return mac2_fits(now, wire::before_mac2(message), message.macs.mac2, from);
  }

  /// The reply to a message with a good mac1 [W 5.4.7]. Renews the secret when it is two minutes old.
  [[nodiscard]] wire::CookieReply make_reply(Instant now, std::uint32_t receiver, const Octets<16>& mac1,
                                             const Endpoint& from, Entropy& entropy) noexcept;

 private:
  [[nodiscard]] bool mac1_fits(Bytes covered, const Octets<16>& mac1) const noexcept;
  [[nodiscard]] bool mac2_fits(Instant now, Bytes covered, const Octets<16>& mac2, const Endpoint& from) const noexcept;
  [[nodiscard]] Secret<16> cookie_for(const Endpoint& from) const noexcept;

  Octets<32> mac1_key_{};
  Secret<32> cookie_key_;
  Secret<32> secret_;
  std::optional<Instant> secret_born_;
};

/// Puts MACs on the messages that we send to one peer, and keeps the cookie which that peer demanded.
class CookieHolder {
 public:
  /// Fills both MACs: mac2 by the cookie if it is younger than 115 s, else zero.
  template <class Message>
  void stamp(Instant now, const PublicKey& peer, Message& message) noexcept {
    message.macs.mac1 = mac1(peer, wire::before_mac1(message));
    message.macs.mac2 = mac2(now, wire::before_mac2(message));
    awaited_mac1_ = message.macs.mac1;
  }

  /// Takes the cookie if the reply answers the message last stamped; each message is answered once at most.
  /// \returns Drop::unexpected_cookie or Drop::bad_cookie_tag; nothing changed.
  [[nodiscard]] Result<void, Drop> take(Instant now, const PublicKey& peer, const wire::CookieReply& reply) noexcept;

 private:
  [[nodiscard]] static Octets<16> mac1(const PublicKey& peer, Bytes covered) noexcept;
  [[nodiscard]] Octets<16> mac2(Instant now, Bytes covered) const noexcept;

  std::optional<Octets<16>> awaited_mac1_;
  Secret<16> cookie_;
  std::optional<Instant> cookie_born_;
};

}  // namespace culvert
