// SPDX-License-Identifier: MIT
// The cross-platform configuration protocol, read: lines `key=value`, the first `get=1` or `set=1`, the last empty.
// Pure: lines go in, a request or the first error comes out; nothing is applied here. Key material goes from the line
// straight into `Secret`, and no error text ever holds a value.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <variant>

#include <culvert/result.hpp>

#include "set_request.hpp"

namespace culvert::control {

/// The two operations differ in the sign of the errno that clients understand.
enum class Verb : std::uint8_t { unknown, get, set };

/// Why an operation was refused.
struct UapiError {
  enum class Connection : std::uint8_t { stays, closes };

  int error = 0;  // positive errno
  Verb verb = Verb::unknown;
  std::size_t line = 0;  // counted from 1 within the operation; 0: the operation as a whole
  std::string key{};     // printable and short; may be empty
  std::string reason{};
  Connection connection = Connection::stays;  // closes: the next operation's start can not be found

  /// "line 7, endpoint: not a numeric IP:PORT"
  [[nodiscard]] std::string message() const;
};

struct GetRequest {};
using Operation = std::variant<GetRequest, SetRequest>;

/// The index of an interface by name, or 0: `wg` writes link-local endpoints as `[fe80::1%eth0]:51820`.
using ScopeLookup = std::function<std::uint32_t(std::string_view name)>;

/// Takes one operation line by line. After the first error, further lines are only counted.
class OperationParser {
 public:
  /// Without `scope_lookup`, scopes must be numbers.
  explicit OperationParser(ScopeLookup scope_lookup = nullptr) noexcept : scope_lookup_(std::move(scope_lookup)) {}

  /// \param line  without its newline.
  void take(std::string_view line);
  /// True once the empty line came, or an error after which there is no use in waiting for it.
  [[nodiscard]] bool complete() const noexcept { return complete_; }
  [[nodiscard]] Verb verb() const noexcept { return verb_; }
  /// Lines taken so far.
  [[nodiscard]] std::size_t lines() const noexcept { return lines_; }
  /// The operation or its first error; an operation without its empty line is an error. Leaves a fresh parser.
  [[nodiscard]] Result<Operation, UapiError> finish();

 private:
  struct Refusal {
    int error;
    std::string_view reason;
  };
  using Verdict = Result<void, Refusal>;

  void take_first(std::string_view line);
  Verdict take_device_key(std::string_view key, std::string_view value);
  Verdict take_peer_key(PeerChange& peer, std::string_view key, std::string_view value);
  Verdict begin_peer(std::string_view value);
  [[nodiscard]] static Verdict take_past(PeerChange& peer, std::string_view key, std::string_view value);
  Verdict take_endpoint(PeerChange& peer, std::string_view value) const;
  void refuse(std::string_view key, const Refusal& refusal);

  ScopeLookup scope_lookup_;
  Verb verb_ = Verb::unknown;
  bool complete_ = false;
  std::size_t lines_ = 0;
  std::optional<UapiError> error_;
  SetRequest request_;
  std::unordered_set<PublicKey> seen_;
};

/// The whole text of one operation, with its empty line and nothing after it.
[[nodiscard]] Result<Operation, UapiError> parse_operation(std::string_view text, ScopeLookup scope_lookup = nullptr);

}  // namespace culvert::control
