// SPDX-License-Identifier: MIT
#include "wg_quick.hpp"

#include <algorithm>
#include <set>

#include "finding_places.hpp"
#include "schema.hpp"
#include "toml_text.hpp"
#include "values.hpp"

namespace culvert::config {
namespace {

using namespace std::string_literals;

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

/// A part of a line, with where it begins.
struct Piece {
  std::string_view text;
  std::size_t offset = 0;  // octets from the line's start

  [[nodiscard]] Piece part(std::size_t from, std::size_t count = std::string_view::npos) const {
    Piece out{text.substr(from, count), offset + from};
    const std::string_view inner = trimmed(out.text);
    out.offset += inner.empty() ? 0 : static_cast<std::size_t>(inner.data() - out.text.data());
    out.text = inner;
    return out;
  }
};

class Reader {
 public:
  Reader(const std::string& name, const SourceText& file) : file_(file) {
    config_.name = name;
    config_.place = {file.file, 0, 0};
  }

  LoadResult run() {
    constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
    std::string_view rest = file_.text;
    if (rest.starts_with(kByteOrderMark)) rest.remove_prefix(kByteOrderMark.size());
    if (rest.starts_with("\xff\xfe") || rest.starts_with("\xfe\xff")) {
      Finding& finding = findings_.emplace_back();
      finding.place = {file_.file, 1, 1};
      finding.reason = "this is UTF-16; save the file as UTF-8";
      return Err{std::move(findings_)};
    }
    while (!rest.empty()) {
      const std::size_t newline = std::min(rest.find('\n'), rest.size());
      line_ = rest.substr(0, newline);
      ++number_;
      take_line();
      rest.remove_prefix(std::min(newline + 1, rest.size()));
    }
    finish_peer();
    name_peers();
    ask_all_names();
    return concluded(std::move(config_), std::move(findings_),
                     [values = std::move(values_)](Finding& finding) { locate(finding, values); });
  }

 private:
  enum class In : std::uint8_t { nothing, interface, peer, unknown };

  void take_line();
  void take_header(Piece header);
  void take_comment(std::string_view comment);
  void take_interface(const std::string& key, Piece value);
  void take_peer(const std::string& key, Piece value);
  void take_allowed_ip(PeerConfig& peer, Piece item);
  void take_dns(Piece item);
  void take_secret(Piece value, std::span<std::uint8_t, 32> out);
  void finish_peer();
  void name_peers();
  void ask_all_names();

  /// The value of a key that may come once only.
  template <class T, class Parse>
  void once(Piece value, T& out, Parse parse) {
    const std::string id = prefix() + lower(key_);
    if (!seen_.insert(id).second) warn(value, "this key came before in the section; the last one counts");
    note(value);
    auto result = parse(value.text);
    if (result)
      out = std::move(*result);
    else
      refuse(value, result.error());
  }

  /// Each item of a comma list.
  template <class Take>
  void each(Piece value, Take take) {
    std::size_t from = 0;
    while (from <= value.text.size()) {
      const std::size_t comma = std::min(value.text.find(',', from), value.text.size());
      const Piece item = value.part(from, comma - from);
      if (!item.text.empty()) {
        note(item);
        take(item);
      }
      from = comma + 1;
    }
  }

  [[nodiscard]] std::string prefix() const {
    return in_ == In::interface ? "Interface."s : "Peer[" + std::to_string(config_.peers.size()) + "].";
  }
  /// For findings of the checks to come.
  void note(const Piece& value) {
    values_.push_back({prefix(), in_ == In::peer ? config_.peers.back().place.line : 0, key_,
                       is_secret_key(key_) ? std::string() : std::string(value.text), place_of(value)});
  }
  [[nodiscard]] Place place_of(const Piece& where) const {
    const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; };
    const std::string_view before = line_.substr(0, where.offset);
    return {file_.file, number_,
            static_cast<std::uint32_t>(
                before.size() - static_cast<std::size_t>(std::count_if(before.begin(), before.end(), continues)) + 1)};
  }
  Finding& add(const Piece& where, std::string reason) {
    Finding& finding = findings_.emplace_back();
    finding.place = place_of(where);
    finding.reason = std::move(reason);
    return finding;
  }
  Finding& refuse(const Piece& value, std::string reason) {
    Finding& finding = add(value, std::move(reason));
    finding.key = prefix() + printable_key(key_);
    if (!is_secret_key(key_)) finding.value = excerpt(value.text);
    return finding;
  }
  void warn(const Piece& value, std::string reason) {
    refuse(value, std::move(reason)).grade = Finding::Grade::warning;
  }

  const SourceText& file_;
  Config config_;
  std::vector<Finding> findings_;
  std::vector<WgQuickValue> values_;
  std::string_view line_;
  std::uint32_t number_ = 0;
  In in_ = In::nothing;
  std::string key_;         // as written
  std::string name_above_;  // from comments since the last key
  bool peer_has_key_ = false;
  bool told_open_secret_ = false;
  std::set<std::string> seen_;  // keys of this section
};

void Reader::take_line() {
  const std::size_t hash = line_.find('#');
  if (hash != std::string_view::npos) take_comment(line_.substr(hash + 1));
  const Piece code = Piece{line_, 0}.part(0, hash);
  if (code.text.empty()) return;
  if (code.text.front() == '[') return take_header(code);

  name_above_.clear();
  const std::size_t equals = code.text.find('=');
  if (equals == std::string_view::npos) {
    add(code, "neither [Section] nor Key = Value; remove the line, or start it with #");
    return;
  }
  key_ = std::string(code.part(0, equals).text);
  const Piece value = code.part(equals + 1);
  switch (in_) {
    case In::nothing:
      add(code, "this stands before the first section; begin with [Interface]");
      return;
    case In::interface:
      return take_interface(lower(key_), value);
    case In::peer:
      return take_peer(lower(key_), value);
    case In::unknown:
      return;
  }
}

void Reader::take_header(Piece header) {
  finish_peer();
  seen_.clear();
  const std::string name = lower(header.text);
  if (name == "[interface]") {
    in_ = In::interface;
  } else if (name == "[peer]") {
    in_ = In::peer;
    peer_has_key_ = false;
    PeerConfig& peer = config_.peers.emplace_back();
    peer.place = {file_.file, number_, static_cast<std::uint32_t>(header.offset + 1)};
    peer.name = std::exchange(name_above_, {});
  } else {
    in_ = In::unknown;
    // Only as far as a header can go: behind it may stand a secret.
    const std::string_view head =
        header.text.substr(0, std::min(header.text.find_first_of("]="), header.text.size() - 1) + 1);
    add(header, head.size() == header.text.size() ? "unknown section; there are [Interface] and [Peer]"
                                                  : "the header of a section stands alone on its line")
        .key = printable_key(head);
  }
}

void Reader::take_comment(std::string_view comment) {
  const std::size_t equals = comment.find('=');
  if (equals == std::string_view::npos) return;
  const std::string key = lower(trimmed(comment.substr(0, equals)));
  if (key != "friendly_name" && key != "name") return;
  std::string name(trimmed(comment.substr(equals + 1)));
  if (may_hold_key(name)) return;
  // A comment can not be wrong: what does not fit is made to.
  std::replace_if(
      name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '/'; },
      '-');
  if (!is_peer_name(name)) return;
  // In a peer before its key: this peer's. After it: maybe the next one's, whose header clears the doubt.
  if (in_ == In::peer && !peer_has_key_)
    config_.peers.back().name = std::move(name);
  else
    name_above_ = std::move(name);
}

void Reader::take_secret(Piece value, std::span<std::uint8_t, 32> out) {
  note(value);
  const auto parsed = parse_secret(value.text, out);
  if (!parsed) refuse(value, parsed.error());
  if (file_.readers == Readers::others && !std::exchange(told_open_secret_, true))
    add(value, "this key can be read by others than the file's owner; run: chmod go-rwx " + file_.file);
}

void Reader::take_dns(Piece item) {
  if (const auto address = parse_address(item.text))
    config_.dns.servers.push_back(*address);
  else if (is_search_domain(item.text))
    config_.dns.search.emplace_back(item.text);
  else
    refuse(item, "neither the address of a resolver nor a search domain");
}

void Reader::take_interface(const std::string& key, Piece value) {
  const auto command = [&](std::vector<std::string>& out) {
    if (value.text.find_first_of(std::string_view("\r\0", 2)) != std::string_view::npos)
      refuse(value, "a control character stands in the command; write the line anew");
    else if (!value.text.empty())
      out.emplace_back(value.text);
  };
  if (key == "privatekey") {
    take_secret(value, config_.private_key.secret.bytes());
  } else if (key == "listenport") {
    once(value, config_.listen_port, [](std::string_view text) -> Parsed<std::uint16_t> {
      const auto port = parse_number(text, 0, 65535);
      if (!port) return Err{port.error()};
      return static_cast<std::uint16_t>(*port);
    });
  } else if (key == "fwmark") {
    once(value, config_.fwmark, parse_mark);
  } else if (key == "address") {
    each(value, [&](Piece item) {
      const auto address = parse_network(item.text);
      if (address) return config_.addresses.push_back(*address);
      refuse(item, address.error());
    });
  } else if (key == "dns") {
    each(value, [&](Piece item) { take_dns(item); });
  } else if (key == "mtu") {
    once(value, config_.mtu, [](std::string_view text) { return parse_number(text, 576, 65535); });
  } else if (key == "table") {
    once(value, config_.table, parse_table);
  } else if (key == "saveconfig") {
    once(value, config_.save_config, [](std::string_view text) -> Parsed<bool> {
      if (text == "true" || text == "false") return text == "true";
      return Err{"neither true nor false"s};
    });
  } else if (key == "preup") {
    command(config_.hooks.pre_up);
  } else if (key == "postup") {
    command(config_.hooks.post_up);
  } else if (key == "predown") {
    command(config_.hooks.pre_down);
  } else if (key == "postdown") {
    command(config_.hooks.post_down);
  } else {
    constexpr std::string_view kKnown[] = {"PrivateKey", "ListenPort", "FwMark", "Address", "DNS",     "MTU",
                                           "Table",      "SaveConfig", "PreUp",  "PostUp",  "PreDown", "PostDown"};
    const auto near = nearest(key_, kKnown);
    refuse(value, near ? "unknown key; did you mean " + std::string(*near) + '?'
                       : "unknown key in [Interface]; remove the line, or start it with #")
        .value.clear();
  }
}

void Reader::take_allowed_ip(PeerConfig& peer, Piece item) {
  const char sign = item.text.front();
  const Piece digits = sign == '+' || sign == '-' ? item.part(1) : item;
  const auto network = parse_network(digits.text);
  if (!network) {
    refuse(item, network.error());
    return;
  }
  const Prefix prefix = masked(*network);
  if (prefix != *network) warn(item, "it has bits behind its length; taken as " + to_string(prefix));
  std::erase(peer.allowed_ips, prefix);
  if (sign != '-') peer.allowed_ips.push_back(prefix);
}

void Reader::take_peer(const std::string& key, Piece value) {
  PeerConfig& peer = config_.peers.back();
  if (key == "publickey") {
    peer_has_key_ = true;
    once(value, peer.public_key, parse_public);
  } else if (key == "presharedkey") {
    take_secret(value, peer.preshared_key.secret.bytes());
  } else if (key == "allowedips") {
    each(value, [&](Piece item) { take_allowed_ip(peer, item); });
  } else if (key == "endpoint") {
    HostPort endpoint;
    const std::size_t before = findings_.size();
    once(value, endpoint, parse_host_port);
    if (findings_.size() == before || !endpoint.host.empty()) peer.endpoints.assign(1, endpoint);
  } else if (key == "persistentkeepalive") {
    once(value, peer.persistent_keepalive, parse_keepalive);
  } else {
    constexpr std::string_view kKnown[] = {"PublicKey", "PresharedKey", "AllowedIPs", "Endpoint",
                                           "PersistentKeepalive"};
    const auto near = nearest(key_, kKnown);
    refuse(value, near ? "unknown key; did you mean " + std::string(*near) + '?'
                       : "unknown key in [Peer]; remove the line, or start it with #")
        .value.clear();
  }
}

void Reader::finish_peer() {
  if (in_ != In::peer || peer_has_key_) return;
  Finding& finding = findings_.emplace_back();
  finding.place = config_.peers.back().place;
  finding.key = prefix() + "PublicKey";
  finding.reason = "missing; every peer has one";
}

/// Names from comments need not be unique; ours do.
void Reader::name_peers() {
  std::set<std::string> taken;
  for (PeerConfig& peer : config_.peers) {
    if (peer.name.empty()) peer.name = default_peer_name(peer.public_key);
    const std::string wanted = peer.name.substr(0, 56);
    for (unsigned n = 2; !taken.insert(peer.name).second; ++n) peer.name = wanted + '-' + std::to_string(n);
  }
}

/// wg-quick has every name asked of the servers, whatever domains are searched as well (resolvconf -x).
void Reader::ask_all_names() {
  std::vector<std::string>& search = config_.dns.search;
  std::erase_if(search, is_every_name);
  if (!search.empty() && !config_.dns.servers.empty()) search.emplace_back("~.");
}

}  // namespace

LoadResult read_wg_quick(const std::string& name, const SourceText& file) { return Reader(name, file).run(); }

}  // namespace culvert::config
