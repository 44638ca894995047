// SPDX-License-Identifier: MIT
#include "doctor_glance.hpp"

#include <algorithm>

#include "doctor_checks.hpp"
#include "doctor_probe.hpp"

namespace culvert::cli {
namespace {

constexpr std::size_t kMostPeers = 8;  // whose routes are looked at: a status is shown at once

}  // namespace

std::vector<HostProblem> problems_of_host(const std::string& name, const std::string& config_folder,
                                          const SocketFolders& folders) {
  if (!read_line("/sys/class/net/" + name + "/mtu")) return {};
  Diagnosis out;
  if (const auto visit = begin_visit(name, config_folder, folders, Visit::Depth::glance, out)) {
    check_host(*visit, out);
    const auto& peers = visit->patient.peers;
    for (std::size_t i = 0; visit->patient.link_up && i < std::min(peers.size(), kMostPeers); ++i) {
      check_routes(*visit, peers[i], out);
      check_endpoint(visit->patient, peers[i], out);
    }
    check_dns(*visit, out);
  }
  std::vector<HostProblem> problems;
  for (const DoctorCheck& check : out.checks())
    if (check.grade == DoctorCheck::Grade::failure) problems.push_back({check.finding, check.mend});
  return problems;
}

}  // namespace culvert::cli
