// SPDX-License-Identifier: MIT
#include "private_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "unique_fd.hpp"

namespace culvert::daemon {
namespace {

bool write_whole(int fd, const control::SecretText& text) noexcept {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno != EINTR) return false;
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  return ::fsync(fd) == 0;
}

}  // namespace

Result<void, std::string> write_private_file(const std::string& path, const control::SecretText& text) {
  const std::string beside = path + ".new";
  ::unlink(beside.c_str());
  const io::UniqueFd fd(::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (fd && write_whole(fd.get(), text) && ::rename(beside.c_str(), path.c_str()) == 0) return {};
  const int error = errno;
  ::unlink(beside.c_str());
  return Err{"write " + path + ": " + std::generic_category().message(error)};
}

}  // namespace culvert::daemon
