// SPDX-License-Identifier: MIT
#include "doctor_status.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace culvert::cli;
using Grade = DoctorCheck::Grade;

namespace {

constexpr const char* kStatus = R"({
  "interface": "wg0", "link": "up", "publicKey": "IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI=", "listenPort": 51820, "fwmark": 7,
  "offloads": {"inside": "tcp,udp", "segmentation": true, "receiveCoalescing": false}, "interfaceDrops": 3,
  "control": {"thinnedSenders": 4},
  "lanes": [{"inside": {"coalescingFallbacks": 1}, "outside": {"kernelDrops": 5, "segmentationFallbacks": 2}}],
  "strangers": {
    "networks": [{"network": "192.0.2.0/24", "lastFrom": "192.0.2.7:1", "reasons": {"bad_mac1": 2}},
                 {"network": "198.51.100.0/24", "lastFrom": "198.51.100.1:2", "reasons": {"not_wireguard": 9}}],
    "keys": [{"publicKey": "REREREREREREREREREREREREREREREREREREREREREQ=", "lastFrom": "192.0.2.8:3"}]},
  "lastDrops": {"no_peer_for_destination": {"address": "10.7.7.7"}},
  "peers": {
    "zzz": {"state": "up", "stateName": "up", "allowedIps": ["10.0.0.2/32"], "endpoint": "192.0.2.1:51820"},
    "aaa": {"state": "blocked: x", "stateName": "blocked", "allowedIps": [],
            "cause": {"name": "unreachable", "text": "A router says no.", "advice": "Do this.", "address": "192.0.2.254"}}
  }
})";

}  // namespace

TEST_CASE("the status is read whole, its peers in their order") {
  const auto patient = read_patient(kStatus);
  REQUIRE(patient);
  CHECK(patient->interface == "wg0");
  CHECK(patient->link_up);
  CHECK(patient->has_key);
  CHECK(patient->port == 51820);
  CHECK(patient->fwmark == 7);
  CHECK(patient->fallbacks == 3);
  CHECK(patient->inside_queue_drops == 3);
  CHECK(patient->outside_queue_drops == 5);
  CHECK(patient->flooders == 4);
  CHECK(patient->lost_destination == "10.7.7.7");
  REQUIRE(patient->peers.size() == 2);
  CHECK(patient->peers[0].key == "zzz");
  CHECK(patient->peers[0].allowed_ips.size() == 1);
  CHECK(patient->peers[1].problem == "unreachable");
}

TEST_CASE("a lost destination that is no address is none") {
  for (const char* text : {"", "?"}) {
    nlohmann::json status = nlohmann::json::parse(kStatus);
    status["lastDrops"]["no_peer_for_destination"]["address"] = text;
    CAPTURE(text);
    CHECK(!read_patient(status.dump())->lost_destination);
  }
}

TEST_CASE("strangers with a wrong key for us, or an unknown key, are failures; noise on the port is none") {
  const auto patient = read_patient(kStatus);
  REQUIRE(patient);
  REQUIRE(patient->strangers.size() == 2);
  CHECK(patient->strangers[0].mend.find("wg set wg0 peer REREREREREREREREREREREREREREREREREREREREREQ=") !=
        std::string::npos);
  CHECK(patient->strangers[1].finding.find("192.0.2.7:1") != std::string::npos);
}

TEST_CASE("a handshake is judged by what the daemon knows of it") {
  const auto patient = read_patient(kStatus);
  REQUIRE(patient);
  CHECK(handshake_check(patient->peers[0]).grade == Grade::good);
  const DoctorCheck blocked = handshake_check(patient->peers[1]);
  CHECK(blocked.grade == Grade::failure);
  CHECK(blocked.finding == "A router says no. (Told by 192.0.2.254.)");
  CHECK(blocked.mend == "Do this.");
  CHECK(handshake_check(PatientPeer{}).grade == Grade::note);
}

TEST_CASE("members of another kind than ours are passed over, and a title is cut between characters") {
  const auto patient = read_patient(
      R"({"offloads": 7, "lanes": {"outside": []}, "strangers": {"keys": [1]}, "lastDrops": "x",
          "peers": {"ééééé": {"cause": [], "lastProblem": 1, "allowedIps": 2}}})");
  REQUIRE(patient);
  CHECK(patient->offloads == "inside , segmentation off, coalescing off");
  REQUIRE(patient->peers.size() == 1);
  CHECK(patient->peers[0].title == "éééé…");
  CHECK(read_patient(R"({"offloads": {"segmentation": "yes"}})"));
}

TEST_CASE("an interface without a key is known, and what is no status is refused") {
  const auto patient = read_patient(R"({"interface": "wg0"})");
  REQUIRE(patient);
  CHECK_FALSE(patient->has_key);
  CHECK_FALSE(read_patient("no json"));
  CHECK_FALSE(read_patient("[]"));
}
