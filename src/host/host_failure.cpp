// SPDX-License-Identifier: MIT
#include "host_failure.hpp"

#include <cerrno>
#include <system_error>
#include <utility>

namespace culvert::host {
namespace {

const char* advice_for(int code) noexcept {
  switch (code) {
    case EPERM:
    case EACCES:
      return "this needs root, or CAP_NET_ADMIN in this network namespace";
    case ENODEV:
    case ENXIO:
      return "the interface is gone: look at the log for who removed it";
    case EOPNOTSUPP:
    case EAFNOSUPPORT:
      return "this kernel was built or started without it (is IPv6 switched off?)";
    case ENOSPC:
    case EDQUOT:
      return "the disk is full: make room and try again";
    case EROFS:
      return "the file system is read-only: mount it writable, or name another folder";
    default:
      return "";
  }
}

}  // namespace

std::string Failure::message() const {
  std::string text = step;
  if (!reason.empty()) text += ": " + reason;
  if (!advice.empty()) text += " (" + advice + ")";
  return text;
}

Failure system_failure(int code, std::string step) {
  return {code, std::move(step), std::generic_category().message(code), advice_for(code)};
}

}  // namespace culvert::host
