// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "console.hpp"
#include "sockets.hpp"

namespace culvert::cli {

struct CaptureOptions {
  std::string name;
  std::vector<std::string> peers;        // names or public keys; empty: all
  std::string output;                    // a file, or "-"; empty: standard output, when that is no terminal
  std::string keys;                      // the file of the key log; empty: none
  std::optional<std::uint64_t> count;    // packets
  std::optional<std::uint32_t> seconds;  // until the end
  std::uint32_t snap = 65535;            // octets of a packet
};

/// Writes inner packets as pcapng until enough have come, the time is over, the tunnel ends, the reader of the output
/// does, or SIGINT or SIGTERM come; then says on standard error how many there were. Files are their owner's alone; an
/// existing capture is replaced, an existing key log goes on.
/// \throws Failure `not_running`, `permission`, `usage` when the output would be a terminal, `failed`.
void capture(const CaptureOptions& options, const SocketFolders& folders, const Console& console);

}  // namespace culvert::cli
