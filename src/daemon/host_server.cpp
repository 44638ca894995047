// SPDX-License-Identifier: MIT
#include "host_server.hpp"

#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/read_until.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>

#include "listener.hpp"

namespace culvert::daemon {
namespace {

using control::HostAnswer;

constexpr std::size_t kMaxClients = 8;
constexpr std::chrono::seconds kTimeout{5};

}  // namespace

struct HostServer::State : std::enable_shared_from_this<State> {
  struct Client {
    Client(asio::io_context& context, std::shared_ptr<void> taken)
        : place(std::move(taken)), socket(context), deadline(context) {}
    std::shared_ptr<void> place;
    asio::local::stream_protocol::socket socket;
    asio::steady_timer deadline;
    std::string line;    // what was asked
    std::string answer;  // what goes back
  };
  using Held = std::shared_ptr<Client>;

  State(asio::io_context& in, const control::UapiSocket& socket, Handler called)
      : context(in),
        handler(std::move(called)),
        listener(in, socket.fd(), {.places = kMaxClients, .callers = control::root_and_own_user()},
                 [this](control::Visitor visitor) { let_in(std::move(visitor)); }) {}

  void let_in(control::Visitor visitor) {
    auto client = std::make_shared<Client>(context, std::move(visitor.place));
    asio::error_code error;
    client->socket.assign({}, visitor.fd.get(), error);
    if (error) return;
    (void)visitor.fd.release();
    limit(client);
    asio::async_read_until(client->socket, asio::dynamic_buffer(client->line, control::kMostHostRequestOctets), '\n',
                           [self = shared_from_this(), client](const asio::error_code& failed, std::size_t) {
                             if (failed || !self->open) return self->finish(client);
                             client->deadline.cancel();
                             self->ask(client);
                           });
  }

  void ask(const Held& client) {
    const Reply reply = [self = shared_from_this(), client](const HostAnswer& answer) { self->answer(client, answer); };
    auto request = control::parse_host_request(client->line.substr(0, client->line.find('\n')));
    if (request) return handler(*request, reply);
    reply({.outcome = HostAnswer::Outcome::failed, .error = request.error(), .lines = {}, .status = {}});
  }

  void answer(const Held& client, const HostAnswer& answer) {
    if (!client->socket.is_open() || !client->answer.empty()) return;
    client->answer = control::to_line(answer);
    limit(client);
    asio::async_write(
        client->socket, asio::buffer(client->answer),
        [self = shared_from_this(), client](const asio::error_code&, std::size_t) { self->finish(client); });
  }

  void limit(const Held& client) const {
    client->deadline.expires_after(kTimeout);
    client->deadline.async_wait([client](const asio::error_code& cancelled) {
      asio::error_code ignored;
      if (!cancelled) client->socket.close(ignored);
    });
  }

  static void finish(const Held& client) {
    client->deadline.cancel();
    asio::error_code ignored;
    client->socket.close(ignored);
    client->place.reset();
  }

  void close() noexcept {
    open = false;
    listener.close();
  }

  asio::io_context& context;
  Handler handler;
  bool open = true;
  control::Listener listener;
};

HostServer::HostServer(asio::io_context& context, const control::UapiSocket& socket, Handler handler)
    : state_(std::make_shared<State>(context, socket, std::move(handler))) {}

HostServer::~HostServer() { state_->close(); }

std::size_t HostServer::busy() const noexcept { return state_->listener.places_taken(); }

}  // namespace culvert::daemon
