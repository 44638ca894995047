// SPDX-License-Identifier: MIT
// The one translation unit that holds asio's own code: with ASIO_SEPARATE_COMPILATION no other one compiles it again.
#include <asio/impl/src.hpp>
