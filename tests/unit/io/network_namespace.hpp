// SPDX-License-Identifier: MIT
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "unique_fd.hpp"

/// A network namespace of its own for this thread, and for what it starts, until this dies.
class NetworkNamespace {
 public:
  NetworkNamespace() : before_(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
    REQUIRE(::unshare(CLONE_NEWNET) == 0);
  }
  NetworkNamespace(const NetworkNamespace&) = delete;
  NetworkNamespace& operator=(const NetworkNamespace&) = delete;
  ~NetworkNamespace() { CHECK(::setns(before_.get(), CLONE_NEWNET) == 0); }

 private:
  culvert::io::UniqueFd before_;
};

inline void run(const std::string& command) {
  CAPTURE(command);
  REQUIRE(std::system(command.c_str()) == 0);
}

/// A setting under /proc/sys/net.
inline void set_network(const std::string& name, const std::string& value) {
  CAPTURE(name);
  std::ofstream file("/proc/sys/net/" + name);
  file << value << std::flush;
  REQUIRE(file.good());
}
