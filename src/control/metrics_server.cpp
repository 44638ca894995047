// SPDX-License-Identifier: MIT
#include "metrics_server.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
#include <deque>
#include <optional>

#include "listener.hpp"

namespace culvert::control {
namespace {

using Clock = asio::steady_timer::clock_type;
using Descriptor = asio::posix::stream_descriptor;

constexpr std::chrono::seconds kTimeout{5};
constexpr std::chrono::seconds kPageLives{1};

std::string_view reason(int status) noexcept {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    default:
      return "Request Header Fields Too Large";
  }
}

std::string respond(const HttpAnswer& answer, std::string_view page) {
  const std::string text = fmt::format("{} {}\n", answer.status, reason(answer.status));
  const std::string_view body = answer.status == 200 ? page : std::string_view(text);
  std::string response = fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\n"
      "Connection: close\r\n{}\r\n",
      answer.status, reason(answer.status), body.size(), answer.status == 405 ? "Allow: GET, HEAD\r\n" : "");
  if (answer.body != HttpAnswer::Body::none) response += body;
  return response;
}

/// Where the head ends, one past its empty line; npos: not yet.
std::size_t end_of_head(std::string_view octets) noexcept {
  const std::size_t strict = octets.find("\r\n\r\n");
  return strict == std::string_view::npos ? strict : strict + 4;
}

}  // namespace

HttpAnswer judge_request(std::string_view head) noexcept {
  const std::string_view line = head.substr(0, head.find("\r\n"));
  const std::size_t first = line.find(' ');
  const std::size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos) return {400, HttpAnswer::Body::text};
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, second - first - 1);
  const std::string_view version = line.substr(second + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return {400, HttpAnswer::Body::text};
  const HttpAnswer::Body body = method == "HEAD" ? HttpAnswer::Body::none : HttpAnswer::Body::page;
  if (method != "GET" && method != "HEAD") return {405, HttpAnswer::Body::text};
  if (target.substr(0, target.find('?')) != "/metrics") return {404, body};
  return {200, body};
}

struct MetricsServer::State : std::enable_shared_from_this<State> {
  struct Connection {
    Connection(asio::io_context& context, Visitor visitor)
        : place(std::move(visitor.place)), stream(context, visitor.fd.release()), deadline(context) {}
    std::shared_ptr<void> place;
    Descriptor stream;
    asio::steady_timer deadline;
    std::string head, response;
    std::array<char, 2048> part;

    void close() {
      asio::error_code ignored;
      deadline.cancel();
      stream.close(ignored);
      place.reset();
    }
  };
  using Held = std::shared_ptr<Connection>;

  State(asio::io_context& in, io::UniqueFd fd, std::function<std::string()> made)
      : context(in),
        listening(std::move(fd)),
        make(std::move(made)),
        listener(in, listening.get(), {.places = kMaxConnections, .make_room = [this] { drop_oldest(); }},
                 [this](Visitor visitor) { let_in(std::move(visitor)); }) {}

  void drop_oldest() {
    if (connections.empty()) return;
    connections.front()->close();
    connections.pop_front();
  }

  void let_in(Visitor visitor) {
    std::erase_if(connections, [](const Held& held) { return !held->stream.is_open(); });
    auto connection = std::make_shared<Connection>(context, std::move(visitor));
    connections.push_back(connection);
    connection->deadline.expires_after(kTimeout);
    connection->deadline.async_wait([connection](const asio::error_code& cancelled) {
      if (!cancelled) connection->close();
    });
    read(connection);
  }

  void read(const Held& connection) {
    connection->stream.async_read_some(
        asio::buffer(connection->part),
        [self = shared_from_this(), connection](const asio::error_code& error, std::size_t octets) {
          if (error || !self->open) return self->end(connection);
          connection->head.append(connection->part.data(), octets);
          const std::size_t end = end_of_head(connection->head);
          if (end == std::string::npos && connection->head.size() <= kMaxHead) return self->read(connection);
          const bool whole = end <= kMaxHead;  // which npos is not
          self->answer(connection, whole ? judge_request(connection->head) : HttpAnswer{431, HttpAnswer::Body::text});
        });
  }

  void answer(const Held& connection, const HttpAnswer& verdict) {
    connection->response = respond(verdict, verdict.status == 200 ? page() : std::string());
    asio::async_write(connection->stream, asio::buffer(connection->response),
                      [self = shared_from_this(), connection](const asio::error_code&, std::size_t) {
                        // What the client has sent beyond its request would turn our end into a reset.
                        ::shutdown(connection->stream.native_handle(), SHUT_WR);
                        self->end(connection);
                      });
  }

  void end(const Held& connection) {
    connection->close();
    std::erase(connections, connection);
  }

  const std::string& page() {
    const auto now = Clock::now();
    if (!made_at || now - *made_at >= kPageLives) {
      last_page = make();
      made_at = now;
    }
    return last_page;
  }

  void close() {
    open = false;
    listener.close();
    for (const Held& connection : connections) connection->close();
    connections.clear();
  }

  asio::io_context& context;
  io::UniqueFd listening;
  std::function<std::string()> make;
  std::deque<Held> connections;
  std::string last_page;
  std::optional<Clock::time_point> made_at;
  bool open = true;
  Listener listener;
};

MetricsServer::MetricsServer(asio::io_context& context, io::UniqueFd listening, std::function<std::string()> page)
    : state_(std::make_shared<State>(context, std::move(listening), std::move(page))) {}

MetricsServer::~MetricsServer() { state_->close(); }

}  // namespace culvert::control
