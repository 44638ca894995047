// SPDX-License-Identifier: MIT
#pragma once

#include "console.hpp"

namespace culvert::cli {

/// Prints a new private key. The only verb besides `genpsk` whose result is a secret; warns when that goes to a file
/// that others may read.
void genkey(const Console& console);
/// Prints a new preshared key.
void genpsk(const Console& console);
/// Reads a private key from standard input and prints its public key.
/// \throws Failure when the input is no key.
void pubkey(const Console& console);

}  // namespace culvert::cli
