// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace culvert::host {

/// A whole number that fits, where the library would make some other number of any, or worse: of a floating one beyond
/// the type's range C++ says nothing. \throws std::invalid_argument
template <std::unsigned_integral T>
[[nodiscard]] T number_from(const nlohmann::json& value) {
  const bool whole = value.is_number_unsigned() || (value.is_number_integer() && value.get<std::int64_t>() >= 0);
  if (!whole || value.get<std::uint64_t>() > std::numeric_limits<T>::max())
    throw std::invalid_argument("not a whole number that fits");
  return value.get<T>();
}

}  // namespace culvert::host
