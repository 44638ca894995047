// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <span>

#include "uapi_parse.hpp"

namespace culvert::control {

struct UapiLimits {
  std::size_t line_octets = 4096;             // without the newline; at most kMaxLineOctets
  std::size_t operation_octets = 64UL << 20;  // 65,280 prefixes of each family take under 4 MiB
};

/// Finds operations in a stream that arrives in pieces of any size. Lines are parsed as they come, so of the text only
/// one unfinished line is ever kept.
class UapiReader {
 public:
  static constexpr std::size_t kMaxLineOctets = 4096;

  explicit UapiReader(UapiLimits limits = {}, ScopeLookup scope_lookup = nullptr) noexcept;
  UapiReader(const UapiReader&) = delete;
  UapiReader& operator=(const UapiReader&) = delete;
  ~UapiReader();

  /// Takes octets up to the end of one operation, and wipes those that it took.
  /// \returns how many; fewer than given only when `ready()`.
  std::size_t feed(std::span<char> octets);
  /// An operation is complete, or refused beyond repair: call `take`.
  [[nodiscard]] bool ready() const noexcept { return parser_.complete() || failure_.has_value(); }
  /// True between operations.
  [[nodiscard]] bool idle() const noexcept { return octets_ == 0; }
  /// The operation, or why it was refused; afterwards the reader waits for the next one. Called before `ready`, as at
  /// the end of the stream, it answers that the operation is cut short.
  [[nodiscard]] Result<Operation, UapiError> take();

 private:
  void take_line();
  void fail(std::string_view reason);
  void wipe_line() noexcept;

  UapiLimits limits_;
  OperationParser parser_;
  std::optional<UapiError> failure_;
  std::size_t octets_ = 0;       // of this operation
  std::size_t line_octets_ = 0;  // of the unfinished line
  std::array<char, kMaxLineOctets> line_{};
};

}  // namespace culvert::control
