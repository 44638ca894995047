// SPDX-License-Identifier: MIT
// How the doctor asks the kernel and the network: programs of the system, files of /proc, and echoes.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <culvert/address.hpp>

namespace culvert::cli {

struct ProgramRun {
  int exit_code = 0;   // 127: it could not be started
  std::string output;  // standard output, at most 16 MiB
};
/// Runs a program found in PATH to its end, without a shell. At most 10 s.
[[nodiscard]] ProgramRun run_program(const std::vector<std::string>& words);

/// The first line of a small file, without its end; nullopt: it cannot be read.
[[nodiscard]] std::optional<std::string> read_line(const std::string& path);

enum class EchoOutcome : std::uint8_t { answered, unanswered, too_big, refused };
/// Sends one ICMP echo through `interface` that no router may fragment, and waits for its answer.
/// \param packet_octets  of the whole IP packet, 48 at least.
[[nodiscard]] EchoOutcome echo(const std::string& interface, const IpAddress& to, std::size_t packet_octets,
                               std::chrono::milliseconds within);

/// Where the kernel sends a packet, and the address that it leaves with.
struct Way {
  std::string device;  // empty: there is none
  std::optional<IpAddress> source;
};
[[nodiscard]] Way way_towards(const IpAddress& address, std::uint32_t fwmark);
/// The device alone.
[[nodiscard]] std::string device_towards(const IpAddress& address, std::uint32_t fwmark);

/// The interface of the default route in the main table; empty: there is none.
[[nodiscard]] std::string default_device(Family family);

}  // namespace culvert::cli
