// SPDX-License-Identifier: MIT
// The doctor's checks, each of which appends its lines. They ask; they change nothing.
#pragma once

#include "config.hpp"
#include "doctor_status.hpp"

namespace culvert::cli {

using Diagnosis = std::vector<DoctorCheck>;

// doctor_host.cpp: this machine

/// Whether the file can be used, which of its peers are switched off or over, and whether its names resolve.
void check_configuration(const config::Config& config, std::int64_t now_unix, Diagnosis& out);
void check_names(const config::Config& config, Diagnosis& out);
void check_clock(const std::vector<std::string>& files, std::int64_t now_unix, Diagnosis& out);
void check_link(const Patient& patient, Diagnosis& out);
void check_firewall(const Patient& patient, Diagnosis& out);
void check_forwarding(bool is_gateway, Diagnosis& out);
void check_queues(const Patient& patient, Diagnosis& out);

// doctor_peer.cpp: one peer

/// An address inside that belongs to the peer; nullopt: it has none.
[[nodiscard]] std::optional<IpAddress> inner_address(const PatientPeer& peer);
void check_routes(const Patient& patient, const PatientPeer& peer, Diagnosis& out);
void check_endpoint(const Patient& patient, const PatientPeer& peer, Diagnosis& out);
void check_data(const Patient& patient, const PatientPeer& peer, Diagnosis& out);

}  // namespace culvert::cli
