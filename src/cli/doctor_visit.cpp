// SPDX-License-Identifier: MIT
#include "doctor_visit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include <culvert/printable.hpp>

#include "doctor_checks.hpp"
#include "doctor_probe.hpp"
#include "failure.hpp"
#include "load.hpp"
#include "screen.hpp"
#include "surroundings.hpp"
#include "units.hpp"

namespace culvert::cli {
namespace {

using namespace std::chrono_literals;
using Grade = DoctorCheck::Grade;

PacketFilter read_packet_filter() {
  const ProgramRun json = run_program({"nft", "-j", "list", "ruleset"});
  if (json.exit_code != 0) return {};
  return {true, json.output, run_program({"nft", "-a", "list", "ruleset"}).output};
}

/// nullopt: there is no file of that name, which is no fault of a tunnel that obeys `wg`.
std::optional<config::Config> read_configuration(const std::string& name, const std::string& path, Diagnosis& out) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    out.add({Grade::note, "configuration",
             error == std::errc::permission_denied ? path + " may not be read, so that it was not looked at."
                                                   : "There is no file for it: the tunnel obeys `wg`.",
             error == std::errc::permission_denied ? "sudo culvert doctor " + name : ""});
    return std::nullopt;
  }
  auto loaded = config::load(path);
  if (!loaded) {
    for (const config::Finding& finding : loaded.error())
      out.add({finding.grade == config::Finding::Grade::error ? Grade::failure : Grade::warning, "configuration",
               printable(finding.message()), "culvert check " + name});
    return std::nullopt;
  }
  out.add({Grade::good, "configuration", path + " is sound.", ""});
  check_configuration(loaded->config, unix_now(), out);
  return std::move(loaded->config);
}

std::optional<Patient> ask_daemon(const SocketFolders& folders, const std::string& name,
                                  const std::optional<config::Config>& config, Diagnosis& out) {
  try {
    auto patient = read_patient(read_status(folders, name));
    if (!patient) out.add({Grade::failure, "daemon", "Its answer is no status document.", "restart culvertd"});
    return patient;
  } catch (const Failure& failure) {
    const bool forbidden = failure.code() == ExitCode::permission;
    if (!forbidden && config) check_port(*config, out);
    out.add({Grade::failure, forbidden ? "permissions" : "daemon", printable(failure.what()),
             forbidden ? "sudo culvert doctor " + name
             : config  ? "culvert up " + name
                       : "culvertd " + name});
    return std::nullopt;
  }
}

/// Files that were surely written before this moment.
std::vector<std::string> files_of_the_past(const std::string& config) {
  return {"/proc/self/exe", config, "/var/lib/culvert", "/etc/passwd"};
}

}  // namespace

bool Visit::takes_all(Family family) const noexcept {
  constexpr std::uint8_t kWide = 8;  // /1 twice is everything as well
  return std::any_of(patient.peers.begin(), patient.peers.end(), [&](const PatientPeer& peer) {
    return std::any_of(peer.allowed_ips.begin(), peer.allowed_ips.end(),
                       [&](const Prefix& prefix) { return prefix.address.family == family && prefix.length < kWide; });
  });
}

std::string Visit::own_table() const { return host ? host->firewall_table : std::string(); }

std::string Visit::own_rules() const {
  if (own_table().empty()) return "";
  const ProgramRun run = run_program({"nft", "list", "table", "inet", own_table()});
  return run.exit_code == 0 ? run.output : std::string();
}

std::optional<Visit> begin_visit(const std::string& name, const std::string& config_folder,
                                 const SocketFolders& folders, Visit::Depth depth, Diagnosis& out) {
  auto host = ask_host_status(folders, name, 10s);
  const std::string path = file_of(host, name, config_folder);
  auto config = read_configuration(name, path, out);
  check_clock(files_of_the_past(path), unix_now(), out);
  if (config && depth == Visit::Depth::thorough) check_names(*config, out);
  auto patient = ask_daemon(folders, name, config, out);
  if (!patient) return std::nullopt;
  out.add({Grade::good, "daemon", "It runs and answers.", ""});
  Visit visit{.patient = std::move(*patient),
              .config = std::move(config),
              .host = std::move(host),
              .filter = read_packet_filter(),
              .own = {},
              .depth = depth};
  for (const config::HostAddress& each : host_addresses()) visit.own.push_back(each.prefix.address);
  return visit;
}

}  // namespace culvert::cli
