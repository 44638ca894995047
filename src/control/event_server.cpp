// SPDX-License-Identifier: MIT
// A reader has two buffers: what is on its way into its socket, and what waits behind it. Nothing is copied for readers
// that are not there, and no event waits for a reader.
#include "event_server.hpp"

#include <sys/socket.h>

#include <array>
#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/write.hpp>
#include <unordered_map>
#include <vector>

namespace culvert::control {
namespace {

constexpr std::string_view kCut =
    "{\"event\":\"cut\",\"text\":\"This reader left 64 KiB unread; connect again and read faster.\"}\n";

class Reader : public std::enable_shared_from_this<Reader> {
 public:
  Reader(asio::io_context& context, Visitor visitor) : place_(std::move(visitor.place)), socket_(context) {
    asio::error_code error;
    socket_.assign({}, visitor.fd.get(), error);
    if (!error) (void)visitor.fd.release();
  }

  [[nodiscard]] bool is_open() const noexcept { return socket_.is_open(); }
  void close() noexcept {
    asio::error_code ignored;
    socket_.close(ignored);
    place_.reset();
  }

  /// Whatever a reader sends is none of our business, but its end is.
  void watch_end() {
    socket_.async_wait(
        asio::local::stream_protocol::socket::wait_read, [self = shared_from_this()](const asio::error_code& error) {
          if (error || !self->is_open()) return;
          std::array<char, 256> ignored;
          const ssize_t got = ::recv(self->socket_.native_handle(), ignored.data(), ignored.size(), MSG_DONTWAIT);
          if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return self->close();
          self->watch_end();
        });
  }

  void add(std::string_view line) {
    if (cut_) return;
    if (waiting_.size() + line.size() > EventServer::kMaxUnread) {
      cut_ = true;
      line = kCut;
    }
    waiting_ += line;
    if (leaving_.empty()) write();
  }

 private:
  void write() {
    std::swap(leaving_, waiting_);
    asio::async_write(socket_, asio::buffer(leaving_),
                      [self = shared_from_this()](const asio::error_code& error, std::size_t) {
                        self->leaving_.clear();
                        if (error || (self->cut_ && self->waiting_.empty())) return self->close();
                        if (!self->waiting_.empty()) self->write();
                      });
  }

  std::shared_ptr<void> place_;
  asio::local::stream_protocol::socket socket_;
  std::string leaving_, waiting_;
  bool cut_ = false;
};

/// How often one reason has been told in this second, and left out since.
struct Window {
  Instant start{};
  std::uint32_t told = 0;
  std::uint64_t left_out = 0;
};

/// How often each peer's moves have been told in this second, and left out since, of all peers together.
struct MovesWindow {
  Instant start{};
  std::unordered_map<std::uint32_t, std::uint32_t> told;  // by slot
  std::uint64_t left_out = 0;
};

}  // namespace

std::string events_socket_path(std::string_view interface) {
  return "/var/run/culvert/" + std::string(interface) + ".events";
}

struct EventServer::State {
  State(asio::io_context& in, UapiSocket listening, std::string name, Callers callers)
      : context(in),
        socket(std::move(listening)),
        interface(std::move(name)),
        listener(in, socket.fd(), {.places = kMaxReaders, .callers = std::move(callers)},
                 [this](Visitor visitor) { let_in(std::move(visitor)); }) {}

  void let_in(Visitor visitor) {
    std::erase_if(readers, [](const auto& reader) { return !reader->is_open(); });
    auto reader = std::make_shared<Reader>(context, std::move(visitor));
    if (!reader->is_open()) return;
    readers.push_back(reader);
    reader->add("{\"interface\":\"" + interface + "\",\"event\":\"begin\"}\n");
    reader->watch_end();
  }

  void publish(std::string_view line) {
    std::erase_if(readers, [](const auto& reader) { return !reader->is_open(); });
    for (const auto& reader : readers) reader->add(line);
  }

  /// Whether an event for this reason may be told now.
  bool admit(Now now, Drop reason) {
    Window& window = windows[static_cast<std::size_t>(reason)];
    if (now.mono - window.start >= std::chrono::seconds(1)) {
      window.start = now.mono;
      window.told = 0;
    }
    if (window.told == kStrangersLines) {
      ++window.left_out;
      return false;
    }
    ++window.told;
    tell_left_out(now, window.left_out, "reason " + std::string(name(reason)));
    return true;
  }

  /// Whether this move of a peer may be told now. No peer's moves keep those of another from being told.
  bool admit_move(Now now, PeerId peer) {
    if (now.mono - moves.start >= std::chrono::seconds(1)) {
      moves.start = now.mono;
      moves.told.clear();
    }
    std::uint32_t& told = moves.told[peer.slot];
    if (told == kStrangersLines) {
      ++moves.left_out;
      return false;
    }
    ++told;
    tell_left_out(now, moves.left_out, "kind endpoint_moved");
    return true;
  }

  void tell_left_out(Now now, std::uint64_t& left_out, const std::string& which) {
    if (left_out == 0) return;
    publish(format_event(interface, now.wall, "left_out",
                         std::to_string(std::exchange(left_out, 0)) + " events of " + which));
  }

  void close() noexcept {
    listener.close();
    for (const auto& reader : readers) reader->close();
    readers.clear();
    socket.close();
  }

  asio::io_context& context;
  UapiSocket socket;
  std::string interface;
  std::vector<std::shared_ptr<Reader>> readers;
  std::array<Window, kDropCount> windows{};
  MovesWindow moves;
  Listener listener;
};

EventServer::EventServer(asio::io_context& context, UapiSocket socket, std::string interface, Callers callers)
    : state_(std::make_unique<State>(context, std::move(socket), std::move(interface), std::move(callers))) {}

EventServer::~EventServer() { state_->close(); }

void EventServer::tell(Now now, const Event& event, const Peer* peer) {
  if (state_->readers.empty()) return;
  if (event.drop && !state_->admit(now, *event.drop)) return;
  const bool moved = event.kind == Event::Kind::endpoint_moved && event.peer;
  if (moved && !state_->admit_move(now, *event.peer)) return;
  if (const auto line = format_event(state_->interface, now.wall, event, peer)) state_->publish(*line);
}

void EventServer::tell(Now now, const engine::Notice& notice) {
  if (const auto line = format_event(state_->interface, now.wall, notice)) state_->publish(*line);
}

void EventServer::tell(Now now, const ReloadNews& news) {
  state_->publish(format_event(state_->interface, now.wall, news));
}

void EventServer::tell(Now now, std::string_view event, std::string_view detail) {
  state_->publish(format_event(state_->interface, now.wall, event, detail));
}

void EventServer::rename(std::string_view interface) { state_->interface = interface; }

}  // namespace culvert::control
