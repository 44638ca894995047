// SPDX-License-Identifier: MIT
// How `culvert peer` edits a configuration. A new peer gets a file of its own, `NAME.d/PEER.toml`. A peer that stands
// in a `[[peer]]` table is edited by replacing the lines of this table, from its header to its last value: every other
// octet of the file stays, comments above the header too. Files are replaced whole or not at all, and hold what they
// held when anything fails. Control side; may block on the disk.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <culvert/result.hpp>

#include "config.hpp"
#include "secret_text.hpp"

namespace culvert::config {

using control::SecretText;

/// The outcome, or a sentence that says what failed and what to do.
using Edit = Result<void, std::string>;

/// What to do about a file that is there.
enum class Existing : std::uint8_t { replace, refuse };

/// Writes beside `path`, with mode 0600 or the mode and owner of the file that is there, flushes to the disk, and puts
/// it in place in one step. Symbolic links are followed.
[[nodiscard]] Edit write_file(const std::string& path, std::string_view text, Existing existing);

/// "Anna's phone" becomes "Anna's phone.toml"; what a shell or a file system might take amiss becomes '-'.
[[nodiscard]] std::string peer_file_name(std::string_view peer_name);

/// Writes the peer into `NAME.d/`, which is made (mode 0700) if need be.
/// \param config_path  NAME.toml.
/// \returns the path of the new file; an error if one is there already.
[[nodiscard]] Result<std::string, std::string> add_peer(const std::string& config_path, const PeerConfig& peer);

/// Takes a peer out of the file where it stands (`peer.place`). A file of which nothing but comments remains is
/// deleted, if it is in NAME.d.
[[nodiscard]] Edit remove_peer(const std::string& config_path, const PeerConfig& peer);

/// Writes `changed` where `peer` stands. Comments within its lines go. A preshared key that is in a file of its own or
/// a credential stays there unless it changes; then it stands in the configuration, which others must not be able to
/// read.
[[nodiscard]] Edit replace_peer(const PeerConfig& peer, const PeerConfig& changed);

/// Where a peer stands in a text, in octets.
struct PeerLines {
  enum class Form : std::uint8_t { bare, table };

  std::size_t begin = 0, end = 0;
  Form form = Form::table;
  std::string
      key_line;  // where the preshared key is, when not here: `preshared_key_file = "x"` with its newline, or empty
};

/// The lines of the `[[peer]]` table whose header is at this line, or of the whole text for a bare peer: with their
/// newlines. Pure. \returns an error when there is no such peer, or it is written in another way (`peer = [{...}]`).
[[nodiscard]] Result<PeerLines, std::string> peer_lines(std::string_view text, std::uint32_t header_line);

}  // namespace culvert::config
