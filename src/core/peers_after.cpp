// SPDX-License-Identifier: MIT
#include "peers_after.hpp"

namespace culvert {

std::size_t peers_after(const Device& device, const SetRequest& request) noexcept {
  std::size_t count = request.replace_peers ? 0 : device.peer_count();
  for (const PeerChange& change : request.peers) {
    const bool there = !request.replace_peers && device.find(change.public_key);
    if (there && change.remove) --count;
    if (!there && !change.remove && !change.update_only) ++count;
  }
  return count;
}

}  // namespace culvert
