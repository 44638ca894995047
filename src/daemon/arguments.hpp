// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <culvert/result.hpp>

#include "log.hpp"

namespace culvert::daemon {

/// Which kernel offloads may be used; what the kernel cannot do is left alone in any case.
struct OffloadSwitches {
  bool vnet = true;  // inside: super-packets and checksums left to us (IFF_VNET_HDR, TSO, USO)
  bool gso = true;   // outside: trains in one send (UDP_SEGMENT)
  bool gro = true;   // outside: trains in one receive (UDP_GRO)

  friend bool operator==(const OffloadSwitches&, const OffloadSwitches&) = default;
};

struct Options {
  enum class Action : std::uint8_t { run, guard, undo, print_version, print_help };
  enum class Place : std::uint8_t { background, foreground };

  Action action = Action::run;
  Place place = Place::background;
  std::string interface;
  std::string config;          // path of the file that says everything; empty: `wg` will
  std::optional<int> tun_fd;   // inherited TUN queue
  std::optional<int> uapi_fd;  // inherited listening socket
  LogLevel log_level = LogLevel::error;
  std::optional<unsigned> lanes;  // nullopt: one, which measured best
  OffloadSwitches offloads;
  std::string metrics_listen;  // see metrics_listen.hpp; empty: no metrics
  bool all_metric_names = false;
  std::string packet_socket;          // where the service manager starts packet halves; empty: they are forked
  std::vector<std::string> warnings;  // for the log
};

/// An environment variable's value, or nullopt.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;

/// \param arguments  without the program's name.
/// \returns what to do, or a sentence for standard error.
[[nodiscard]] Result<Options, std::string> parse_arguments(std::span<const char* const> arguments,
                                                           const Environment& environment);

/// The text of `--help`.
[[nodiscard]] std::string_view help_text() noexcept;
/// The environment of this process.
[[nodiscard]] std::optional<std::string> process_environment(std::string_view name);

/// Exit codes of `culvertd`, as `--help` lists them.
inline constexpr int kExitOk = 0;
inline constexpr int kExitSetupFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitInterfaceGone = 3;
inline constexpr int kExitPacketHalfDied = 4;
inline constexpr int kExitNothingToUndo = 5;

}  // namespace culvert::daemon
