// SPDX-License-Identifier: MIT
// The UAPI's reader and parser. The first octet says how the rest is cut. Whatever the cuts, the reader must find the
// operations that the text holds when it arrives whole, and of each the same that the parser finds in its text alone.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include <culvert/printable.hpp>

#include "uapi_reader.hpp"

using namespace culvert;
using namespace culvert::control;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

std::uint32_t scope_of(std::string_view name) noexcept { return static_cast<std::uint32_t>(name.size() % 3); }

std::string describe(const SetRequest& set) {
  std::string out = "set";
  if (set.private_key) out += set.private_key->secret.is_zero() ? " no-key" : " key";
  if (set.listen_port) out += " port" + std::to_string(*set.listen_port);
  if (set.fwmark) out += " mark" + std::to_string(*set.fwmark);
  if (set.replace_peers) out += " replace";
  for (std::size_t i = 0; i < set.peers.size(); ++i) {
    const PeerChange& peer = set.peers[i];
    for (std::size_t j = 0; j < i; ++j) require(set.peers[j].public_key != peer.public_key);
    out += " peer" + to_base64(peer.public_key);
    out += peer.remove ? " remove" : "";
    out += peer.update_only ? " update" : "";
    out += peer.replace_allowed_ips ? " replace" : "";
    if (peer.preshared_key) out += peer.preshared_key->secret.is_zero() ? " no-psk" : " psk";
    if (peer.persistent_keepalive) {
      require(peer.persistent_keepalive->count() >= 0 && peer.persistent_keepalive->count() <= 65535);
      out += " keepalive" + std::to_string(peer.persistent_keepalive->count());
    }
    if (peer.endpoint) {
      require(parse_endpoint(to_string(*peer.endpoint)) == peer.endpoint);
      out += " endpoint" + to_string(*peer.endpoint);
    }
    for (const AllowedIpChange& ip : peer.allowed_ips) {
      require(ip.prefix == masked(ip.prefix));
      require(parse_prefix(to_string(ip.prefix)) == ip.prefix);
      out += (ip.action == AllowedIpChange::Action::add ? " +" : " -") + to_string(ip.prefix);
    }
  }
  return out;
}

std::string describe(const Result<Operation, UapiError>& operation) {
  if (operation) {
    const auto* const set = std::get_if<SetRequest>(&*operation);
    return set == nullptr ? "get" : describe(*set);
  }
  const UapiError& error = operation.error();
  require(error.error > 0);
  require(printable(error.message()) == error.message());
  require(error.message().size() < 200);
  return "error " + std::to_string(error.error) + " verb " + std::to_string(static_cast<int>(error.verb)) + " " +
         error.message();
}

bool closes(const Result<Operation, UapiError>& operation) {
  return !operation && operation.error().connection == UapiError::Connection::closes;
}

struct Found {
  std::vector<std::string> operations;
  std::vector<std::size_t> ends;  // where each ends in the text
};

Found read(std::string text, std::size_t piece) {
  const std::string original = text;
  UapiReader reader({.line_octets = 300, .operation_octets = 3000}, scope_of);
  Found found;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t length = std::min(piece, text.size() - at);
    const std::size_t taken = reader.feed(std::span(text).subspan(at, length));
    require(taken == length || reader.ready());
    for (std::size_t i = at; i < at + taken; ++i) require(text[i] == '\0');
    require(text.compare(at + taken, std::string::npos, original, at + taken) == 0);
    at += taken;
    if (!reader.ready()) continue;
    const auto operation = reader.take();
    require(reader.idle());
    found.operations.push_back(describe(operation));
    found.ends.push_back(at);
    if (closes(operation)) return found;
  }
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = 1 + data[0] % 70;
  const std::string text(data + 1, data + size);
  const Found whole = read(text, text.size() + 1);
  require(read(text, piece).operations == whole.operations);
  std::size_t start = 0;
  for (std::size_t i = 0; i < whole.operations.size(); ++i) {
    const bool too_long = whole.operations[i].find("too long") != std::string::npos;
    const auto alone = parse_operation(std::string_view(text).substr(start, whole.ends[i] - start), scope_of);
    if (!too_long) require(describe(alone) == whole.operations[i]);
    start = whole.ends[i];
  }
  static_cast<void>(describe(parse_operation(text)));
  return 0;
}
