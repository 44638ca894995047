// SPDX-License-Identifier: MIT
#include "cookie.hpp"

#include <string_view>

#include "aead.hpp"
#include "hash.hpp"
#include "params.hpp"

namespace culvert {
namespace {

Octets<32> label_hash(std::string_view label, const PublicKey& key) noexcept {
  return crypto::hash({Bytes(reinterpret_cast<const std::uint8_t*>(label.data()), label.size()), key.bytes()});
}
Octets<32> mac1_key(const PublicKey& receiver) noexcept { return label_hash("mac1----", receiver); }
Octets<32> cookie_key(const PublicKey& sender) noexcept { return label_hash("cookie--", sender); }

}  // namespace

void CookieChecker::set_identity(const PublicKey& self) noexcept {
  mac1_key_ = mac1_key(self);
  cookie_key_ = Secret<32>(cookie_key(self));
  secret_.wipe();
  secret_born_.reset();
}

bool CookieChecker::mac1_fits(Bytes covered, const Octets<16>& mac1) const noexcept {
  return ct_equal<16>(crypto::mac(mac1_key_, {covered}), mac1);
}

bool CookieChecker::mac2_fits(Instant now, Bytes covered, const Octets<16>& mac2, const Endpoint& from) const noexcept {
  if (!secret_born_ || now - *secret_born_ >= params::kCookieMaxAge) return false;
  if (mac2 == Octets<16>{}) return false;  // who has no cookie says so [W 5.4.4]; it costs a flood's target no hash
  return ct_equal<16>(crypto::mac(cookie_for(from).bytes(), {covered}), mac2);
}

wire::CookieReply CookieChecker::make_reply(Instant now, std::uint32_t receiver, const Octets<16>& mac1,
                                            const Endpoint& from, Entropy& entropy) noexcept {
  if (!secret_born_ || now - *secret_born_ >= params::kCookieMaxAge) {
    entropy.fill(secret_.bytes());
    secret_born_ = now;
  }
  wire::CookieReply reply;
  reply.receiver = receiver;
  entropy.fill(reply.nonce);
  crypto::xseal(cookie_key_, reply.nonce, cookie_for(from).bytes(), mac1, reply.cookie);
  return reply;
}

Secret<16> CookieChecker::cookie_for(const Endpoint& from) const noexcept {
  const Octets<2> port{static_cast<std::uint8_t>(from.port >> 8), static_cast<std::uint8_t>(from.port & 0xff)};
  return Secret<16>(crypto::mac(secret_.bytes(), {from.address.bytes(), port}));
}

Octets<16> CookieHolder::mac1(const PublicKey& peer, Bytes covered) noexcept {
  return crypto::mac(mac1_key(peer), {covered});
}

Octets<16> CookieHolder::mac2(Instant now, Bytes covered) const noexcept {
  constexpr auto kUsable = params::kCookieMaxAge - params::kCookieLatency;
  if (!cookie_born_ || now - *cookie_born_ >= kUsable) return {};
  return crypto::mac(cookie_.bytes(), {covered});
}

Result<void, Drop> CookieHolder::take(Instant now, const PublicKey& peer, const wire::CookieReply& reply) noexcept {
  if (!awaited_mac1_) return Err{Drop::unexpected_cookie};
  Secret<16> cookie;
  const Secret<32> key(cookie_key(peer));
  if (!crypto::xopen(key, reply.nonce, reply.cookie, *awaited_mac1_, cookie.bytes())) return Err{Drop::bad_cookie_tag};
  cookie_ = std::move(cookie);
  cookie_born_ = now;
  awaited_mac1_.reset();
  return {};
}

}  // namespace culvert
