// SPDX-License-Identifier: MIT
// What any client sends to the port of the metrics: the page is for those who ask for it, and a HEAD gets no body.
#include "metrics_server.hpp"

#include "support/input.hpp"

using namespace culvert;
using namespace culvert::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using Body = control::HttpAnswer::Body;
  const std::string_view head(reinterpret_cast<const char*>(data), size);
  const auto [status, body] = control::judge_request(head);
  const bool get = head.starts_with("GET "), only_head = head.starts_with("HEAD ");
  require(status == 200 || status == 400 || status == 404 || status == 405, "a status that we know");
  require(status != 200 || head.starts_with("GET /metrics") || head.starts_with("HEAD /metrics"),
          "nothing else is served");
  require(status != 405 || !(get || only_head), "both methods are served");
  if (only_head && status != 400) require(body == Body::none, "a HEAD gets no body");
  if (status == 400 || status == 405) require(body == Body::text, "an error says so");
  return 0;
}
