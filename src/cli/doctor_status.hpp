// SPDX-License-Identifier: MIT
// What the doctor reads out of the daemon's status document (control/status_format.hpp). Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <culvert/address.hpp>

#include "doctor_report.hpp"

namespace culvert::cli {

struct PatientPeer {
  std::string key;    // base64
  std::string title;  // the name, or the key's first characters
  std::optional<Endpoint> endpoint;
  std::vector<Prefix> allowed_ips;
  std::string state_name, state;                                   // "blocked", "blocked: ..."
  std::string problem, problem_text, advice, told_by;              // of what keeps it down; empty: nothing known
  std::string last_problem, last_text, last_advice, last_address;  // of any kind
  std::int64_t last_seconds_ago = 0;
  bool keeps_alive = false;  // a persistent keepalive is set here
  bool has_handshake = false;
};

struct Patient {
  std::string interface;
  bool link_up = false;
  bool has_key = true;
  std::uint16_t port = 0;
  std::uint32_t fwmark = 0;
  std::vector<PatientPeer> peers;
  std::vector<DoctorCheck> strangers;  // who knocked and was not let in
  std::string offloads;                // in words
  std::uint64_t fallbacks = 0;         // times that the kernel refused an offload
  std::uint64_t inside_queue_drops = 0, outside_queue_drops = 0;
  std::uint64_t flooders = 0;                   // senders of handshake messages that the kernel holds back
  std::optional<std::string> lost_destination;  // the last for which there was no peer
};

/// nullopt: the text is no status document.
[[nodiscard]] std::optional<Patient> read_patient(const std::string& status);

/// What a peer's state says of its handshake.
[[nodiscard]] DoctorCheck handshake_check(const PatientPeer& peer);

}  // namespace culvert::cli
