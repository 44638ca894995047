// SPDX-License-Identifier: MIT
#include "files.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "failure.hpp"

namespace culvert::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostOctets = std::size_t{16} << 20;

[[noreturn]] void refuse(std::string_view what, const std::string& path, int error) {
  throw Failure(code_of_errno(error),
                fmt::format("{} cannot be {}: {}", path, what, std::generic_category().message(error)));
}

[[noreturn]] void refuse_existing(const std::string& path) {
  throw Failure(ExitCode::failed, fmt::format("{} exists already; it is left as it is (--force replaces it)", path));
}

/// A file that goes away with its owner unless it was moved to its place.
class NewFile {
 public:
  explicit NewFile(const std::string& place) : path_(place + ".XXXXXX") {
    fd_ = io::UniqueFd(::mkostemp(path_.data(), O_CLOEXEC));  // mode 0600, whatever the umask
    if (!fd_) refuse("written", place, errno);
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }

  void write(std::string_view text, const std::string& place) {
    while (!text.empty()) {
      const ssize_t n = ::write(fd_.get(), text.data(), text.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) refuse("written", place, errno);
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    if (::fsync(fd_.get()) != 0) refuse("written", place, errno);
  }

  void move_to(const std::string& place, Existing existing) {
    switch (existing) {
      case Existing::keep:  // a link, unlike a rename, never takes the place of a file that is there
        if (::link(path_.c_str(), place.c_str()) != 0) {
          if (errno == EEXIST) refuse_existing(place);
          refuse("written", place, errno);
        }
        return;
      case Existing::replace:
        if (::rename(path_.c_str(), place.c_str()) != 0) refuse("written", place, errno);
        path_.clear();
        return;
    }
  }

 private:
  std::string path_;
  io::UniqueFd fd_;
};

/// A new name is on the disk once its folder is.
void sync_folder(const fs::path& folder) {
  const io::UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd) ::fsync(fd.get());
}

/// Whether the path still leads to this file: an edit puts a new one in its place.
bool is_at(const std::string& path, int fd) noexcept {
  struct stat there {
  }, held{};
  return ::stat(path.c_str(), &there) == 0 && ::fstat(fd, &held) == 0 && there.st_dev == held.st_dev &&
         there.st_ino == held.st_ino;
}

}  // namespace

io::UniqueFd lock_config(const std::string& path) {
  for (;;) {
    io::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd && errno == ENOENT) return fd;
    if (!fd || ::flock(fd.get(), LOCK_EX) != 0) refuse("opened", path, errno);
    if (is_at(path, fd.get())) return fd;
  }
}

void write_private_file(const std::string& path, std::string_view text, Existing existing) {
  const fs::path folder = fs::absolute(path).parent_path();
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) refuse("made", folder.string(), errno);
  NewFile file(path);
  file.write(text, path);
  file.move_to(path, existing);
  sync_folder(folder);
}

void require_free(const std::string& path, Existing existing) {
  std::error_code error;
  if (existing == Existing::keep && fs::exists(fs::symlink_status(path, error))) refuse_existing(path);
}

void remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0) refuse("removed", path, errno);
  sync_folder(fs::absolute(path).parent_path());
}

SecretText read_file(const std::string& path) {
  const io::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) refuse("read", path, errno);
  struct stat about {};
  if (::fstat(fd.get(), &about) != 0) refuse("read", path, errno);
  if (!S_ISREG(about.st_mode) || static_cast<std::size_t>(about.st_size) > kMostOctets)
    throw Failure(ExitCode::failed, fmt::format("{} is no file of at most 16 MiB", path));
  SecretText text(static_cast<std::size_t>(about.st_size));
  std::size_t have = 0;
  while (have < text.size()) {
    const ssize_t n = ::read(fd.get(), text.data() + have, text.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) refuse("read", path, errno);
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  text.resize(have);
  return text;
}

}  // namespace culvert::cli
