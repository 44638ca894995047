// SPDX-License-Identifier: MIT
#pragma once

namespace culvert::crypto {
class AeadBackend;
}

namespace culvert::daemon {

/// All of `culvertd`, whichever half it is to be. \returns the exit code.
/// \param aead  of the packet half; nullptr: the fastest of those that seal. Benchmarks pass one that does not.
[[nodiscard]] int run(int argc, char** argv, const crypto::AeadBackend* aead = nullptr);

}  // namespace culvert::daemon
