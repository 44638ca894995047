// SPDX-License-Identifier: MIT
#include "status_server.hpp"

#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
#include <optional>

#include "acceptor.hpp"

namespace culvert::control {
namespace {

constexpr std::size_t kMaxConnections = 16;
constexpr std::chrono::seconds kTimeout{5};

}  // namespace

std::string status_socket_path(std::string_view interface) {
  return "/var/run/culvert/" + std::string(interface) + ".sock";
}

struct StatusServer::State : std::enable_shared_from_this<State> {
  struct Connection {
    explicit Connection(asio::io_context& context) : socket(context), deadline(context) {}
    asio::local::stream_protocol::socket socket;
    asio::steady_timer deadline;
    std::string document;
  };

  State(asio::io_context& in, UapiSocket listening, std::function<std::string()> made)
      : context(in), socket(std::move(listening)), document(std::move(made)) {}

  void listen() {
    acceptor.emplace(context, socket.fd(), [this](io::UniqueFd fd) { serve(std::move(fd)); });
  }

  void serve(io::UniqueFd fd) {
    if (connections >= kMaxConnections) return;
    auto connection = std::make_shared<Connection>(context);
    asio::error_code error;
    connection->socket.assign({}, fd.get(), error);
    if (error) return;
    (void)fd.release();
    connection->document = document();
    ++connections;
    connection->deadline.expires_after(kTimeout);
    connection->deadline.async_wait([connection](const asio::error_code& expired) {
      asio::error_code ignored;
      if (!expired) connection->socket.close(ignored);
    });
    asio::async_write(connection->socket, asio::buffer(connection->document),
                      [self = shared_from_this(), connection](const asio::error_code&, std::size_t) {
                        connection->deadline.cancel();
                        --self->connections;
                      });
  }

  void close() noexcept {
    acceptor.reset();
    socket.close();
  }

  asio::io_context& context;
  UapiSocket socket;
  std::optional<Acceptor> acceptor;
  std::function<std::string()> document;
  std::size_t connections = 0;
};

StatusServer::StatusServer(asio::io_context& context, UapiSocket socket, std::function<std::string()> document)
    : state_(std::make_shared<State>(context, std::move(socket), std::move(document))) {
  state_->listen();
}

StatusServer::~StatusServer() { state_->close(); }

}  // namespace culvert::control
