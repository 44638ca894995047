// SPDX-License-Identifier: MIT
#pragma once

namespace culvert::crypto {
class AeadBackend;
}

namespace culvert::daemon {

/// The life of the packet half: takes its set-up and descriptors from the host half, carries packets and serves its
/// sockets until the host half is gone. Opens nothing itself.
/// \param aead  outlives the call; nullptr: the fastest of those that seal.
/// \returns the exit code.
[[nodiscard]] int run_packet_half(const crypto::AeadBackend* aead);

}  // namespace culvert::daemon
