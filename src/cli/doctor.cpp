// SPDX-License-Identifier: MIT
#include "doctor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <thread>

#include "doctor_checks.hpp"
#include "doctor_probe.hpp"
#include "failure.hpp"
#include "locate.hpp"
#include "units.hpp"

namespace culvert::cli {
namespace {

using namespace std::chrono_literals;
using Grade = DoctorCheck::Grade;

// A handshake is tried again after 5 s and a third: only then is it known that the first one was lost.
constexpr auto kHandshakeWait = 7s;
constexpr auto kLookAgain = 250ms;

bool is_settled(const PatientPeer& peer) {
  return peer.state_name == "up" || peer.state_name == "blocked" || !peer.problem.empty() || !peer.endpoint;
}

/// Gives every peer without a session a reason to call, and waits until each has one or a reason why not.
Patient provoke_handshakes(const Visit& visit, const SocketFolders& folders, const Diagnosis& out) {
  Patient patient = visit.patient;
  for (const PatientPeer& peer : patient.peers)
    if (const auto to = inner_address(visit, peer); to && peer.state_name != "up" && peer.endpoint)
      (void)echo(patient.interface, *to, 84, 0ms);
  const auto end = std::chrono::steady_clock::now() + kHandshakeWait;
  while (!std::all_of(patient.peers.begin(), patient.peers.end(), is_settled) &&
         std::chrono::steady_clock::now() < end) {
    out.doing("waiting for handshakes");
    std::this_thread::sleep_for(kLookAgain);
    auto next = read_patient(read_status(folders, patient.interface));
    if (!next) break;
    patient = std::move(*next);
  }
  return patient;
}

void examine_peer(const Visit& visit, const PatientPeer& peer, Diagnosis& out) {
  out.begin(peer.title);
  check_routes(visit, peer, out);
  check_endpoint(visit.patient, peer, out);
  out.add(handshake_check(peer));
  check_data(visit, peer, out);
}

void examine_peers(const Visit& visit, Diagnosis& out) {
  const auto is_up = [](const PatientPeer& peer) { return peer.state_name == "up"; };
  // What keeps packets of a tunnel that is up from going through says more than that another is not up; and who is
  // refused may be the one that another peer's owner waits for.
  for (const PatientPeer& peer : visit.patient.peers)
    if (is_up(peer)) examine_peer(visit, peer, out);
  out.begin("strangers");
  for (const DoctorCheck& stranger : visit.patient.strangers) out.add(stranger);
  for (const PatientPeer& peer : visit.patient.peers)
    if (!is_up(peer)) examine_peer(visit, peer, out);
}

void examine(Visit& visit, const SocketFolders& folders, Diagnosis& out) {
  check_host(visit, out);
  if (!visit.patient.link_up) return;
  visit.patient = provoke_handshakes(visit, folders, out);
  examine_peers(visit, out);
  out.begin("names");
  check_dns(visit, out);
  out.begin("packets");
  if (visit.patient.lost_destination)
    out.add({Grade::warning, "destinations",
             fmt::format("The last packet for which no peer was found went to {}.", *visit.patient.lost_destination),
             "add its network to a peer's allowed IPs, or take its route off the tunnel"});
  check_queues(visit.patient, out);
}

std::string name_or_only_one(const std::string& given, const SocketFolders& folders) {
  if (!given.empty()) return interface_named(given);
  std::vector<std::string> running = interfaces_with_status(folders);
  std::erase_if(running, [&](const std::string& name) { return !is_running(folders, name); });
  if (running.size() == 1) return running.front();
  throw Failure(ExitCode::usage, running.empty()
                                     ? "no tunnel is running; name the one to look at: culvert doctor NAME"
                                     : fmt::format("{} interfaces run; name the one to look at", running.size()));
}

/// Lines as they are found, for a person. What takes a while is said on a terminal, and wiped again.
Diagnosis::Listener show_on(const Console& console) {
  const bool terminal = console.output == Console::Kind::terminal;
  const auto text = std::make_shared<DoctorText>(console.colours, terminal ? console.columns : 0);
  Diagnosis::Listener listener;
  listener.found = [text, terminal, &console](const DoctorCheck& check) {
    console.out((terminal ? std::string(DoctorText::wipe()) : std::string()) + text->line(check));
  };
  if (terminal)
    listener.doing = [text, &console](std::string_view what) {
      console.out(std::string(DoctorText::wipe()) + text->doing(what));
    };
  return listener;
}

}  // namespace

void doctor(const DoctorOptions& options, const std::string& config_folder, const SocketFolders& folders,
            const Console& console) {
  const std::string name = name_or_only_one(options.name, folders);
  const bool for_person = options.form == DoctorOptions::Form::person;
  Diagnosis out(for_person ? show_on(console) : Diagnosis::Listener{});
  out.begin(name);
  if (auto visit = begin_visit(name, config_folder, folders, Visit::Depth::thorough, out))
    examine(*visit, folders, out);
  console.out(for_person ? std::string("\n") : diagnosis_json(name, out));
  if (const std::size_t failed = out.failures(); failed != 0)
    throw Failure(ExitCode::failed, fmt::format("{}; begin with the first", count_text(failed, "failure")));
  if (for_person) console.out("No failure was found.\n");
}

}  // namespace culvert::cli
