// SPDX-License-Identifier: MIT
#include "doctor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "doctor_checks.hpp"
#include "doctor_probe.hpp"
#include "failure.hpp"
#include "load.hpp"
#include "locate.hpp"
#include "screen.hpp"
#include "units.hpp"

namespace culvert::cli {
namespace {

using namespace std::chrono_literals;
using Grade = DoctorCheck::Grade;

// A handshake is tried again after 5 s and a third: only then is it known that the first one was lost.
constexpr auto kHandshakeWait = 7s;
constexpr auto kLookAgain = 250ms;

std::string_view word(Grade grade) noexcept {
  switch (grade) {
    case Grade::good:
      return "good";
    case Grade::note:
      return "note";
    case Grade::warning:
      return "warning";
    case Grade::failure:
      return "failure";
  }
  return "";
}

std::string_view colour(Grade grade) noexcept {
  switch (grade) {
    case Grade::good:
      return "\x1b[32m";
    case Grade::note:
      return "\x1b[36m";
    case Grade::warning:
      return "\x1b[33m";
    case Grade::failure:
      return "\x1b[31m";
  }
  return "";
}

std::ptrdiff_t failures_in(const Diagnosis& checks) {
  return std::count_if(checks.begin(), checks.end(), [](const auto& check) { return check.grade == Grade::failure; });
}

/// nullopt: there is no file of that name, which is no fault of a tunnel that obeys `wg`.
std::optional<config::Config> read_configuration(const std::string& name, const std::string& folder, Diagnosis& out) {
  std::string path;
  try {
    path = locate(name, folder).path;
  } catch (const Failure&) {
    out.push_back({Grade::note, "configuration", "There is no file for it: the tunnel obeys `wg`.", ""});
    return std::nullopt;
  }
  auto loaded = config::load(path);
  if (!loaded) {
    for (const config::Finding& finding : loaded.error())
      out.push_back({finding.grade == config::Finding::Grade::error ? Grade::failure : Grade::warning, "configuration",
                     printable(finding.message()), "culvert check " + name});
    return std::nullopt;
  }
  out.push_back({Grade::good, "configuration", path + " is sound.", ""});
  check_configuration(loaded->config, unix_now(), out);
  return std::move(loaded->config);
}

std::optional<Patient> ask_daemon(const SocketFolders& folders, const std::string& name, Diagnosis& out) {
  try {
    auto patient = read_patient(read_status(folders, name));
    if (!patient) out.push_back({Grade::failure, "daemon", "Its answer is no status document.", "restart culvertd"});
    return patient;
  } catch (const Failure& failure) {
    const bool forbidden = failure.code() == ExitCode::permission;
    out.push_back({Grade::failure, forbidden ? "permissions" : "daemon", printable(failure.what()),
                   forbidden ? "sudo culvert doctor " + name : "culvert up " + name + ", or culvertd " + name});
    return std::nullopt;
  }
}

bool is_settled(const PatientPeer& peer) {
  return peer.state_name == "up" || peer.state_name == "blocked" || !peer.problem.empty() || !peer.endpoint;
}

/// Gives every peer without a session a reason to call, and waits until each has one or a reason why not.
Patient provoke_handshakes(Patient patient, const SocketFolders& folders) {
  for (const PatientPeer& peer : patient.peers)
    if (const auto to = inner_address(peer); to && peer.state_name != "up" && peer.endpoint)
      (void)echo(patient.interface, *to, 84, 0ms);
  const auto end = std::chrono::steady_clock::now() + kHandshakeWait;
  while (!std::all_of(patient.peers.begin(), patient.peers.end(), is_settled) &&
         std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(kLookAgain);
    auto next = read_patient(read_status(folders, patient.interface));
    if (!next) break;
    patient = std::move(*next);
  }
  return patient;
}

void examine(Patient patient, const config::Config* config, const SocketFolders& folders, Diagnosis& out) {
  check_link(patient, out);
  check_firewall(patient, out);
  check_forwarding(config != nullptr && config->gateway.enabled, out);
  if (!patient.link_up) return;
  for (const PatientPeer& peer : patient.peers) {
    check_routes(patient, peer, out);
    check_endpoint(patient, peer, out);
  }
  patient = provoke_handshakes(std::move(patient), folders);
  out.insert(out.end(), patient.strangers.begin(), patient.strangers.end());
  // What keeps packets of a tunnel that is up from going through says more than that another is not up.
  std::stable_partition(patient.peers.begin(), patient.peers.end(),
                        [](const PatientPeer& peer) { return peer.state_name == "up"; });
  for (const PatientPeer& peer : patient.peers) {
    out.push_back(handshake_check(peer));
    check_data(patient, peer, out);
  }
  if (patient.lost_destination)
    out.push_back({Grade::warning, "destinations",
                   fmt::format("The last packet for which no peer was found went to {}.", *patient.lost_destination),
                   "add its network to a peer's allowed IPs, or take its route off the tunnel"});
  check_queues(patient, out);
}

}  // namespace

std::string diagnosis_text(const Diagnosis& checks, Console::Colours colours) {
  std::string text;
  for (const DoctorCheck& check : checks) {
    const bool coloured = colours == Console::Colours::ansi;
    text += fmt::format("{}{:<8}{} {}: {}\n", coloured ? colour(check.grade) : "", word(check.grade),
                        coloured ? "\x1b[0m" : "", check.topic, check.finding);
    if (!check.mend.empty()) text += fmt::format("           {}\n", check.mend);
  }
  return text;
}

std::string diagnosis_json(const std::string& interface, const Diagnosis& checks) {
  nlohmann::ordered_json json{{"interface", interface}, {"checks", nlohmann::ordered_json::array()}};
  for (const DoctorCheck& check : checks) {
    nlohmann::ordered_json entry{{"topic", check.topic}, {"grade", word(check.grade)}, {"finding", check.finding}};
    if (!check.mend.empty()) entry["mend"] = check.mend;
    json["checks"].push_back(std::move(entry));
  }
  json["failures"] = failures_in(checks);
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

void doctor(const DoctorOptions& options, const std::string& config_folder, const SocketFolders& folders,
            const Console& console) {
  require_interface_name(options.name);
  Diagnosis checks;
  const auto config = read_configuration(options.name, config_folder, checks);
  check_clock({"/proc/self/exe", config_path(options.name, config_folder), "/var/lib/culvert", "/etc/passwd"},
              unix_now(), checks);
  if (config) check_names(*config, checks);
  if (auto patient = ask_daemon(folders, options.name, checks)) {
    checks.push_back({Grade::good, "daemon", "It runs and answers.", ""});
    examine(std::move(*patient), config ? &*config : nullptr, folders, checks);
  }
  console.out(options.form == DoctorOptions::Form::json ? diagnosis_json(options.name, checks)
                                                        : diagnosis_text(checks, console.colours));
  if (const auto failed = failures_in(checks); failed != 0)
    throw Failure(ExitCode::failed,
                  fmt::format("{}; begin with the first", count_text(static_cast<std::size_t>(failed), "failure")));
}

}  // namespace culvert::cli
