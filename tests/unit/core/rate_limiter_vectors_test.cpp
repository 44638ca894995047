// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <vectors.hpp>

#include "rate_limiter.hpp"

using namespace culvert;

TEST_CASE("ratelimiter.json, for sources side by side") {
  const nlohmann::json file = test::vectors("wireguard/ratelimiter.json");
  const IpAddress sources[] = {{.family = Family::v4, .octets = {192, 0, 2, 1}},
                               {.family = Family::v4, .octets = {192, 0, 2, 2}},
                               {.family = Family::v6, .octets = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 1}},
                               {.family = Family::v6, .octets = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 2}}};
  RateLimiter limiter(Octets<16>{7});
  Instant now{std::chrono::hours(1)};
  for (const auto& step : file.at("steps_per_source")) {
    now += std::chrono::milliseconds(step.at("wait_ms_before").get<int>());
    for (const IpAddress& source : sources) CHECK(limiter.allow(now, source) == step.at("accept").get<bool>());
  }
  CHECK(file.at("steps_per_source").size() == 11);
}
