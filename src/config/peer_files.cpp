// SPDX-License-Identifier: MIT
#include "peer_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "config_file.hpp"
#include "load.hpp"
#include "toml_tree.hpp"
#include "unique_fd.hpp"
#include "write.hpp"

namespace culvert::config {
namespace {

using namespace std::string_literals;

std::string_view view(const SecretText& text) noexcept { return {text.data(), text.size()}; }

Err<std::string> failed(const std::string& path, std::string_view what) {
  return Err{path + ": " + std::string(what) + ": " + std::generic_category().message(errno)};
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

/// Where the links lead; the path itself when there is nothing yet.
std::string resolved(const std::string& path) {
  char* const real = ::realpath(path.c_str(), nullptr);
  if (real == nullptr) return path;
  std::string out = real;
  std::free(real);
  return out;
}

/// A file under another name until it is whole; deleted if it never is.
class DraftFile {
 public:
  explicit DraftFile(const std::string& folder) : path_(folder + "/.culvert-XXXXXX") {
    fd_ = io::UniqueFd(::mkostemp(path_.data(), O_CLOEXEC));
  }
  DraftFile(const DraftFile&) = delete;
  DraftFile& operator=(const DraftFile&) = delete;
  ~DraftFile() {
    if (fd_) ::unlink(path_.c_str());  // after a rename there is nothing of this name
  }

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
  io::UniqueFd fd_;
};

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

/// So that the new name outlives a power failure as well.
void flush_folder(const std::string& folder) {
  const io::UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd) ::fsync(fd.get());
}

Edit put_in_place(const std::string& draft, const std::string& path, Existing existing) {
  if (existing == Existing::replace) {
    if (::rename(draft.c_str(), path.c_str()) != 0) return failed(path, "cannot be replaced");
    return {};
  }
  // A link fails where a rename would replace.
  if (::link(draft.c_str(), path.c_str()) == 0) return {};
  if (errno == EEXIST) return Err{path + ": this file exists already; remove it first, or choose another name"};
  return failed(path, "cannot be made");
}

Result<FileText, std::string> text_of_peer(const PeerConfig& peer) {
  if (peer.place.file.ends_with(".conf"))
    return Err{peer.place.file +
               ": peers of wg-quick files are not edited; make a TOML file of it with: culvert import"};
  auto content = read_config_file(peer.place.file);
  if (!content) return Err{peer.place.file + ": " + content.error()};
  return std::move(*content);
}

/// `preshared_key_file = "x"`, if the table says so.
std::string key_line_of(const TomlValue& table) {
  for (const TomlEntry& entry : table.entries)
    if (entry.key == "preshared_key_file" || entry.key == "preshared_key_credential")
      return entry.key + " = " + config::quoted(entry.value.text) + '\n';
  return {};
}

/// The peer without its preshared key.
PeerConfig without_key(const PeerConfig& peer) {
  PeerConfig out;
  out.name = peer.name;
  out.public_key = peer.public_key;
  out.endpoints = peer.endpoints;
  out.allowed_ips = peer.allowed_ips;
  out.persistent_keepalive = peer.persistent_keepalive;
  out.expires = peer.expires;
  out.enabled = peer.enabled;
  return out;
}

SecretText in_form(PeerLines::Form form, const PeerConfig& peer) {
  return form == PeerLines::Form::bare ? to_toml(peer) : to_toml_table(peer);
}

/// Whether the text still can be read, and holds anything.
Result<bool, std::string> holds_anything(std::string_view text, const std::string& file) {
  const SafeText safe = make_safe(text, file);
  if (!safe.errors.empty()) return Err{safe.errors.front().message()};
  const auto root = parse_toml(safe, file);
  if (!root) return Err{root.error().message()};
  return !root->entries.empty();
}

SecretText spliced(std::string_view text, const PeerLines& cut, std::string_view instead) {
  SecretText out;
  out.reserve(text.size() + instead.size());
  out.insert(out.end(), text.begin(), text.begin() + static_cast<std::ptrdiff_t>(cut.begin));
  out.insert(out.end(), instead.begin(), instead.end());
  out.insert(out.end(), text.begin() + static_cast<std::ptrdiff_t>(cut.end), text.end());
  return out;
}

/// A blank line behind goes as well, when there is one in front.
PeerLines with_blank_line(std::string_view text, PeerLines cut) {
  const std::string_view before = text.substr(0, cut.begin);
  const bool blank_before = before.empty() || before.ends_with("\n\n") || before.ends_with("\n\r\n");
  const std::string_view behind = text.substr(cut.end);
  if (blank_before && behind.starts_with('\n')) ++cut.end;
  if (blank_before && behind.starts_with("\r\n")) cut.end += 2;
  return cut;
}

/// Offset of the start of a line, counted from 1; the text's end for lines behind it.
std::size_t offset_of_line(std::string_view text, std::uint32_t line) {
  std::size_t at = 0;
  for (; line > 1; --line) {
    const std::size_t newline = text.find('\n', at);
    if (newline == std::string_view::npos) return text.size();
    at = newline + 1;
  }
  return at;
}

}  // namespace

Edit write_file(const std::string& path, std::string_view text, Existing existing) {
  const std::string target = resolved(path);
  const DraftFile draft(folder_of(target));
  if (draft.fd() < 0) return failed(path, "no file can be made in its folder");
  struct stat old {};
  if (::stat(target.c_str(), &old) == 0) {
    if (::fchmod(draft.fd(), old.st_mode & 0777) != 0) return failed(path, "its mode cannot be kept");
    if ((old.st_uid != ::geteuid() || old.st_gid != ::getegid()) && ::fchown(draft.fd(), old.st_uid, old.st_gid) != 0)
      return failed(path, "its owner cannot be kept");
  }
  if (!write_all(draft.fd(), text) || ::fsync(draft.fd()) != 0) return failed(path, "cannot be written");
  Edit placed = put_in_place(draft.path(), target, existing);
  if (placed) flush_folder(folder_of(target));
  return placed;
}

std::string peer_file_name(std::string_view peer_name) {
  std::string out(peer_name);
  std::replace_if(
      out.begin(), out.end(),
      [](char c) {
        return static_cast<unsigned char>(c) < 0x20 ||
               std::string_view("/\\*?\"<>|:$`\x7f").find(c) != std::string_view::npos;
      },
      '-');
  if (out.empty() || out.front() == '.' || out.front() == '-') out.insert(0, "peer");
  return out + ".toml";
}

Result<std::string, std::string> add_peer(const std::string& config_path, const PeerConfig& peer) {
  const std::string folder = peer_folder(config_path);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return failed(folder, "this folder cannot be made");
  const std::string path = folder + '/' + peer_file_name(peer.name);
  const SecretText text = to_toml(peer);
  const Edit written = write_file(path, view(text), Existing::refuse);
  if (!written) return Err{written.error()};
  return path;
}

Edit remove_peer(const std::string& config_path, const PeerConfig& peer) {
  const auto file = text_of_peer(peer);
  if (!file) return Err{file.error()};
  const std::string_view text = view(file->text);
  const auto lines = peer_lines(text, peer.place.line);
  if (!lines) return Err{peer.place.file + ": " + lines.error()};
  const SecretText rest = spliced(text, with_blank_line(text, *lines), {});
  const auto anything = holds_anything(view(rest), peer.place.file);
  if (!anything) return Err{anything.error()};
  const bool own_file = std::filesystem::path(peer.place.file).parent_path() == peer_folder(config_path);
  if (*anything || !own_file) return write_file(peer.place.file, view(rest), Existing::replace);
  if (::unlink(peer.place.file.c_str()) != 0) return failed(peer.place.file, "cannot be removed");
  flush_folder(folder_of(peer.place.file));
  return {};
}

Edit replace_peer(const PeerConfig& peer, const PeerConfig& changed) {
  const auto file = text_of_peer(peer);
  if (!file) return Err{file.error()};
  const std::string_view text = view(file->text);
  const auto lines = peer_lines(text, peer.place.line);
  if (!lines) return Err{peer.place.file + ": " + lines.error()};
  const bool key_stays =
      !lines->key_line.empty() && ct_equal(peer.preshared_key.secret.bytes(), changed.preshared_key.secret.bytes());
  if (!key_stays && !changed.preshared_key.secret.is_zero() && file->readable_by_others)
    return Err{peer.place.file + ": others could read the preshared key in it; run: chmod go-rwx " + peer.place.file};
  SecretText peer_text = key_stays ? in_form(lines->form, without_key(changed)) : in_form(lines->form, changed);
  if (key_stays) peer_text.insert(peer_text.end(), lines->key_line.begin(), lines->key_line.end());
  const SecretText whole = spliced(text, *lines, view(peer_text));
  const auto anything = holds_anything(view(whole), peer.place.file);
  if (!anything) return Err{anything.error()};
  return write_file(peer.place.file, view(whole), Existing::replace);
}

Result<PeerLines, std::string> peer_lines(std::string_view text, std::uint32_t header_line) {
  const SafeText safe = make_safe(text, {});
  if (!safe.errors.empty()) return Err{safe.errors.front().reason};
  const auto root = parse_toml(safe, {});
  if (!root) return Err{root.error().reason};
  const auto peers = std::find_if(root->entries.begin(), root->entries.end(),
                                  [](const TomlEntry& entry) { return entry.key == "peer"; });
  if (peers == root->entries.end()) {
    if (header_line > 1) return Err{"line "s + std::to_string(header_line) + " holds no peer any more; try again"};
    return PeerLines{0, text.size(), PeerLines::Form::bare, key_line_of(*root)};
  }
  const auto& items = peers->value.items;
  const auto item = std::find_if(items.begin(), items.end(),
                                 [header_line](const TomlValue& table) { return table.line == header_line; });
  if (item == items.end()) return Err{"line "s + std::to_string(header_line) + " holds no peer any more; try again"};
  const std::size_t begin = offset_of_line(text, header_line);
  const std::size_t first = text.find_first_not_of(" \t", begin);
  if (first == std::string_view::npos || !text.substr(first).starts_with("[["))
    return Err{"the peer in line "s + std::to_string(header_line) + " is not a [[peer]] table; edit it by hand"};
  std::uint32_t last = header_line;
  for (const TomlEntry& entry : item->entries) last = std::max(last, entry.value.last_line);
  return PeerLines{begin, offset_of_line(text, last + 1), PeerLines::Form::table, key_line_of(*item)};
}

}  // namespace culvert::config
