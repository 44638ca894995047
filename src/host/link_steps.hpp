// SPDX-License-Identifier: MIT
// The steps that rtnetlink makes: addresses, MTU, up, rules, routes. A step is safe to make and to undo twice.
#pragma once

#include <string>

#include <culvert/result.hpp>

#include "host_failure.hpp"
#include "journal.hpp"
#include "plan.hpp"

namespace culvert::host {

// What is remembered: "link", the number of the interface; "present", where it was so already. With another number the
// interface is another one of the same name, and what was made on the first went with it.

[[nodiscard]] Result<Before, Failure> look(const std::string& interface, const step::Address& step);
[[nodiscard]] Result<void, Failure> make(const std::string& interface, const step::Address& step, const Before& before);
[[nodiscard]] Result<void, Failure> undo(const std::string& interface, const step::Address& step, const Before& before);

[[nodiscard]] Result<Before, Failure> look(const std::string& interface, const step::Mtu& step);
[[nodiscard]] Result<void, Failure> make(const std::string& interface, const step::Mtu& step, const Before& before);
[[nodiscard]] Result<void, Failure> undo(const std::string& interface, const step::Mtu& step, const Before& before);

[[nodiscard]] Result<Before, Failure> look(const std::string& interface, const step::LinkUp& step);
[[nodiscard]] Result<void, Failure> make(const std::string& interface, const step::LinkUp& step, const Before& before);
[[nodiscard]] Result<void, Failure> undo(const std::string& interface, const step::LinkUp& step, const Before& before);

[[nodiscard]] Result<Before, Failure> look(const std::string& interface, const step::Rule& step);
[[nodiscard]] Result<void, Failure> make(const std::string& interface, const step::Rule& step, const Before& before);
/// Tunnels share the rules of local networks, which are the same for all: the last takes them away, in whatever order
/// they end. They know of each other by their journals in one folder.
[[nodiscard]] Result<void, Failure> undo_rule(const std::string& journals, const std::string& interface,
                                              const step::Rule& step);

[[nodiscard]] Result<Before, Failure> look(const std::string& interface, const step::Route& step);
[[nodiscard]] Result<void, Failure> make(const std::string& interface, const step::Route& step, const Before& before);
[[nodiscard]] Result<void, Failure> undo(const std::string& interface, const step::Route& step, const Before& before);

}  // namespace culvert::host
