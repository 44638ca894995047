// SPDX-License-Identifier: MIT
#include "privileges.hpp"

#include <cap-ng.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

#include "process_status.hpp"

namespace culvert::sandbox {
namespace {

constexpr const char* kAccounts = "/etc/passwd";
constexpr std::string_view kName = "culvert";
constexpr Account kNobody{.user = 65534, .group = 65534};

std::string failure(std::string_view what) {
  return "cannot " + std::string(what) + ": " + std::generic_category().message(errno);
}

/// The groups, the group and the user, in this order: each needs the powers of the next. Empty, or why not.
std::string become(Account account) {
  if (::setgroups(0, nullptr) != 0) return failure("leave all groups");
  if (::setresgid(account.group, account.group, account.group) != 0)
    return failure("become group " + std::to_string(account.group));
  if (::setresuid(account.user, account.user, account.user) != 0)
    return failure("become user " + std::to_string(account.user));
  return {};
}

/// Whoever started us may have left nothing to give up, and then not the system call for it either.
bool is_bare() {
  const auto status = read_own_status();
  return ::geteuid() != 0 && status && !status->has_capabilities() && status->bounding == 0;
}

Result<void, std::string> verify(uid_t left) {
  if (left == 0 && ::geteuid() != 0 && ::setuid(0) == 0) return Err{std::string("the way back to root is open")};
  const auto status = read_own_status();
  if (!status) return Err{status.error()};
  if (status->has_capabilities()) return Err{std::string("capabilities are left")};
  if (!status->no_new_privileges) return Err{std::string("a program that it executed could gain privileges")};
  return {};
}

}  // namespace

std::optional<Account> find_account(const char* file, std::string_view name) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> accounts(std::fopen(file, "re"), &std::fclose);
  if (!accounts) return std::nullopt;
  while (const passwd* entry = ::fgetpwent(accounts.get()))
    if (entry->pw_name == name && entry->pw_uid != 0) return Account{entry->pw_uid, entry->pw_gid};
  return std::nullopt;
}

Account account_for_packets() { return find_account(kAccounts, kName).value_or(kNobody); }

Result<Privileges, std::string> drop_privileges(Account account) {
  const uid_t before = ::geteuid();
  Privileges result;
  if (!is_bare()) {
    ::capng_clear(CAPNG_SELECT_ALL);
    // Without the right to it the bounding set stays, which gives nothing by itself and nothing at all from here on.
    (void)::capng_apply(CAPNG_SELECT_BOUNDS);
    if (before == 0) result.trouble = become(account);
    ::capng_clear(CAPNG_SELECT_ALL);
    if (::capng_apply(CAPNG_SELECT_CAPS) != 0) return Err{failure("give up all capabilities")};
  }
  result.user = ::geteuid();
  // A kernel that knows no ambient set has none that could be left.
  (void)::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Err{failure("renounce new privileges")};
  // Another user means another setting here, so it comes last.
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return Err{failure("forbid dumps")};
  if (auto verified = verify(before); !verified) return Err{verified.error()};
  return result;
}

}  // namespace culvert::sandbox
