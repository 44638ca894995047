// SPDX-License-Identifier: MIT
#include "load.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <tuple>
#include <unordered_map>

#include "check.hpp"
#include "config_file.hpp"
#include "finding_places.hpp"
#include "interface_name.hpp"
#include "toml_read.hpp"
#include "wg_quick.hpp"

namespace culvert::config {
namespace {

using Findings = std::vector<Finding>;

Finding finding_of(Place place, std::string reason) {
  Finding finding;
  finding.place = std::move(place);
  finding.reason = std::move(reason);
  return finding;
}

void refuse_open_secrets(const SourceText& source, const SafeText& safe, Findings& findings) {
  if (source.readers == Readers::owner || safe.secrets.empty()) return;
  const auto place = safe.secrets.begin()->first;
  findings.push_back(
      finding_of({source.file, place.first, place.second},
                 "this key can be read by others than the file's owner; run: chmod go-rwx " + source.file));
}

/// Each `[[peer]]` of a root table.
void read_peer_tables(const TomlEntry& entry, FileReading& reading, std::vector<PeerConfig>& out) {
  const bool tables = entry.value.kind == TomlValue::Kind::array &&
                      std::all_of(entry.value.items.begin(), entry.value.items.end(),
                                  [](const TomlValue& item) { return item.kind == TomlValue::Kind::table; });
  if (!tables) {
    Finding& finding = reading.findings.emplace_back(
        finding_of({reading.file, entry.line, entry.column}, "write [[peer]] in double brackets for each peer"));
    finding.key = entry.key;
    return;
  }
  std::size_t number = 0;
  for (const TomlValue& item : entry.value.items)
    read_peer(item, "peer[" + std::to_string(++number) + "].", reading, out.emplace_back());
}

const TomlEntry* peer_entry(const TomlValue& root) {
  const auto it = std::find_if(root.entries.begin(), root.entries.end(),
                               [](const TomlEntry& entry) { return entry.key == section_name(Section::peer); });
  return it == root.entries.end() ? nullptr : &*it;
}

void read_main(const TomlValue& root, FileReading& reading, Config& out) {
  read_sections(root, reading, out);
  if (const TomlEntry* peers = peer_entry(root)) read_peer_tables(*peers, reading, out.peers);
}

/// "alice" of "/etc/culvert/wg0.d/alice.toml".
std::string stem_of(std::string_view file) { return std::filesystem::path(file).stem().string(); }

void read_peer_file(const TomlValue& root, FileReading& reading, Config& out) {
  if (root.entries.empty()) return;
  const TomlEntry* peers = peer_entry(root);
  if (peers == nullptr) {
    PeerConfig& peer = out.peers.emplace_back();
    read_peer(root, "", reading, peer);
    if (peer.place.line == 0) peer.place = {reading.file, 1, 1};
    if (peer.name.empty() && is_peer_name(stem_of(reading.file))) peer.name = stem_of(reading.file);
    return;
  }
  read_peer_tables(*peers, reading, out.peers);
  for (const TomlEntry& entry : root.entries) {
    if (&entry == peers) continue;
    Finding& finding = reading.findings.emplace_back(
        finding_of({reading.file, entry.line, entry.column},
                   "only [[peer]] tables may stand in this file; everything else belongs into the main file"));
    finding.key = printable_key(entry.key);
  }
}

using ReadRoot = void (*)(const TomlValue&, FileReading&, Config&);

using Files = std::vector<TomlFile>;

void read_one(const SourceText& source, const KeySources& keys, ReadRoot read_root, Config& out, Findings& all,
              Files& files) {
  const SafeText safe = make_safe(source.text, source.file);
  Findings findings = safe.errors;
  if (findings.empty()) {
    refuse_open_secrets(source, safe, findings);
    auto root = parse_toml(safe, source.file);
    FileReading reading{source.file, safe, keys, findings};
    if (root) {
      read_root(*root, reading, out);
      files.push_back({source.file, std::move(*root)});
    } else {
      findings.push_back(root.error());
    }
  }
  all.insert(all.end(), findings.begin(), findings.end());
}

struct OwnedText {
  std::string file;
  FileText content;

  [[nodiscard]] SourceText view() const {
    return {file,
            {content.text.data(), content.text.size()},
            content.readable_by_others ? Readers::others : Readers::owner};
  }
};

/// Reads `path` into `out`, or adds a finding.
void open_into(const std::string& path, std::vector<OwnedText>& out, Findings& findings) {
  auto content = read_config_file(path);
  if (content)
    out.push_back({path, std::move(*content)});
  else
    findings.push_back(finding_of({path, 0, 0}, content.error()));
}

/// The peers' files, by name; none when there is no folder.
std::vector<std::string> files_of(const std::string& folder, Findings& findings) {
  std::vector<std::string> files;
  std::error_code error;
  std::filesystem::directory_iterator it(folder, error);
  if (error == std::errc::no_such_file_or_directory) return files;
  for (; !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.ends_with(".toml") && !name.starts_with('.')) files.push_back(it->path().string());
  }
  if (error) findings.push_back(finding_of({folder, 0, 0}, "this folder cannot be read: " + error.message()));
  std::sort(files.begin(), files.end());
  return files;
}

LoadResult load_toml(const std::string& name, const std::string& path, const KeySources& keys) {
  Findings findings;
  std::vector<OwnedText> texts;
  open_into(path, texts, findings);
  if (texts.empty()) return Err{std::move(findings)};
  for (const std::string& file : files_of(peer_folder(path), findings)) open_into(file, texts, findings);

  std::vector<SourceText> peers;
  for (std::size_t i = 1; i < texts.size(); ++i) peers.push_back(texts[i].view());
  auto result = read_toml(name, texts.front().view(), peers, keys);
  if (findings.empty()) return result;
  if (!result) findings.insert(findings.end(), result.error().begin(), result.error().end());
  return Err{std::move(findings)};
}

LoadResult load_wg_quick(const std::string& name, const std::string& path) {
  const auto content = read_config_file(path);
  if (!content) return Err{Findings{finding_of({path, 0, 0}, content.error())}};
  const std::string_view text(content->text.data(), content->text.size());
  return read_wg_quick(name, {path, text, content->readable_by_others ? Readers::others : Readers::owner});
}

KeySources system_keys() {
  const char* const directory = std::getenv("CREDENTIALS_DIRECTORY");
  return {.file = [](const std::string& path) { return read_key_file(path); },
          .credential = [folder = std::string(directory != nullptr ? directory : "")](
                            const std::string& name) { return read_credential(folder, name); }};
}

}  // namespace

KeySources KeySources::none() {
  const auto refuse = [](const std::string&) -> Result<SecretText, std::string> {
    return Err{std::string("keys cannot be read from elsewhere here; write the key itself")};
  };
  return {.file = refuse, .credential = refuse};
}

namespace {

/// By lines, and the files as they came first.
void in_order(Findings& findings) {
  std::unordered_map<std::string, std::size_t> files;
  for (const Finding& finding : findings) files.try_emplace(finding.place.file, files.size());
  std::stable_sort(findings.begin(), findings.end(), [&](const Finding& a, const Finding& b) {
    const auto rank = [&](const Finding& one) {
      return std::tuple(files.at(one.place.file), one.place.line, one.place.column);
    };
    return rank(a) < rank(b);
  });
}

}  // namespace

LoadResult concluded(Config&& config, Findings&& findings, Locate locate) {
  const auto is_error = [](const Finding& finding) { return finding.grade == Finding::Grade::error; };
  const bool unreadable = std::any_of(findings.begin(), findings.end(), is_error);
  if (unreadable) {
    // All errors come at once; but what could not be read is not to be missed a second time.
    if (config.private_key.secret.is_zero()) config.private_key.secret.bytes()[31] = 0x40;
    std::erase_if(config.peers, [](const PeerConfig& peer) { return peer.public_key == PublicKey{}; });
  }
  for (Finding& finding : check(config)) {
    if (unreadable && !is_error(finding)) continue;
    locate(finding);
    findings.push_back(std::move(finding));
  }
  in_order(findings);
  if (std::any_of(findings.begin(), findings.end(), is_error)) return Err{std::move(findings)};
  return Loaded{.config = std::move(config), .warnings = std::move(findings), .locate = std::move(locate)};
}

LoadResult read_toml(const std::string& name, const SourceText& main, std::span<const SourceText> peers,
                     const KeySources& keys) {
  Config config;
  config.name = name;
  config.place = {main.file, 0, 0};
  Findings findings;
  Files files;
  read_one(main, keys, read_main, config, findings, files);
  for (const SourceText& peer : peers) read_one(peer, keys, read_peer_file, config, findings, files);
  for (PeerConfig& peer : config.peers)
    if (peer.name.empty()) peer.name = default_peer_name(peer.public_key);
  return concluded(std::move(config), std::move(findings),
                   [files = std::move(files)](Finding& finding) { config::locate(finding, files); });
}

LoadResult load(const std::string& path) {
  const auto name = interface_of_path(path);
  if (!name) {
    return Err{Findings{finding_of({path, 0, 0},
                                   "the file's name must be the interface's, with .toml or .conf "
                                   "after it (" +
                                       std::string(io::kInterfaceNameRule) + ")")}};
  }
  return path.ends_with(".conf") ? load_wg_quick(*name, path) : load_toml(*name, path, system_keys());
}

std::optional<std::string> interface_of_path(std::string_view path) {
  const std::string_view file = path.substr(path.rfind('/') + 1);  // npos + 1 is 0
  for (const std::string_view ending : {".toml", ".conf"}) {
    if (!file.ends_with(ending)) continue;
    const std::string_view name = file.substr(0, file.size() - ending.size());
    if (io::is_interface_name(name)) return std::string(name);
  }
  return std::nullopt;
}

std::string peer_folder(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  return std::string(path.substr(0, dot)) + ".d";
}

}  // namespace culvert::config
