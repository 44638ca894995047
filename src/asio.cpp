// SPDX-License-Identifier: MIT
// The one translation unit that holds asio's own code: with ASIO_SEPARATE_COMPILATION no other one compiles it again.
//
// asio asks libstdc++ how to allocate only where one of its headers came first; what one file allocates by
// aligned_alloc must not be given back by `operator delete` in another.
#include <cstddef>

#include <asio/impl/src.hpp>
