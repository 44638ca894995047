// SPDX-License-Identifier: MIT
// From files to a configuration, or to all that is wrong with them at once. `read_toml` is the pure half: texts in,
// values out. `load` is the half that opens files (`config_file.hpp` has the rules for that).
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <culvert/result.hpp>

#include "config.hpp"
#include "secret_text.hpp"

namespace culvert::config {

using control::SecretText;

/// Gives a finding of the checks the place of the key that it speaks of (`finding_places.hpp`).
using Locate = std::function<void(Finding&)>;

struct Loaded {
  Config config;
  std::vector<Finding> warnings;
  Locate locate;  // for what is found out later, such as by `check_host`
};
/// The errors come in the order of the files and their lines. With errors there is no configuration.
using LoadResult = Result<Loaded, std::vector<Finding>>;

/// Where keys come from that a file only names. Each gives the text, or a sentence why not.
struct KeySources {
  using Source = std::function<Result<SecretText, std::string>(const std::string& name)>;

  Source file;        // by path
  Source credential;  // by name

  /// Refuses both; for texts that come from nowhere.
  [[nodiscard]] static KeySources none();
};

/// Whether a file that holds a key may be read.
enum class Readers : std::uint8_t { owner, others };

struct SourceText {
  std::string file;                  // its path, for places and for relative names of key files
  std::string_view text;             // borrowed: until `read_toml` returns
  Readers readers = Readers::owner;  // others: a key in the text is an error
};

/// Reads the texts of one interface and checks them (`check.hpp`, without facts about the host).
/// \param name   of the interface.
/// \param main   NAME.toml.
/// \param peers  NAME.d/*.toml, in order.
[[nodiscard]] LoadResult read_toml(const std::string& name, const SourceText& main, std::span<const SourceText> peers,
                                   const KeySources& keys);

/// How a reader ends: without errors so far it checks the whole (`check.hpp`), and returns the configuration with its
/// warnings, or all findings if one is an error.
[[nodiscard]] LoadResult concluded(Config&& config, std::vector<Finding>&& findings, Locate locate);

/// Reads `DIR/NAME.toml` with `DIR/NAME.d/*.toml`, or a wg-quick file `DIR/NAME.conf`. Credentials come from
/// $CREDENTIALS_DIRECTORY. File texts are wiped before it returns.
[[nodiscard]] LoadResult load(const std::string& path);

/// "wg0" of "/etc/culvert/wg0.toml". nullopt: neither .toml nor .conf, or not a name for an interface.
[[nodiscard]] std::optional<std::string> interface_of_path(std::string_view path);
/// "/etc/culvert/wg0.d" of "/etc/culvert/wg0.toml".
[[nodiscard]] std::string peer_folder(std::string_view path);

}  // namespace culvert::config
