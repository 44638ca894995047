// SPDX-License-Identifier: MIT
// A capture as the engine carries it out: a tap on each lane, and where that is wished the secrets of handshakes.
#pragma once

#include <optional>
#include <vector>

#include <culvert/keys.hpp>

#include "tap.hpp"

namespace culvert {
struct Peer;
}

namespace culvert::engine {

struct CaptureWish {
  std::vector<PublicKey> peers;  // empty: all, also those that come later
  std::size_t snap = 65535;      // octets of a packet that are of interest
  enum class Secrets : std::uint8_t { kept, told } secrets = Secrets::kept;
};

struct CaptureCounts {
  std::uint64_t taken = 0;
  std::uint64_t dropped = 0;  // found the ring of their lane full

  friend bool operator==(const CaptureCounts&, const CaptureCounts&) = default;
};

/// What opens the sessions of one handshake, beside the private key of either side. borrowed: during a call.
struct HandshakeSecrets {
  const Peer& peer;
  const PrivateKey& ephemeral;  // ours
};

/// The reader's end of the taps of all lanes. The control thread only.
class Capture {
 public:
  Capture(std::size_t lanes, CaptureWish wish);

  [[nodiscard]] const CaptureWish& wish() const noexcept { return wish_; }
  [[nodiscard]] const std::shared_ptr<Tap>& tap(std::size_t lane) const noexcept { return taps_[lane]; }

  /// Before a round of reading.
  void begin_reading() noexcept;
  /// The oldest packet that waits, and good until the next call. nullopt: none waits.
  [[nodiscard]] std::optional<Captured> next() noexcept;
  [[nodiscard]] CaptureCounts counts() const noexcept;

 private:
  CaptureWish wish_;
  std::vector<std::shared_ptr<Tap>> taps_;
  Tap* last_ = nullptr;  // from which `next` took its packet
};

}  // namespace culvert::engine
