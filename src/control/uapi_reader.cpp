// SPDX-License-Identifier: MIT
#include "uapi_reader.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace culvert::control {
namespace {

/// Wipes octets on every way out, exceptions included.
struct WipeAtEnd {
  std::span<char> octets;
  ~WipeAtEnd() { sodium_memzero(octets.data(), octets.size()); }
};

}  // namespace

UapiReader::UapiReader(UapiLimits limits, ScopeLookup scope_lookup) noexcept
    : limits_(limits), parser_(std::move(scope_lookup)) {
  limits_.line_octets = std::min(limits_.line_octets, kMaxLineOctets);
}

UapiReader::~UapiReader() { wipe_line(); }

std::size_t UapiReader::feed(std::span<char> octets) {
  std::size_t taken = 0;
  while (!ready() && taken < octets.size()) {
    const std::span<char> rest = octets.subspan(taken);
    const auto newline = std::find(rest.begin(), rest.end(), '\n');
    const bool ends = newline != rest.end();
    const std::span<char> piece = rest.first(static_cast<std::size_t>(newline - rest.begin()));
    const std::size_t step = piece.size() + (ends ? 1 : 0);
    const WipeAtEnd wipe{rest.first(step)};
    taken += step;
    octets_ += step;
    if (octets_ > limits_.operation_octets) {
      fail("the operation is too long");
    } else if (line_octets_ + piece.size() > limits_.line_octets) {
      fail("the line is too long");
    } else if (ends && line_octets_ == 0) {
      parser_.take({piece.data(), piece.size()});
    } else {
      std::copy(piece.begin(), piece.end(), line_.begin() + static_cast<std::ptrdiff_t>(line_octets_));
      line_octets_ += piece.size();
      if (ends) take_line();
    }
  }
  return taken;
}

void UapiReader::take_line() {
  const WipeAtEnd wipe{std::span(line_).first(line_octets_)};
  const std::string_view line(line_.data(), line_octets_);
  line_octets_ = 0;
  parser_.take(line);
}

void UapiReader::fail(std::string_view reason) {
  failure_ = UapiError{.error = EMSGSIZE,
                       .verb = parser_.verb(),
                       .line = parser_.lines() + 1,
                       .reason = std::string(reason),
                       .connection = UapiError::Connection::closes};
}

Result<Operation, UapiError> UapiReader::take() {
  octets_ = 0;
  wipe_line();
  auto operation = parser_.finish();
  if (!failure_) return operation;
  UapiError failure = std::move(*failure_);
  failure_.reset();
  return Err{std::move(failure)};
}

void UapiReader::wipe_line() noexcept {
  sodium_memzero(line_.data(), line_.size());
  line_octets_ = 0;
}

}  // namespace culvert::control
