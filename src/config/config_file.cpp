// SPDX-License-Identifier: MIT
#include "config_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "unique_fd.hpp"

namespace culvert::config {
namespace {

enum class Links : std::uint8_t { follow, refuse };

struct Opened {
  io::UniqueFd fd;
  struct stat status {};
};

std::string words_of(int error) { return std::generic_category().message(error); }

Result<Opened, std::string> open_file(const std::string& path, Links links, std::size_t largest) {
  // O_NONBLOCK: opening a pipe must not wait for its other end.
  const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (links == Links::refuse ? O_NOFOLLOW : 0);
  Opened file{io::UniqueFd(::open(path.c_str(), flags)), {}};
  if (file.fd.get() < 0) {
    if (errno == ELOOP && links == Links::refuse)
      return Err{std::string("is a symbolic link, which another could turn elsewhere; name the file itself")};
    if (errno == ENOENT) return Err{std::string("there is no such file")};
    return Err{"cannot be opened: " + words_of(errno)};
  }
  if (::fstat(file.fd.get(), &file.status) != 0) return Err{"cannot be examined: " + words_of(errno)};
  if (!S_ISREG(file.status.st_mode)) return Err{std::string("is not a regular file")};
  if (static_cast<std::uint64_t>(file.status.st_size) > largest)
    return Err{"is larger than " + std::to_string(largest) + " octets, which no such file needs"};
  return file;
}

Result<SecretText, std::string> read_all(const Opened& file, std::size_t largest) {
  SecretText text(static_cast<std::size_t>(file.status.st_size) + 1);  // one more: to see its end
  std::size_t got = 0;
  for (;;) {
    if (got == text.size()) text.resize(text.size() * 2);  // it grew meanwhile, or has no size (procfs)
    const ssize_t n = ::read(file.fd.get(), text.data() + got, text.size() - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Err{"cannot be read: " + words_of(errno)};
    got += static_cast<std::size_t>(n);
    if (got > largest) return Err{"is larger than " + std::to_string(largest) + " octets, which no such file needs"};
    if (n == 0) break;
  }
  text.resize(got);
  return text;
}

}  // namespace

Result<FileText, std::string> read_config_file(const std::string& path) {
  const auto file = open_file(path, Links::follow, kLargestConfigOctets);
  if (!file) return Err{file.error()};
  if ((file->status.st_mode & S_IWOTH) != 0)
    return Err{std::string("everybody can write to it; run: chmod go-rwx ") + path};
  auto text = read_all(*file, kLargestConfigOctets);
  if (!text) return Err{text.error()};
  return FileText{.text = std::move(*text), .readable_by_others = (file->status.st_mode & (S_IRGRP | S_IROTH)) != 0};
}

Result<SecretText, std::string> read_key_file(const std::string& path) {
  const auto file = open_file(path, Links::refuse, kLargestKeyFileOctets);
  if (!file) return Err{file.error()};
  if ((file->status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return Err{std::string("others than its owner can read or write it; run: chmod go-rwx ") + path};
  return read_all(*file, kLargestKeyFileOctets);
}

Result<SecretText, std::string> read_credential(const std::string& directory, const std::string& name) {
  if (name.empty() || name.find('/') != std::string::npos || name.front() == '.')
    return Err{std::string("is not a credential's name, which has no '/'")};
  if (directory.empty())
    return Err{
        std::string("there are no credentials: $CREDENTIALS_DIRECTORY is not set; "
                    "the systemd unit needs LoadCredential=")};
  const auto file = open_file(directory + '/' + name, Links::refuse, kLargestKeyFileOctets);
  if (!file) return Err{file.error()};
  if ((file->status.st_mode & S_IRWXO) != 0) return Err{std::string("everybody can read or write it")};
  return read_all(*file, kLargestKeyFileOctets);
}

}  // namespace culvert::config
