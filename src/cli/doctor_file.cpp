// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <netdb.h>
#include <sys/stat.h>

#include <algorithm>

#include <culvert/printable.hpp>

#include "doctor_checks.hpp"
#include "doctor_probe.hpp"
#include "units.hpp"

namespace culvert::cli {
namespace {

using Grade = DoctorCheck::Grade;

/// Which families a name has addresses of.
struct Resolved {
  bool v4 = false, v6 = false;
  std::string error;
};

Resolved resolve(const std::string& host) {
  Resolved result;
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* list = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &list); error != 0) {
    result.error = ::gai_strerror(error);
    return result;
  }
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    result.v4 |= entry->ai_family == AF_INET;
    result.v6 |= entry->ai_family == AF_INET6;
  }
  ::freeaddrinfo(list);
  return result;
}

/// "wireguard-go (pid 77)"; empty: nobody has the port.
std::string holder_of(std::uint16_t port) {
  const ProgramRun run = run_program({"ss", "-Hlunp", fmt::format("sport = :{}", port)});
  if (run.exit_code != 0 || run.output.find_first_not_of(" \n") == std::string::npos) return "";
  const std::size_t name = run.output.find("((\""), pid = run.output.find("pid=");
  if (name == std::string::npos || pid == std::string::npos) return "another program";
  const std::size_t name_end = run.output.find('"', name + 3), pid_end = run.output.find(',', pid);
  return printable(fmt::format("{} (process {})", run.output.substr(name + 3, name_end - name - 3),
                               run.output.substr(pid + 4, pid_end - pid - 4)));
}

}  // namespace

void check_configuration(const config::Config& config, std::int64_t now_unix, Diagnosis& out) {
  const auto is_over = [&](const config::PeerConfig& peer) {
    return peer.expires && peer.expires->seconds <= now_unix;
  };
  // A guest whose time is over is no fault of a tunnel that others use.
  const bool some_are_in = std::any_of(config.peers.begin(), config.peers.end(),
                                       [&](const config::PeerConfig& peer) { return peer.enabled && !is_over(peer); });
  const Grade grade = some_are_in ? Grade::note : Grade::failure;
  for (const config::PeerConfig& peer : config.peers) {
    if (!peer.enabled)
      out.add({grade, "configuration", fmt::format("The peer {} is switched off.", printable(peer.name)),
               fmt::format("set enabled = true in its [[peer]]: {}", peer.place.file)});
    if (is_over(peer))
      out.add({grade, "configuration", fmt::format("The time of peer {} is over.", printable(peer.name)),
               fmt::format("set a later date at expires in its [[peer]]: {}", peer.place.file)});
  }
}

void check_names(const config::Config& config, Diagnosis& out) {
  for (const config::PeerConfig& peer : config.peers) {
    for (const config::HostPort& endpoint : peer.endpoints) {
      if (parse_address(endpoint.host)) continue;
      const std::string host = printable(endpoint.host);
      out.doing("looking up " + host);
      const Resolved resolved = resolve(endpoint.host);
      if (!resolved.v4 && !resolved.v6) {
        out.add({Grade::failure, "names", fmt::format("The name {} does not resolve: {}.", host, resolved.error),
                 "check the name, and this machine's DNS: getent ahosts " + host});
        continue;
      }
      const std::string_view families = resolved.v4 && resolved.v6 ? "IPv4 and IPv6" : resolved.v4 ? "IPv4" : "IPv6";
      out.add({Grade::good, "names", fmt::format("{} resolves to {}.", host, families), ""});
    }
  }
}

void check_clock(const std::vector<std::string>& files, std::int64_t now_unix, Diagnosis& out) {
  constexpr std::int64_t kTolerance = 60;
  for (const std::string& file : files) {
    struct stat found {};
    if (::stat(file.c_str(), &found) != 0 || found.st_mtime <= now_unix + kTolerance) continue;
    return out.add({Grade::failure, "clock",
                    fmt::format("The clock is behind: {} was written {} from now.", file,
                                span_text(std::chrono::seconds(found.st_mtime - now_unix))),
                    "set the clock (timedatectl set-ntp true): peers refuse handshakes older than the last"});
  }
  out.add({Grade::good, "clock", "The clock is not behind what was written here.", ""});
}

void check_port(const config::Config& config, Diagnosis& out) {
  if (config.listen_port == 0) return;
  const std::string holder = holder_of(config.listen_port);
  if (holder.empty()) return;
  out.add({Grade::failure, "port", fmt::format("The port {} is taken by {}.", config.listen_port, holder),
           fmt::format("end that program, or choose another listen_port in {}", config.place.file)});
}

}  // namespace culvert::cli
