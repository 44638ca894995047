// SPDX-License-Identifier: MIT
// A visitor of a variant, made of one lambda an alternative.
#pragma once

namespace culvert {

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

}  // namespace culvert
