// SPDX-License-Identifier: MIT
// One client is served at a time. Its packets go from the lanes' rings straight into one buffer, and that is filled
// again when it has left: whatever the client does not take stays in the rings, and what finds them full is counted
// there.
#include "capture_server.hpp"

#include <sodium.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/read_until.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
#include <map>

#include "capture_words.hpp"
#include "clock.hpp"
#include "key_text.hpp"
#include "peer.hpp"

namespace culvert::control {
namespace {

constexpr std::size_t kMaxConnections = 4;  // most of whom are told that another captures
constexpr std::size_t kBatch = 256 << 10;
constexpr std::size_t kMostSecrets = 32 << 10;  // that wait for a reader
constexpr std::chrono::seconds kTimeout{5};

std::uint64_t unix_nanoseconds(Now now, Instant at) noexcept {
  const std::int64_t wall = now.wall.seconds * 1'000'000'000 + now.wall.nanoseconds;
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, wall - (now.mono - at).count()));
}

void put_line(SecretText& out, std::string_view name, std::span<const std::uint8_t, 32> key) {
  const auto text = crypto::encode_key(key);
  constexpr std::string_view kIs = " = ";
  out.insert(out.end(), name.begin(), name.end());
  out.insert(out.end(), kIs.begin(), kIs.end());
  out.insert(out.end(), text.bytes().begin(), text.bytes().end());
  out.push_back('\n');
}

struct Client {
  Client(asio::io_context& context, std::shared_ptr<void> taken)
      : place(std::move(taken)), socket(context), deadline(context) {}

  void close() {
    asio::error_code ignored;
    deadline.cancel();
    socket.close(ignored);
    place.reset();
  }
  void limit(const std::shared_ptr<Client>& self) {
    deadline.expires_after(kTimeout);
    deadline.async_wait([self](const asio::error_code& cancelled) {
      if (!cancelled) self->close();
    });
  }

  std::shared_ptr<void> place;
  asio::local::stream_protocol::socket socket;
  asio::steady_timer deadline;
  std::string line;
  SecretText out;  // on its way into the socket
};
using Held = std::shared_ptr<Client>;

}  // namespace

struct CaptureServer::State {
  State(asio::io_context& in, UapiSocket listening, std::string named, CaptureCalls called, Callers callers)
      : context(in),
        socket(std::move(listening)),
        interface(std::move(named)),
        calls(std::move(called)),
        listener(in, socket.fd(), {.places = kMaxConnections, .callers = std::move(callers)},
                 [this](Visitor visitor) { let_in(std::move(visitor)); }) {}

  void let_in(Visitor visitor) {
    auto client = std::make_shared<Client>(context, std::move(visitor.place));
    asio::error_code error;
    client->socket.assign({}, visitor.fd.get(), error);
    if (error) return;
    (void)visitor.fd.release();
    client->limit(client);
    asio::async_read_until(client->socket, asio::dynamic_buffer(client->line, kMostCaptureRequestOctets), '\n',
                           [this, client, still = std::weak_ptr(alive)](const asio::error_code& failed, std::size_t) {
                             if (failed || still.expired()) return client->close();
                             client->deadline.cancel();
                             begin(client);
                           });
  }

  void begin(const Held& client) {
    const auto request = parse_capture_request(client->line.substr(0, client->line.find('\n')));
    if (!request) return refuse(client, request.error());
    if (active) return refuse(client, "somebody else captures from " + interface + "; one can at a time");
    const bool tells = request->secrets == CaptureRequest::Secrets::told;
    if (tells && key_log == KeyLog::forbidden)
      return refuse(client, "the configuration allows no key log; write key_log = true in its section [observe]");
    engine::CaptureWish wish{
        .peers = {},
        .snap = request->snap,
        .secrets = tells ? engine::CaptureWish::Secrets::told : engine::CaptureWish::Secrets::kept};
    if (const auto unknown = find_peers(request->peers, wish.peers))
      return refuse(client, interface + " has no peer of the name or key " + *unknown);

    active = client;
    capture = &calls.start(std::move(wish));
    told_secrets = tells;
    append(client->out, piece::Begun{interface});
    if (calls.note)
      calls.note(tells ? "Inner packets are captured, and secrets of handshakes are logged with them"
                       : "Inner packets are captured");
    watch_end(client);
    write(client);
  }

  /// \returns what is none.
  std::optional<std::string> find_peers(const std::vector<std::string>& words, std::vector<PublicKey>& keys) const {
    if (words.empty()) return std::nullopt;
    const DeviceSnapshot device = calls.snapshot();
    for (const std::string& word : words) {
      const auto found = std::find_if(device.peers.begin(), device.peers.end(), [&](const PeerSnapshot& peer) {
        return peer.name == word || to_base64(peer.public_key) == word;
      });
      if (found == device.peers.end()) return word;
      keys.push_back(found->public_key);
    }
    return std::nullopt;
  }

  void refuse(const Held& client, const std::string& why) const {
    append(client->out, piece::Refused{why});
    client->limit(client);
    asio::async_write(client->socket, asio::buffer(client->out),
                      [client](const asio::error_code&, std::size_t) { client->close(); });
  }

  /// The client says nothing more but that it has enough, by closing its half; what was captured until then still
  /// comes.
  void watch_end(const Held& client) {
    client->socket.async_wait(
        asio::local::stream_protocol::socket::wait_read,
        [this, client, still = std::weak_ptr(alive)](const asio::error_code& error) {
          if (still.expired() || client != active) return;
          std::array<char, 64> ignored;
          const ssize_t got =
              error ? 0 : ::recv(client->socket.native_handle(), ignored.data(), ignored.size(), MSG_DONTWAIT);
          if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR))) return watch_end(client);
          if (error || got < 0) return end();
          left = capture->counts().taken - read;
          finishing = true;
          pump();
        });
  }

  void pump() {
    if (!active || writing) return;
    SecretText& out = active->out;
    const Now now = engine::read_now();
    if (!secrets.empty()) {
      append(out, piece::Secrets{{secrets.data(), secrets.size()}});
      sodium_memzero(secrets.data(), secrets.size());
      secrets.clear();
    }
    capture->begin_reading();
    while (out.size() < kBatch && (!finishing || left > 0)) {
      const auto packet = capture->next();
      if (!packet) break;
      ++read;
      if (finishing) --left;
      put(out, now, *packet);
    }
    const bool last = finishing && out.size() < kBatch;
    const std::uint64_t dropped = capture->counts().dropped;
    if (last || dropped != told_dropped) append(out, piece::Counts{read, dropped});
    told_dropped = dropped;
    if (last) {
      const Held client = active;
      end_capture();
      client->limit(client);
      asio::async_write(client->socket, asio::buffer(client->out),
                        [client](const asio::error_code&, std::size_t) { client->close(); });
      return;
    }
    if (!out.empty()) write(active);
  }

  void put(SecretText& out, Now now, const engine::Captured& packet) {
    const auto [known, is_new] = numbers.try_emplace(packet.peer, static_cast<std::uint32_t>(numbers.size()));
    if (is_new) {
      const Peer* const peer = calls.peer(packet.peer);  // gone: it was removed while its packets waited
      append(out, piece::Peer{.number = known->second,
                              .public_key = peer != nullptr ? peer->public_key : PublicKey{},
                              .name = peer != nullptr ? std::string_view(peer->name) : std::string_view()});
    }
    append(out, piece::Packet{.peer = known->second,
                              .way = packet.way == Way::in ? piece::Packet::Way::in : piece::Packet::Way::out,
                              .nanoseconds = unix_nanoseconds(now, packet.at),
                              .whole = packet.whole,
                              .octets = packet.octets});
  }

  void write(const Held& client) {
    writing = true;
    asio::async_write(client->socket, asio::buffer(client->out),
                      [this, client, still = std::weak_ptr(alive)](const asio::error_code& error, std::size_t) {
                        if (still.expired() || client != active) return client->close();
                        writing = false;
                        if (error) return end();
                        if (told_secrets) sodium_memzero(client->out.data(), client->out.size());
                        client->out.clear();
                        pump();
                      });
  }

  /// Of the engine's part; the client may still take what is on its way.
  void end_capture() {
    calls.end();
    capture = nullptr;
    active.reset();
    numbers.clear();
    if (!secrets.empty()) sodium_memzero(secrets.data(), secrets.size());
    secrets.clear();
    read = left = told_dropped = 0;
    writing = finishing = told_secrets = false;
    if (calls.note) calls.note("Inner packets are no longer captured");
  }

  void end() {
    if (!active) return;
    const Held client = active;
    end_capture();
    client->close();
  }

  asio::io_context& context;
  UapiSocket socket;
  std::string interface;
  CaptureCalls calls;
  KeyLog key_log = KeyLog::forbidden;

  // The capture that is on.
  Held active;
  engine::Capture* capture = nullptr;  // borrowed: until `end_capture`
  std::map<PeerId, std::uint32_t> numbers;
  SecretText secrets;      // that wait to be told
  std::uint64_t read = 0;  // packets
  std::uint64_t left = 0;  // packets to read before the end
  std::uint64_t told_dropped = 0;
  bool writing = false, finishing = false, told_secrets = false;

  std::shared_ptr<bool> alive = std::make_shared<bool>(true);
  Listener listener;
};

CaptureServer::CaptureServer(asio::io_context& context, UapiSocket socket, std::string interface, CaptureCalls calls,
                             Callers callers)
    : state_(std::make_unique<State>(context, std::move(socket), std::move(interface), std::move(calls),
                                     std::move(callers))) {}

CaptureServer::~CaptureServer() {
  state_->listener.close();
  state_->calls.note = nullptr;
  state_->end();
}

void CaptureServer::set_key_log(KeyLog key_log) {
  state_->key_log = key_log;
  if (key_log == KeyLog::forbidden && state_->told_secrets) state_->end();
}

void CaptureServer::captured() { state_->pump(); }

void CaptureServer::tell(const engine::HandshakeSecrets& secrets) {
  State& s = *state_;
  if (!s.active || !s.told_secrets) return;
  // A log with a gap would look like a tunnel that cannot be opened.
  if (s.secrets.size() > kMostSecrets) return s.end();
  put_line(s.secrets, "REMOTE_STATIC_PUBLIC_KEY", secrets.peer.public_key.bytes());
  put_line(s.secrets, "LOCAL_EPHEMERAL_PRIVATE_KEY", secrets.ephemeral.secret.bytes());
  // It belongs to the ephemeral key above it.
  if (!secrets.peer.preshared_key.secret.is_zero())
    put_line(s.secrets, "PRESHARED_KEY", secrets.peer.preshared_key.secret.bytes());
  s.pump();
}

void CaptureServer::rename(std::string_view interface) { state_->interface = interface; }

}  // namespace culvert::control
