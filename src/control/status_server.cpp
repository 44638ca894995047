// SPDX-License-Identifier: MIT
#include "status_server.hpp"

#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>

namespace culvert::control {
namespace {

constexpr std::size_t kMaxConnections = 16;
constexpr std::chrono::seconds kTimeout{5};

}  // namespace

std::string status_socket_path(std::string_view interface) {
  return "/var/run/culvert/" + std::string(interface) + ".sock";
}

struct StatusServer::State {
  struct Connection {
    Connection(asio::io_context& context, std::shared_ptr<void> taken)
        : place(std::move(taken)), socket(context), deadline(context) {}
    std::shared_ptr<void> place;
    asio::local::stream_protocol::socket socket;
    asio::steady_timer deadline;
    std::string document;
  };

  State(asio::io_context& in, UapiSocket listening, std::function<std::string()> made, Callers callers)
      : context(in),
        socket(std::move(listening)),
        document(std::move(made)),
        listener(in, socket.fd(), {.places = kMaxConnections, .callers = std::move(callers)},
                 [this](Visitor visitor) { tell(std::move(visitor)); }) {}

  /// The connection keeps itself until its document has left or its time is over.
  void tell(Visitor visitor) const {
    auto connection = std::make_shared<Connection>(context, std::move(visitor.place));
    asio::error_code error;
    connection->socket.assign({}, visitor.fd.get(), error);
    if (error) return;
    (void)visitor.fd.release();
    connection->document = document();
    connection->deadline.expires_after(kTimeout);
    connection->deadline.async_wait([connection](const asio::error_code& expired) {
      asio::error_code ignored;
      if (!expired) connection->socket.close(ignored);
    });
    asio::async_write(connection->socket, asio::buffer(connection->document),
                      [connection](const asio::error_code&, std::size_t) { connection->deadline.cancel(); });
  }

  void close() noexcept {
    listener.close();
    socket.close();
  }

  asio::io_context& context;
  UapiSocket socket;
  std::function<std::string()> document;
  Listener listener;
};

StatusServer::StatusServer(asio::io_context& context, UapiSocket socket, std::function<std::string()> document,
                           Callers callers)
    : state_(std::make_unique<State>(context, std::move(socket), std::move(document), std::move(callers))) {}

StatusServer::~StatusServer() { state_->close(); }

}  // namespace culvert::control
