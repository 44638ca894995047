// SPDX-License-Identifier: MIT
#include "arguments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <utility>

#include "interface_name.hpp"

namespace culvert::daemon {
namespace {

constexpr unsigned kMostLanes = 64;
constexpr unsigned kFirstFreeDescriptor = 3;

constexpr std::string_view kHelp =
    R"(Usage: culvertd [-f | --foreground] INTERFACE
       culvertd [-f | --foreground] --config FILE [INTERFACE]
       culvertd --guard --config FILE
       culvertd --undo INTERFACE
       culvertd --version | --help

Makes the network interface INTERFACE, whose packets travel in a tunnel that speaks
WireGuard's protocol. It is configured with wg(8) and wg-quick(8), by way of the socket
/var/run/wireguard/INTERFACE.sock. Without -f the program returns once the interface and
the socket exist, and goes on in the background.

With a configuration file it sets up everything that the file says, all or nothing:
peers, addresses, routes, DNS, firewall; SIGHUP makes it read the file again. See
culvert(8), which is the usual way to all of this.

  -f, --foreground  stay in the foreground, and log to standard error
  --config FILE     NAME.toml, or NAME.conf as wg-quick(8) has it
  --guard           raise the file's kill switch and end, before the network comes up
  --undo INTERFACE  undo what a daemon that was killed left on this host, and lift its
                    kill switch
  --version         print the version
  --help            print this text

It ends on SIGTERM or SIGINT, when the interface is deleted, and when the socket's file
is deleted.

Environment:
  LOG_LEVEL=LEVEL           verbose or debug; error (the default); silent
  WG_PROCESS_FOREGROUND=1   like -f
  WG_TUN_FD=N               take descriptor N as the interface's TUN queue
  WG_UAPI_FD=N              take descriptor N as the listening configuration socket
  CULVERT_LANES=N           threads that carry packets, 1 to 64 (WG_THREADS works as well)
  CULVERT_METRICS=WHERE     serve metrics at 127.0.0.1:PORT, [::1]:PORT or unix:PATH
  CULVERT_METRICS_NAMES=all the names of other exporters as well
  CULVERT_PACKET_SOCKET=PATH  where the service manager starts the process that carries the
                            packets, as a user of its own, instead of this program itself
  CULVERT_OFFLOADS=LIST     kernel offloads to use: on (the default), off, or some of
                            vnet,gso,gro

Exit codes:
  0  the interface was set up (background), or ended as asked (foreground)
  1  the interface could not be set up, or failed
  2  the command line or the environment was wrong
  3  the interface was deleted by somebody else (foreground)
  4  the process that carries the packets died (foreground)
  5  there was nothing to undo (--undo)
)";

std::optional<unsigned> parse_number(std::string_view text, unsigned least, unsigned most) noexcept {
  unsigned value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(text.data(), end, value);
  if (status != std::errc{} || stop != end || value < least || value > most) return std::nullopt;
  return value;
}

/// An empty variable counts as one that is not set: that is how a script unsets it for one command.
std::optional<std::string> look_up(const Environment& environment, std::string_view name) {
  auto value = environment(name);
  if (value && value->empty()) value.reset();
  return value;
}

Result<void, std::string> take_number(const Environment& environment, std::string_view name, unsigned least,
                                      unsigned most, std::optional<unsigned>& into) {
  const auto text = look_up(environment, name);
  if (!text) return {};
  into = parse_number(*text, least, most);
  if (into) return {};
  return Err{fmt::format("{}={}: not a number from {} to {}", name, *text, least, most)};
}

Result<void, std::string> take_descriptor(const Environment& environment, std::string_view name,
                                          std::optional<int>& into) {
  std::optional<unsigned> number;
  if (auto taken = take_number(environment, name, kFirstFreeDescriptor, std::numeric_limits<int>::max(), number);
      !taken)
    return taken;
  if (number) into = static_cast<int>(*number);
  return {};
}

/// Never an error: LOG_LEVEL is a name that others use as well, and no tunnel should stay down for it.
void take_log_level(const Environment& environment, Options& options) {
  const std::string level = look_up(environment, "LOG_LEVEL").value_or("error");
  if (level == "verbose" || level == "debug")
    options.log_level = LogLevel::verbose;
  else if (level == "silent")
    options.log_level = LogLevel::silent;
  else if (level != "error")
    options.warnings.push_back(fmt::format("LOG_LEVEL={}: unknown, taken as error", level));
}

Result<void, std::string> take_offloads(const Environment& environment, OffloadSwitches& offloads) {
  const auto text = look_up(environment, "CULVERT_OFFLOADS");
  if (!text || *text == "on") return {};
  offloads = {.vnet = false, .gso = false, .gro = false};
  if (*text == "off") return {};
  std::string_view rest = *text;
  while (true) {
    const std::size_t comma = rest.find(',');
    const std::string_view word = rest.substr(0, comma);
    if (word == "vnet")
      offloads.vnet = true;
    else if (word == "gso")
      offloads.gso = true;
    else if (word == "gro")
      offloads.gro = true;
    else
      return Err{fmt::format("CULVERT_OFFLOADS={}: not on, off, or a list of vnet, gso and gro", *text)};
    if (comma == std::string_view::npos) return {};
    rest.remove_prefix(comma + 1);
  }
}

Result<void, std::string> take_environment(const Environment& environment, Options& options) {
  if (look_up(environment, "WG_PROCESS_FOREGROUND") == "1") options.place = Options::Place::foreground;
  take_log_level(environment, options);
  if (auto taken = take_descriptor(environment, "WG_TUN_FD", options.tun_fd); !taken) return taken;
  if (auto taken = take_descriptor(environment, "WG_UAPI_FD", options.uapi_fd); !taken) return taken;
  if (options.tun_fd && options.tun_fd == options.uapi_fd)
    return Err{std::string("WG_TUN_FD and WG_UAPI_FD name the same descriptor")};
  options.metrics_listen = look_up(environment, "CULVERT_METRICS").value_or("");
  options.all_metric_names = look_up(environment, "CULVERT_METRICS_NAMES") == "all";
  options.packet_socket = look_up(environment, "CULVERT_PACKET_SOCKET").value_or("");
  if (!options.packet_socket.empty() && options.packet_socket.front() != '/')
    return Err{fmt::format("CULVERT_PACKET_SOCKET={}: not an absolute path", options.packet_socket)};
  if (auto taken = take_number(environment, "WG_THREADS", 1, kMostLanes, options.lanes); !taken) return taken;
  if (auto taken = take_number(environment, "CULVERT_LANES", 1, kMostLanes, options.lanes); !taken) return taken;
  return take_offloads(environment, options.offloads);
}

/// "wg0" of "/etc/culvert/wg0.toml"; nullopt: its ending is of no configuration.
std::optional<std::string_view> name_of_file(std::string_view path) noexcept {
  path.remove_prefix(path.rfind('/') + 1);  // npos + 1 is 0
  for (const std::string_view ending : {".toml", ".conf"})
    if (path.ends_with(ending)) return path.substr(0, path.size() - ending.size());
  return std::nullopt;
}

/// The words of the command line; the environment comes after them, and only when there is something to run.
Result<void, std::string> take_words(std::span<const char* const> arguments, Options& options) {
  std::optional<std::string_view> interface;
  bool names_only = false;  // after "--"
  bool file_next = false;   // after "--config"
  for (const std::string_view word : arguments) {
    if (std::exchange(file_next, false)) {
      options.config = word;
    } else if (!names_only && word == "--config") {
      file_next = true;
    } else if (!names_only && word == "--guard") {
      options.action = Options::Action::guard;
    } else if (!names_only && word == "--undo") {
      options.action = Options::Action::undo;
    } else if (!names_only && word == "--") {
      names_only = true;
    } else if (!names_only && (word == "-f" || word == "--foreground")) {
      options.place = Options::Place::foreground;
    } else if (!names_only && word == "--version") {
      options.action = Options::Action::print_version;
      return {};
    } else if (!names_only && (word == "--help" || word == "-h")) {
      options.action = Options::Action::print_help;
      return {};
    } else if (!names_only && word.starts_with('-')) {
      return Err{fmt::format("unknown option {} (see culvertd --help)", word)};
    } else if (interface) {
      return Err{fmt::format("one interface at a time: {} or {}?", *interface, word)};
    } else {
      interface = word;
    }
  }
  if (file_next) return Err{std::string("--config: which file?")};
  if (options.action == Options::Action::guard && options.config.empty())
    return Err{std::string("--guard: of which file? Usage: culvertd --guard --config FILE")};
  if (!interface && !options.config.empty()) interface = name_of_file(options.config);
  if (!interface) return Err{std::string("which interface? Usage: culvertd [-f | --foreground] INTERFACE")};
  if (!io::is_interface_name(*interface))
    return Err{fmt::format("'{}' is no interface name: {}", *interface, io::kInterfaceNameRule)};
  options.interface = *interface;
  return {};
}

}  // namespace

Result<Options, std::string> parse_arguments(std::span<const char* const> arguments, const Environment& environment) {
  Options options;
  if (auto taken = take_words(arguments, options); !taken) return Err{taken.error()};
  if (options.action != Options::Action::run) return options;
  if (auto taken = take_environment(environment, options); !taken) return Err{taken.error()};
  return options;
}

std::string_view help_text() noexcept { return kHelp; }

std::optional<std::string> process_environment(std::string_view name) {
  const char* const value = std::getenv(std::string(name).c_str());
  if (value == nullptr) return std::nullopt;
  return value;
}

}  // namespace culvert::daemon
