// SPDX-License-Identifier: MIT
// From the names of endpoints to addresses, without making the caller's loop wait: a thread asks, a descriptor tells.
//
// A kill switch keeps names inside the tunnel, and without the address of its far end there is no tunnel. So where the
// system's own way gives no answer, the servers of the network outside are asked directly, on a socket with the
// tunnel's mark: what leaves in the clear is the name of the endpoint, and nothing else.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <culvert/address.hpp>
#include <culvert/result.hpp>

#include "config.hpp"

namespace culvert::host {

struct ResolveFailure {
  /// later: the network or the server may answer another time; never: the name does not exist.
  enum class Again : std::uint8_t { later, never } again = Again::later;
  std::string reason;
};

using ResolveResult = Result<std::vector<Endpoint>, ResolveFailure>;

/// Whom to ask where the system's own way fails; without a mark or servers nobody.
struct OutsideServers {
  std::uint32_t mark = 0;
  std::vector<IpAddress> servers;
};

/// All addresses of a name, in the order in which the system prefers them. A numeric one is itself. Never an empty
/// list. Any thread. Waits for the network, some tens of seconds at worst.
[[nodiscard]] ResolveResult resolve(const config::HostPort& endpoint, const OutsideServers& outside);

/// How long to wait before the nth try, from 1: 1 s, then a fifth more each time, at most 20 s, as wg(8) does.
[[nodiscard]] std::chrono::milliseconds retry_delay(unsigned n) noexcept;

/// Questions that a thread of its own puts, one after the other.
class Resolver {
 public:
  struct Answer {
    std::uint64_t id = 0;  // of the question
    ResolveResult result;
  };

  /// Starts the thread. Throws std::system_error where there is none to be had.
  Resolver();
  Resolver(Resolver&&) noexcept = default;
  Resolver& operator=(Resolver&&) = delete;
  /// Waits for nothing: a question under way is left to end by itself.
  ~Resolver();

  void ask(std::uint64_t id, config::HostPort endpoint, OutsideServers outside);
  /// Readable while answers wait. borrowed: for the life of the object.
  [[nodiscard]] int ready() const noexcept;
  /// All answers so far; never waits.
  [[nodiscard]] std::vector<Answer> take();

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace culvert::host
