// SPDX-License-Identifier: MIT
#pragma once

#include <cstdlib>
#include <type_traits>
#include <utility>
#include <variant>

namespace culvert {

/// The error half of a `Result`: `return Err{Drop::bad_mac1};`
template <class E>
struct Err {
  E error;
};
template <class E>
Err(E) -> Err<E>;

/// A value or the reason why there is none (`std::expected` is not in C++20).
/// Asking a failed result for its value is a bug of the caller and ends the process.
template <class T, class E>
class [[nodiscard]] Result {
 public:
  template <class U = T>
  requires std::is_constructible_v<T, U&&> Result(U&& value) : state_(std::in_place_index<0>, std::forward<U>(value)) {}
  template <class F>
  requires std::is_constructible_v<E, F&&> Result(Err<F> err) : state_(std::in_place_index<1>, std::move(err.error)) {}

  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  [[nodiscard]] T& operator*() & { return *checked(std::get_if<0>(&state_)); }
  [[nodiscard]] const T& operator*() const& { return *checked(std::get_if<0>(&state_)); }
  [[nodiscard]] T&& operator*() && { return std::move(*checked(std::get_if<0>(&state_))); }
  [[nodiscard]] T* operator->() { return checked(std::get_if<0>(&state_)); }
  [[nodiscard]] const T* operator->() const { return checked(std::get_if<0>(&state_)); }

  [[nodiscard]] const E& error() const { return *checked(std::get_if<1>(&state_)); }

 private:
  template <class P>
  static P* checked(P* p) {
    if (p == nullptr) std::abort();
    return p;
  }
  std::variant<T, E> state_;
};

template <class E>
class [[nodiscard]] Result<void, E> {
 public:
  Result() = default;
  template <class F>
  requires std::is_constructible_v<E, F&&> Result(Err<F> err) : error_(std::in_place_index<1>, std::move(err.error)) {}

  [[nodiscard]] bool has_value() const noexcept { return error_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }
  [[nodiscard]] const E& error() const {
    const E* e = std::get_if<1>(&error_);
    if (e == nullptr) std::abort();
    return *e;
  }

 private:
  std::variant<std::monostate, E> error_;
};

}  // namespace culvert
