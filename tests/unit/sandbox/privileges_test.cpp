// SPDX-License-Identifier: MIT
#include "privileges.hpp"

#include <doctest/doctest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "in_child.hpp"
#include "key_memory.hpp"
#include "process_status.hpp"

namespace culvert {
namespace {

using sandbox::end_of_child;

class AccountsFile {
 public:
  explicit AccountsFile(const char* text) {
    const int fd = ::mkstemp(name_);
    if (fd >= 0) ::close(fd);
    std::ofstream(name_) << text;
  }
  ~AccountsFile() { std::remove(name_); }
  AccountsFile(const AccountsFile&) = delete;
  AccountsFile& operator=(const AccountsFile&) = delete;
  [[nodiscard]] const char* name() const noexcept { return name_; }

 private:
  char name_[32] = "/tmp/culvert-accounts-XXXXXX";
};

TEST_CASE("an account is found by its whole name, with user and group") {
  const AccountsFile file("root:x:0:0::/root:/bin/sh\nculvert2:x:7:8::/:/bin/false\nculvert:x:990:991::/:/bin/false\n");
  const auto account = sandbox::find_account(file.name(), "culvert");
  REQUIRE(account.has_value());
  CHECK(account->user == 990);
  CHECK(account->group == 991);
}

TEST_CASE("an account that is root by another name is none for packets") {
  const AccountsFile file("culvert:x:0:0::/:/bin/false\n");
  CHECK_FALSE(sandbox::find_account(file.name(), "culvert").has_value());
}

TEST_CASE("no such account, and no such file") {
  const AccountsFile file("root:x:0:0::/root:/bin/sh\n");
  CHECK_FALSE(sandbox::find_account(file.name(), "culvert").has_value());
  CHECK_FALSE(sandbox::find_account("/no/such/file", "culvert").has_value());
}

TEST_CASE("what is left afterwards: no capability, no group, no core, no dump, no way back") {
  CHECK(end_of_child([] {
          sandbox::prepare_memory();
          const bool was_root = ::geteuid() == 0;
          const auto dropped = sandbox::drop_privileges({.user = 65534, .group = 65534});
          if (!dropped) return 1;
          const auto status = sandbox::read_own_status();
          if (!status || status->has_capabilities() || !status->no_new_privileges) return 2;
          rlimit core{};
          if (::getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_max != 0) return 3;
          if (::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0) return 4;
          // Where root's name space knows no other user, it stays, and says why.
          if (was_root && dropped->trouble.empty() && (dropped->user != 65534 || status->has_groups)) return 5;
          if (was_root && dropped->trouble.empty() && ::setuid(0) == 0) return 6;
          return 0;
        }) == "exit 0");
}

TEST_CASE("memory is locked only where nothing limits it, so that no allocation fails later") {
  CHECK(end_of_child([] {
          const rlimit small{.rlim_cur = 65536, .rlim_max = 65536};
          if (::setrlimit(RLIMIT_MEMLOCK, &small) != 0) return 1;
          std::string trouble;
          if (sandbox::lock_memory(trouble) != sandbox::Memory::unlocked) return 2;
          return trouble.empty() ? 3 : 0;
        }) == "exit 0");
}

}  // namespace
}  // namespace culvert
