// SPDX-License-Identifier: MIT
// The doctor's checks, each of which adds its lines. They ask; they change nothing.
#pragma once

#include "doctor_visit.hpp"

namespace culvert::cli {

// doctor_file.cpp: what the file tells

/// Whether the file can be used, which of its peers are switched off or over, and whether its names resolve.
void check_configuration(const config::Config& config, std::int64_t now_unix, Diagnosis& out);
void check_names(const config::Config& config, Diagnosis& out);
void check_clock(const std::vector<std::string>& files, std::int64_t now_unix, Diagnosis& out);
/// Another program has the port that the file names. Only where no daemon runs.
void check_port(const config::Config& config, Diagnosis& out);

// doctor_host.cpp: this machine

/// The checks of this machine, its packet filter's among them, in their order.
void check_host(const Visit& visit, Diagnosis& out);

void check_link(const Visit& visit, Diagnosis& out);
void check_rules(const Visit& visit, Diagnosis& out);
void check_queues(const Patient& patient, Diagnosis& out);

// doctor_firewall.cpp: what this machine's packet filter lets through

void check_firewall(const Visit& visit, Diagnosis& out);
/// Of a gateway: whether packets of peers are forwarded and come back.
void check_gateway(const Visit& visit, Diagnosis& out);
/// The kill switch is in force.
void check_guard(const Visit& visit, Diagnosis& out);

// doctor_dns.cpp: whom the host asks for names

void check_dns(const Visit& visit, Diagnosis& out);

// doctor_peer.cpp: one peer

/// An address inside that belongs to the peer, and not to this machine; nullopt: it has none.
[[nodiscard]] std::optional<IpAddress> inner_address(const Visit& visit, const PatientPeer& peer);
void check_routes(const Visit& visit, const PatientPeer& peer, Diagnosis& out);
void check_endpoint(const Patient& patient, const PatientPeer& peer, Diagnosis& out);
void check_data(const Visit& visit, const PatientPeer& peer, Diagnosis& out);

}  // namespace culvert::cli
