// SPDX-License-Identifier: MIT
// The same document as the doctor reads it: whatever it is, what the doctor would say drives no terminal.
#include "doctor_status.hpp"

#include <culvert/printable.hpp>

#include "support/input.hpp"

using namespace culvert;
using namespace culvert::cli;
using culvert::fuzz::require;

namespace {

void check(const std::string& text) { require(printable(text) == text, "what is said drives no terminal"); }

void check(const DoctorCheck& said) {
  check(said.topic);
  check(said.finding);
  check(said.mend);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto patient = read_patient({data, data + size});
  if (!patient) return 0;
  check(patient->interface);
  check(patient->offloads);
  check(patient->lost_destination.value_or(""));
  for (const DoctorCheck& stranger : patient->strangers) check(stranger);
  for (const PatientPeer& peer : patient->peers) {
    for (const std::string& text : {peer.key, peer.title, peer.state_name, peer.state, peer.last_problem,
                                    peer.last_text, peer.last_advice, peer.last_address})
      check(text);
    require(!peer.title.empty(), "a peer is called something");
    check(handshake_check(peer));
  }
  return 0;
}
