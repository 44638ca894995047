// SPDX-License-Identifier: MIT
// Written against [K] Documentation/userspace-api/landlock.rst of Linux 6.12. The C library has no functions for these
// calls, and its headers are older than the newest rights, so both are spelled out.
#include "landlock.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace culvert::sandbox {
namespace {

constexpr long kCreateRuleset = 444, kRestrictSelf = 446;  // the same on every architecture
constexpr unsigned kAskVersion = 1;

constexpr std::uint64_t bits(unsigned count) noexcept { return (std::uint64_t{1} << count) - 1; }

// The rights over files came in this order; the count that each version knows.
constexpr unsigned kFilesV1 = 13, kFilesWithRefer = 14, kFilesWithTruncate = 15, kFilesWithIoctl = 16;
constexpr std::uint64_t kTcpBindAndConnect = bits(2);
constexpr std::uint64_t kAbstractSocketsAndSignals = bits(2);

constexpr unsigned files_of(int version) noexcept {
  if (version >= 5) return kFilesWithIoctl;
  if (version >= 3) return kFilesWithTruncate;
  return version == 2 ? kFilesWithRefer : kFilesV1;
}

struct Attributes {
  std::uint64_t files, network, scopes;
};

}  // namespace

LandlockRights landlock_rights(int version) noexcept {
  if (version < 1) return {};
  LandlockRights rights{.files = bits(files_of(version)), .network = 0, .scopes = 0, .octets = sizeof(std::uint64_t)};
  if (version >= 4) {
    rights.network = kTcpBindAndConnect;
    rights.octets += sizeof(std::uint64_t);
  }
  if (version >= 6) {
    rights.scopes = kAbstractSocketsAndSignals;
    rights.octets += sizeof(std::uint64_t);
  }
  return rights;
}

int landlock_version() noexcept {
  const long version = ::syscall(kCreateRuleset, nullptr, 0, kAskVersion);
  return version < 0 ? 0 : static_cast<int>(version);
}

Result<void, std::string> apply_landlock(const LandlockRights& rights) {
  const auto failure = [](const char* what) {
    return Err{std::string(what) + ": " + std::generic_category().message(errno)};
  };
  const Attributes attributes{.files = rights.files, .network = rights.network, .scopes = rights.scopes};
  const long ruleset = ::syscall(kCreateRuleset, &attributes, rights.octets, 0);
  if (ruleset < 0) return failure("Landlock takes no set of rules");
  // No rule is added: a right that is handled and given nowhere is gone.
  const long restricted = ::syscall(kRestrictSelf, ruleset, 0);
  const int error = errno;
  ::close(static_cast<int>(ruleset));
  errno = error;
  if (restricted != 0) return failure("Landlock cannot be applied");
  return {};
}

}  // namespace culvert::sandbox
