// SPDX-License-Identifier: MIT
// A client is a reader, one piece of input and one reply, and does one of three things at a time: it waits for octets,
// works, or waits until its reply fits into the socket. While a reply waits nothing more is read, so what a client can
// make us keep is bounded by one operation and one reply.
//
// Order: Client (one connection, from `start` to `close`), State (accepting, making room), UapiServer.
//
// Nobody can hold a place: an operation has to arrive, and a reply to make progress, within the timeout; and when all
// places are taken a new client takes that of the longest idle one, or else of the longest stuck one. Clients that are
// younger than a moment are spared, since they may be about to speak; the new one waits that long in the kernel's
// queue.
#include "uapi_server.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <cerrno>
#include <new>
#include <system_error>
#include <vector>

#include "listener.hpp"
#include "uapi_format.hpp"

namespace culvert::control {
namespace {

using Clock = asio::steady_timer::clock_type;
using Descriptor = asio::posix::stream_descriptor;

constexpr std::size_t kInputOctets = 32UL << 10;
constexpr int kReadsAtOnce = 8;    // then others have their turn
constexpr int kAcceptsAtOnce = 8;  // likewise
constexpr auto kIdleGrace = std::chrono::milliseconds(5);
constexpr auto kStuckGrace = std::chrono::milliseconds(500);
constexpr auto kNoDescriptorPause = std::chrono::milliseconds(200);

bool has_unread_octets(int fd) noexcept {
  int octets = 0;
  return ::ioctl(fd, FIONREAD, &octets) == 0 && octets > 0;
}

bool is_ready_to_accept(int fd) noexcept {
  pollfd poll{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&poll, 1, 0) == 1;
}

class Client;

/// What a client needs of its server.
struct Host {
  asio::io_context& context;
  DeviceControl& device;
  UapiEvents events;
  UapiServerOptions options;
  std::vector<std::shared_ptr<Client>> clients;

  void report(std::string_view text) const {
    if (events.trouble) events.trouble(text);
  }
};

class Client : public std::enable_shared_from_this<Client> {
 public:
  enum class Patience : std::uint8_t { bounded, endless };

  Client(Host& host, io::UniqueFd fd, Patience patience)
      : host_(host),
        patience_(patience),
        fd_(host.context),
        deadline_(host.context),
        reader_(host.options.limits, host.options.scope_lookup) {
    asio::error_code ignored;
    fd_.assign(fd.get(), ignored);
    if (fd_.is_open()) static_cast<void>(fd.release());
    input_.resize(kInputOctets);
  }

  [[nodiscard]] bool is_open() const noexcept { return fd_.is_open(); }
  [[nodiscard]] Clock::time_point since() const noexcept { return since_; }
  /// Waits for a first octet that is not there yet.
  [[nodiscard]] bool is_idle() { return !writing_ && reader_.idle() && !has_unread_octets(fd_.native_handle()); }
  /// Waits in the middle of something for an octet that is not there yet.
  [[nodiscard]] bool is_stuck() { return writing_ || !has_unread_octets(fd_.native_handle()); }

  void start() {
    renew_deadline();
    work();
  }

  void close() noexcept {
    if (!is_open()) return;
    asio::error_code ignored;
    deadline_.cancel();
    fd_.close(ignored);
    std::erase(host_.clients, shared_from_this());
  }

 private:
  void work() {
    try {
      read_and_answer();
    } catch (const std::bad_alloc&) {
      host_.report("UAPI: out of memory, client cut off");
      close();
    }
  }

  void read_and_answer() {
    for (int reads = 0; reads < kReadsAtOnce; ++reads) {
      if (feed_input()) return answer();
      const ssize_t got = ::recv(fd_.native_handle(), input_.data(), input_.size(), MSG_DONTWAIT);
      if (got > 0) {
        end_ = static_cast<std::size_t>(got);
        begin_ = 0;
      } else if (got == 0) {
        return finish();
      } else if (errno == EAGAIN) {
        return wait(Descriptor::wait_read);
      } else if (errno != EINTR) {
        return close();
      }
    }
    yield();
  }

  /// True when an operation is complete.
  bool feed_input() {
    if (begin_ == end_) return false;
    const bool was_idle = reader_.idle();
    begin_ += reader_.feed(std::span(input_).subspan(begin_, end_ - begin_));
    if (was_idle) renew_deadline();
    return reader_.ready();
  }

  /// The client has said all it will say; it may still be listening.
  void finish() {
    closing_ = true;
    if (reader_.idle()) return close();
    answer();
  }

  void answer() {
    reply_ = make_reply(reader_.take());
    sent_ = 0;
    renew_deadline();
    if (send_reply()) after_reply();
  }

  SecretText make_reply(Result<Operation, UapiError> operation) {
    if (!operation) {
      const UapiError& error = operation.error();
      host_.report("UAPI: refused: " + error.message());
      if (error.connection == UapiError::Connection::closes) closing_ = true;
      return format_errno(error.verb, error.error);
    }
    if (std::holds_alternative<GetRequest>(*operation)) return format_snapshot(host_.device.snapshot());
    const auto applied = host_.device.apply(std::get<SetRequest>(std::move(*operation)));
    if (applied) return format_errno(Verb::set, 0);
    host_.report("UAPI: refused: " + applied.error().text);
    return format_errno(Verb::set, applied.error().error);
  }

  /// True when all of it left. Otherwise it goes on later, or the connection is gone.
  bool send_reply() {
    while (sent_ < reply_.size()) {
      const ssize_t sent =
          ::send(fd_.native_handle(), reply_.data() + sent_, reply_.size() - sent_, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent >= 0) {
        sent_ += static_cast<std::size_t>(sent);
        since_ = Clock::now();
      } else if (errno == EAGAIN) {
        writing_ = true;
        wait(Descriptor::wait_write);
        return false;
      } else if (errno != EINTR) {
        close();
        return false;
      }
    }
    writing_ = false;
    return true;
  }

  void after_reply() {
    SecretText().swap(reply_);
    if (closing_) return close();
    renew_deadline();
    yield();
  }

  /// Between two operations others have their turn, however many a client sends at once.
  void yield() {
    asio::post(host_.context, [self = shared_from_this()] {
      if (self->is_open()) self->work();
    });
  }

  void wait(Descriptor::wait_type what) {
    fd_.async_wait(what, [self = shared_from_this(), what](const asio::error_code& error) {
      if (error || !self->is_open()) return;
      if (what == Descriptor::wait_read) return self->work();
      self->renew_deadline();
      if (self->send_reply()) self->after_reply();
    });
  }

  void renew_deadline() {
    since_ = Clock::now();
    if (patience_ == Patience::endless) return;
    deadline_.expires_at(since_ + host_.options.timeout);
    deadline_.async_wait([self = shared_from_this()](const asio::error_code& error) {
      if (error || !self->is_open() || self->deadline_.expiry() > Clock::now()) return;
      if (!self->reader_.idle()) self->host_.report("UAPI: client cut off: its operation did not end in time");
      if (self->writing_) self->host_.report("UAPI: client cut off: it does not read its reply");
      self->close();
    });
  }

  Host& host_;  // borrowed: until closed
  Patience patience_;
  Descriptor fd_;
  asio::steady_timer deadline_;
  Clock::time_point since_ = Clock::now();  // when it last got on
  UapiReader reader_;
  SecretText input_;  // octets begin_ to end_ are not parsed yet
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  SecretText reply_;
  std::size_t sent_ = 0;
  bool writing_ = false;  // waits until more of the reply can leave
  bool closing_ = false;  // ends after this reply
};

}  // namespace

struct UapiServer::State : Host, std::enable_shared_from_this<State> {
  State(asio::io_context& in, DeviceControl& controlled, UapiSocket listening, UapiEvents called,
        UapiServerOptions wanted)
      : Host{in, controlled, std::move(called), std::move(wanted), {}},
        socket(std::move(listening)),
        listener(in, socket.fd()),
        pause(in) {}

  void start() { accept_later(); }

  void close() noexcept {
    if (!open) return;
    open = false;
    // A client that closes takes itself out of the list.
    while (!clients.empty()) clients.back()->close();
    if (own) own->close();
    if (listener.is_open()) listener.release();  // the socket owns the descriptor
    pause.cancel();
    socket.close();
  }

  void accept_later() {
    listener.async_wait(Descriptor::wait_read, [self = shared_from_this()](const asio::error_code& error) {
      if (!error && self->open) self->accept_some();
    });
  }

  void accept_after(Clock::duration delay) {
    pause.expires_after(delay);
    pause.async_wait([self = shared_from_this()](const asio::error_code& error) {
      if (!error && self->open) self->accept_some();
    });
  }

  void accept_some() {
    for (int accepted = 0; accepted < kAcceptsAtOnce; ++accepted) {
      if (clients.size() >= options.max_clients && is_ready_to_accept(socket.fd()) && !make_room())
        return accept_after(kIdleGrace);
      io::UniqueFd fd(::accept4(socket.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (fd) {
        admit(std::move(fd));
      } else if (errno == EAGAIN) {
        break;
      } else if (errno != EINTR && errno != ECONNABORTED) {
        report(std::string("UAPI: accept: ") + std::generic_category().message(errno));
        make_room();  // out of descriptors: an idle client gives back its own
        return accept_after(kNoDescriptorPause);
      }
      if (!open) return;
    }
    accept_later();
  }

  void admit(io::UniqueFd fd) {
    const auto caller = caller_of(fd.get());
    if (!caller || !is_allowed(*caller))
      return report("UAPI: turned away a client of user " + (caller ? std::to_string(*caller) : "nobody knows"));
    auto client = std::make_shared<Client>(*this, std::move(fd), Client::Patience::bounded);
    if (!client->is_open()) return report("UAPI: no room to watch one more client");
    clients.push_back(client);
    client->start();
  }

  [[nodiscard]] bool is_allowed(uid_t uid) const noexcept {
    return std::find(options.allowed_users.begin(), options.allowed_users.end(), uid) != options.allowed_users.end();
  }

  /// Closes the client that has waited for nothing the longest, the idle before the stuck. False: all are at work, or
  /// too young to tell.
  bool make_room() {
    const auto now = Clock::now();
    std::shared_ptr<Client> idle, stuck;
    for (const auto& client : clients) {
      const bool is_idle = client->is_idle();
      if (!is_idle && !client->is_stuck()) continue;
      if (now - client->since() < (is_idle ? Clock::duration(kIdleGrace) : Clock::duration(kStuckGrace))) continue;
      auto& oldest = is_idle ? idle : stuck;
      if (!oldest || client->since() < oldest->since()) oldest = client;
    }
    const auto& victim = idle ? idle : stuck;
    if (!victim) return false;
    victim->close();
    return true;
  }

  void serve(io::UniqueFd connection) {
    if (own) own->close();
    own = std::make_shared<Client>(*this, std::move(connection), Client::Patience::endless);
    if (own->is_open()) own->start();
  }

  bool open = true;
  std::shared_ptr<Client> own;
  UapiSocket socket;
  Descriptor listener;
  asio::steady_timer pause;
};

UapiServer::UapiServer(asio::io_context& context, DeviceControl& device, UapiSocket socket, UapiEvents events,
                       UapiServerOptions options)
    : state_(std::make_shared<State>(context, device, std::move(socket), std::move(events), std::move(options))) {
  state_->start();
}

UapiServer::~UapiServer() { close(); }

void UapiServer::serve(io::UniqueFd connection) { state_->serve(std::move(connection)); }

void UapiServer::close() noexcept { state_->close(); }

std::size_t UapiServer::clients() const noexcept { return state_->clients.size(); }

}  // namespace culvert::control
