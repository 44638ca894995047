// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "tun.hpp"
#include "tun_queue.hpp"

namespace culvert::io {

/// Takes over one queue of an open device. \param writer  of the queue, or none: then the queue is written to itself.
/// \param offload  what the device was granted: anything but `none` means vnet headers. `calls` must outlive the queue.
[[nodiscard]] std::unique_ptr<TunQueue> make_tun_queue(UniqueFd queue, UniqueFd writer, TunOffload offload,
                                                       const TunCalls& calls = system_tun_calls());

}  // namespace culvert::io
