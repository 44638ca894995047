// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include <culvert/address.hpp>
#include <culvert/bytes.hpp>

namespace culvert::host {

/// Asks one server for the addresses of a name, on a socket with the mark. Empty: no answer, or none that says any.
/// The answer is trusted with nothing but where handshakes go: whoever forges it cannot complete one.
/// Any thread. Waits 6 s at most.
[[nodiscard]] std::vector<IpAddress> query_outside(const IpAddress& server, const std::string& name, Family family,
                                                   std::uint32_t mark);

/// The addresses of one family in an answer to the question. Empty: it answers another question, or has none.
[[nodiscard]] std::vector<IpAddress> read_answer(Bytes question, Bytes answer, Family family);

}  // namespace culvert::host
