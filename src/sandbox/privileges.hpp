// SPDX-License-Identifier: MIT
// Giving up everything that root may do, for good. Before any thread is made.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include <culvert/result.hpp>

namespace culvert::sandbox {

struct Account {
  uid_t user = 0;
  gid_t group = 0;
};

/// The account of that name in a file like /etc/passwd. The file itself is read, not what else the system may ask for
/// accounts: no code of others is loaded for it.
[[nodiscard]] std::optional<Account> find_account(const char* file, std::string_view name);

/// The account "culvert", or where there is none that of nobody.
[[nodiscard]] Account account_for_packets();

struct Privileges {
  uid_t user = 0;       // that it has now
  std::string trouble;  // why it kept the user that it had; empty: it did not, or never was root
};

/// Becomes `account` if it is root, without any group beside; leaves no capability in any set (in the bounding set as
/// far as allowed), and can gain none by executing anything. Then looks whether that is so. Cores and the eyes of
/// other processes of this user are shut out as well.
/// Error: a sentence; the process should end, since some of its powers may be left.
[[nodiscard]] Result<Privileges, std::string> drop_privileges(Account account);

}  // namespace culvert::sandbox
