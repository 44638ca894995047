// SPDX-License-Identifier: MIT
#include "resolv_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <string_view>

#include <fmt/format.h>

#include "unique_fd.hpp"

namespace culvert::host {
namespace {

constexpr std::size_t kLargest = 1U << 20U;
constexpr mode_t kMode = 0644;

Failure failure(int code, const std::string& path) { return system_failure(code, "DNS in " + path); }

/// Any octets, as the journal's text takes them.
std::string to_hex(std::string_view octets) {
  std::string text;
  text.reserve(2 * octets.size());
  for (const char each : octets) text += fmt::format("{:02x}", static_cast<unsigned char>(each));
  return text;
}

std::string from_hex(std::string_view text) {
  std::string octets;
  for (std::size_t at = 0; at + 1 < text.size(); at += 2) {
    unsigned value = 0;
    std::from_chars(text.data() + at, text.data() + at + 2, value, 16);
    octets.push_back(static_cast<char>(value));
  }
  return octets;
}

unsigned number_in(const Before& before, const char* key, unsigned otherwise) {
  const auto found = before.find(key);
  if (found == before.end()) return otherwise;
  unsigned value = otherwise;
  std::from_chars(found->second.data(), found->second.data() + found->second.size(), value);
  return value;
}

int write_all(int fd, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t wrote = ::write(fd, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return ::fsync(fd) == 0 || errno == EINVAL ? 0 : errno;
}

struct Owner {
  uid_t user = 0;
  gid_t group = 0;
  mode_t mode = kMode;
};

std::string aside(const std::string& path) { return path + ".culvert"; }

int write_over(const std::string& path, std::string_view text) noexcept {
  const io::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW));
  return fd ? write_all(fd.get(), text) : errno;
}

/// \returns 0 or errno
int hand_over(int fd, const Owner& owner) noexcept {
  struct stat made {};
  if (::fstat(fd, &made) != 0) return errno;
  // Where it is right already, the right to change it is not needed: a service manager may withhold that.
  const bool right = made.st_uid == owner.user && made.st_gid == owner.group;
  if (!right && ::fchown(fd, owner.user, owner.group) != 0) return errno;
  return ::fchmod(fd, owner.mode) == 0 ? 0 : errno;
}

/// \returns 0 or errno
int replace(const std::string& path, std::string_view text, const Owner& owner) noexcept {
  const std::string fresh = aside(path);
  ::unlink(fresh.c_str());  // of a run that crashed here
  io::UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kMode));
  if (!fd) return errno;
  int error = write_all(fd.get(), text);
  if (error == 0) error = hand_over(fd.get(), owner);
  if (error == 0 && ::rename(fresh.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) ::unlink(fresh.c_str());
  return error == EBUSY ? write_over(path, text) : error;  // EBUSY: something is mounted there
}

int replace_by_link(const std::string& path, const std::string& target) noexcept {
  const std::string fresh = aside(path);
  ::unlink(fresh.c_str());
  if (::symlink(target.c_str(), fresh.c_str()) != 0) return errno;
  if (::rename(fresh.c_str(), path.c_str()) == 0) return 0;
  const int error = errno;
  ::unlink(fresh.c_str());
  return error;
}

/// Says whose the file is.
std::string first_line(const std::string& interface) {
  return fmt::format("# Set by Culvert for {}; what was here before comes back when it goes down\n", interface);
}

}  // namespace

bool is_resolv_file_of(const std::string& path, const std::string& interface) {
  const auto text = read_link(path).empty() ? read_text(path) : std::nullopt;
  return text && text->rfind(first_line(interface), 0) == 0;
}

std::optional<std::string> read_text(const std::string& path) {
  const io::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return std::nullopt;
  std::string text;
  std::array<char, 4096> part{};
  for (ssize_t got = 0; (got = ::read(fd.get(), part.data(), part.size())) != 0;) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 || text.size() > kLargest) return std::nullopt;
    text.append(part.data(), static_cast<std::size_t>(got));
  }
  return text;
}

std::string read_link(const std::string& path) {
  std::array<char, 4096> target{};
  const ssize_t got = ::readlink(path.c_str(), target.data(), target.size());
  return got < 0 ? std::string{} : std::string(target.data(), static_cast<std::size_t>(got));
}

std::string text_before(const Before& before) {
  const auto text = before.find("text");
  return text == before.end() ? std::string{} : from_hex(text->second);
}

Result<Before, Failure> look_at_resolv_file(const std::string& path) {
  Before before = {{"way", "file"}};
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno != ENOENT) return Err{failure(errno, path)};
    return before;
  }
  // What a link points to stays as it is; its content is kept for whoever asks which servers there were.
  if (S_ISLNK(status.st_mode)) before["points_to"] = read_link(path);
  const auto text = read_text(path);
  if (!text && !S_ISLNK(status.st_mode)) return Err{failure(errno == 0 ? EFBIG : errno, path)};
  if (text) before["text"] = to_hex(*text);
  before["mode"] = std::to_string(status.st_mode & 07777U);
  before["user"] = std::to_string(status.st_uid);
  before["group"] = std::to_string(status.st_gid);
  return before;
}

Result<void, Failure> set_resolv_file(const std::string& path, const std::string& interface, const std::string& text) {
  if (const int error = replace(path, first_line(interface) + text, Owner{}); error != 0)
    return Err{failure(error, path)};
  return {};
}

Result<void, Failure> restore_resolv_file(const std::string& path, const std::string& interface, const Before& before) {
  if (!is_resolv_file_of(path, interface)) return {};
  int error = 0;
  if (const auto target = before.find("points_to"); target != before.end())
    error = replace_by_link(path, target->second);
  else if (before.contains("text"))
    error = replace(path, text_before(before),
                    {number_in(before, "user", 0), number_in(before, "group", 0), number_in(before, "mode", kMode)});
  else
    error = ::unlink(path.c_str()) == 0 || errno == ENOENT ? 0 : errno;
  if (error != 0) return Err{failure(error, path)};
  return {};
}

}  // namespace culvert::host
