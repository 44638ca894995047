// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "unique_fd.hpp"

namespace asio {
class io_context;
}

namespace culvert::control {

/// What an HTTP request head asks for, as far as we care: GET or HEAD of /metrics.
struct HttpAnswer {
  int status = 200;
  enum class Body : std::uint8_t { page, text, none } body = Body::page;
};
/// \param head  the request line and headers, with the empty line.
[[nodiscard]] HttpAnswer judge_request(std::string_view head) noexcept;

/// Serves one page, /metrics, over HTTP/1.1: one request a connection, whose head is at most 8 KiB and arrives within
/// 5 s. At most 16 connections; the oldest makes room for a new one. The page is made once a second at most, so that
/// nobody who may connect can keep the control thread busy. Runs on the thread of `context`, which outlives it.
class MetricsServer {
 public:
  static constexpr std::size_t kMaxConnections = 16;
  static constexpr std::size_t kMaxHead = 8 << 10;

  /// \param listening  a stream socket, of any family, that listens and does not block.
  MetricsServer(asio::io_context& context, io::UniqueFd listening, std::function<std::string()> page);
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;
  ~MetricsServer();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace culvert::control
