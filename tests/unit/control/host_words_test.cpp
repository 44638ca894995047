// SPDX-License-Identifier: MIT
#include "host_words.hpp"

#include <doctest/doctest.h>

using namespace culvert::control;
using Verb = HostRequest::Verb;
using Outcome = HostAnswer::Outcome;

TEST_CASE("requests are the lines of the contract, and are read back as they were") {
  const std::pair<HostRequest, std::string> table[] = {
      {{Verb::status, 0}, "{\"do\":\"status\"}\n"},
      {{Verb::reload, 0}, "{\"do\":\"reload\"}\n"},
      {{Verb::reload_dry_run, 0}, "{\"do\":\"reload\",\"dry_run\":true}\n"},
      {{Verb::portal, 10}, "{\"do\":\"portal\",\"minutes\":10}\n"},
      {{Verb::portal, 0}, "{\"do\":\"portal\",\"minutes\":0}\n"},
      {{Verb::down, 0}, "{\"do\":\"down\"}\n"},
  };
  for (const auto& entry : table) {
    CHECK(to_line(entry.first) == entry.second);
    const auto read = parse_host_request(entry.second);
    REQUIRE(read);
    CHECK(*read == entry.first);
  }
  CHECK(parse_host_request("{\"do\":\"reload\",\"dry_run\":false}")->verb == Verb::reload);
}

TEST_CASE("a request that asks for something unknown is refused as a whole") {
  for (const char* line :
       {"", "\n", "down", "[]", "{", "{}", "{\"do\":7}", "{\"do\":\"up\"}", "{\"do\":\"down\",\"now\":true}",
        "{\"do\":\"reload\",\"dry_run\":1}", "{\"do\":\"reload\",\"minutes\":1}", "{\"do\":\"portal\"}",
        "{\"do\":\"portal\",\"minutes\":61}", "{\"do\":\"portal\",\"minutes\":-1}",
        "{\"do\":\"portal\",\"minutes\":\"5\"}", "{\"do\":\"status\"}{\"do\":\"down\"}"}) {
    const auto read = parse_host_request(line);
    CHECK_MESSAGE(!read, line);
  }
}

TEST_CASE("answers are read back as they were") {
  HostAnswer done;
  done.lines = {"peer alice: added", "mtu: 1420 -> 1400"};
  HostAnswer invalid;
  invalid.outcome = Outcome::invalid;
  invalid.error = "2 errors in /etc/culvert/wg0.toml; nothing was changed";
  invalid.lines = {"/etc/culvert/wg0.toml:7:15: error: interface.listen_port = 70000: not a port from 0 to 65535"};
  HostAnswer failed;
  failed.outcome = Outcome::failed;
  failed.error = "the route to 10.0.0.0/8 cannot be set";
  HostAnswer status;
  status.status = "{\"portal\":false}";
  for (const HostAnswer* answer : {&done, &invalid, &failed, &status}) {
    const auto read = parse_host_answer(to_line(*answer));
    REQUIRE(read);
    CHECK(*read == *answer);
  }
  CHECK(to_line(HostAnswer{}) == "{\"ok\":true,\"lines\":[]}\n");
}

TEST_CASE("an answer from a later version is understood as far as it goes") {
  const auto read = parse_host_answer("{\"ok\":false,\"exit\":9,\"error\":\"no\",\"lines\":[1,\"two\"],\"more\":{}}");
  REQUIRE(read);
  CHECK(read->outcome == Outcome::failed);
  CHECK(read->lines == std::vector<std::string>{"two"});
  for (const char* line : {"", "{}", "{\"ok\":1}", "ok"}) CHECK_FALSE(parse_host_answer(line));
}

TEST_CASE("the socket stands beside the status") { CHECK(host_socket_path("wg0") == "/var/run/culvert/wg0.host"); }
