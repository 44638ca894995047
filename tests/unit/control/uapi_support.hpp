// SPDX-License-Identifier: MIT
// A device that exists in memory only, and a client that never blocks, for tests over real sockets.
#pragma once

#include <sodium.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>

#include "device_control.hpp"
#include "unique_fd.hpp"

namespace culvert::control::test {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "culvert-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = name;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

/// Keeps what it is told, by the rules of the protocol's table.
class ModelDevice : public DeviceControl {
 public:
  Result<void, ControlError> apply(SetRequest&& request) override {
    ++applied;
    if (refuse_with != 0) return Err{ControlError{refuse_with, "refused by the test"}};
    if (request.private_key) private_key_ = std::move(*request.private_key);
    if (request.listen_port) listen_port_ = *request.listen_port;
    if (request.fwmark) fwmark_ = *request.fwmark;
    if (request.replace_peers) peers_.clear();
    const PublicKey own = own_public_key();
    peers_.erase(own);
    for (PeerChange& change : request.peers)
      if (change.public_key != own) apply(change);
    return {};
  }

  DeviceSnapshot snapshot() override {
    ++asked;
    DeviceSnapshot device{
        .private_key = private_key_.clone(), .listen_port = listen_port_, .fwmark = fwmark_, .peers = {}};
    for (const auto& [key, peer] : peers_) {
      PeerSnapshot& out = device.peers.emplace_back();
      out.public_key = key;
      out.preshared_key = peer.preshared_key.clone();
      out.endpoint = peer.endpoint;
      out.persistent_keepalive = peer.persistent_keepalive;
      out.allowed_ips = peer.allowed_ips;
    }
    return device;
  }

  [[nodiscard]] std::uint16_t listen_port() const noexcept { return listen_port_; }
  [[nodiscard]] std::size_t peer_count() const noexcept { return peers_.size(); }

  int refuse_with = 0;
  std::size_t applied = 0;
  std::size_t asked = 0;

 private:
  [[nodiscard]] PublicKey own_public_key() const {
    PublicKey own;
    crypto_scalarmult_base(own.octets.data(), private_key_.secret.bytes().data());
    return own;
  }

  void apply(PeerChange& change) {
    if (change.remove) {
      peers_.erase(change.public_key);
      return;
    }
    if (change.update_only && !peers_.contains(change.public_key)) return;
    PeerSnapshot& peer = peers_[change.public_key];
    if (change.preshared_key) peer.preshared_key = std::move(*change.preshared_key);
    if (change.endpoint) peer.endpoint = change.endpoint;
    if (change.persistent_keepalive) peer.persistent_keepalive = *change.persistent_keepalive;
    if (change.replace_allowed_ips) peer.allowed_ips.clear();
    for (const AllowedIpChange& ip : change.allowed_ips) {
      if (ip.action == AllowedIpChange::Action::add) {
        // An empty list of others is the common case, and keeps ten thousand peers fast.
        if (const auto owner = owners_.find(ip.prefix); owner != owners_.end() && peers_.contains(owner->second))
          std::erase(peers_[owner->second].allowed_ips, ip.prefix);
        owners_[ip.prefix] = change.public_key;
        peer.allowed_ips.push_back(ip.prefix);
      } else {
        std::erase(peer.allowed_ips, ip.prefix);
      }
    }
  }

  PrivateKey private_key_;
  std::uint16_t listen_port_ = 0;
  std::uint32_t fwmark_ = 0;
  std::map<PublicKey, PeerSnapshot> peers_;
  std::map<Prefix, PublicKey> owners_;
};

/// One end of a connection, whose calls return at once.
class TestClient {
 public:
  explicit TestClient(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) error_ = errno;
  }

  /// errno of the connect, or 0.
  [[nodiscard]] int error() const noexcept { return error_; }
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  /// How many octets fitted.
  std::size_t send(std::string_view text) {
    const ssize_t sent = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) broken_ = true;
    return sent < 0 ? 0 : static_cast<std::size_t>(sent);
  }
  void shut_down_sending() { ::shutdown(fd_.get(), SHUT_WR); }
  /// Takes in what is there.
  void receive() {
    std::array<char, 65536> buffer;
    for (;;) {
      const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (got > 0) {
        received_.append(buffer.data(), static_cast<std::size_t>(got));
      } else {
        ended_ = ended_ || got == 0 || errno != EAGAIN;
        return;
      }
    }
  }
  [[nodiscard]] const std::string& received() const noexcept { return received_; }
  /// The other side closed the connection.
  [[nodiscard]] bool ended() const noexcept { return ended_; }
  /// Sending failed because nobody is there.
  [[nodiscard]] bool broken() const noexcept { return broken_; }
  /// What came so far, once.
  [[nodiscard]] std::string take() { return std::exchange(received_, {}); }

 private:
  io::UniqueFd fd_;
  int error_ = 0;
  std::string received_;
  bool ended_ = false;
  bool broken_ = false;
};

}  // namespace culvert::control::test
