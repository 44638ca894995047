// SPDX-License-Identifier: MIT
#include "totals_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "private_file.hpp"
#include "unique_fd.hpp"

namespace culvert::daemon {
namespace {

constexpr std::size_t kMostOctets = std::size_t{256} << 20;  // a million peers and their like

/// Error: errno, EFBIG for what cannot be such a file.
Result<std::string, int> read_whole(const std::string& path) {
  const io::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return Err{errno};
  std::string text;
  char part[65536];
  for (;;) {
    const ssize_t n = ::read(fd.get(), part, sizeof part);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Err{errno};
    if (n == 0) return text;
    text.append(part, static_cast<std::size_t>(n));
    if (text.size() > kMostOctets) return Err{EFBIG};
  }
}

}  // namespace

LoadedTotals load_totals(const std::string& path) {
  const auto text = read_whole(path);
  if (!text && text.error() == ENOENT) return {};
  auto totals =
      text ? parse_totals(*text) : Result<Totals, std::string>(Err{std::generic_category().message(text.error())});
  if (totals) return {.totals = std::move(*totals), .warning = {}};
  const std::string aside = path + ".bad";
  const bool moved = ::rename(path.c_str(), aside.c_str()) == 0;
  return {.totals = {},
          .warning = fmt::format("The traffic totals in {} cannot be read ({}); they begin anew{}", path,
                                 totals.error(), moved ? ", and the file is now " + aside : "")};
}

Result<void, std::string> save_totals(const std::string& path, const Totals& totals) {
  const std::string text = totals_text(totals);
  return write_private_file(path, control::SecretText(text.begin(), text.end()));
}

}  // namespace culvert::daemon
