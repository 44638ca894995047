// SPDX-License-Identifier: MIT
#include "system_hands.hpp"

#include <type_traits>

#include "link_steps.hpp"
#include "nft.hpp"
#include "sysctl.hpp"

namespace culvert::host {
namespace {

template <class Kind>
constexpr bool kIsDns = std::is_same_v<Kind, step::Dns>;
template <class Kind>
constexpr bool kIsSysctl = std::is_same_v<Kind, step::Sysctl>;
template <class Kind>
constexpr bool kIsRule = std::is_same_v<Kind, step::Rule>;

}  // namespace

// Each kind of step brings three functions of these names; the compiler finds them by its type. DNS needs the places
// too, and what tunnels share the journals.

Result<Before, Failure> SystemHands::look(const std::string& interface, const Step& step) {
  return std::visit(
      [&]<class Kind>(const Kind& each) {
        if constexpr (kIsDns<Kind>)
          return look_at_dns(places_, journals_, interface, each);
        else if constexpr (kIsSysctl<Kind>)
          return look_at_sysctl(journals_, interface, each);
        else
          return host::look(interface, each);
      },
      step);
}

Result<void, Failure> SystemHands::make(const std::string& interface, const Step& step, const Before& before) {
  return std::visit(
      [&]<class Kind>(const Kind& each) {
        if constexpr (kIsDns<Kind>)
          return set_dns(places_, interface, each, before);
        else if constexpr (kIsSysctl<Kind>)
          return set_sysctl(each);
        else
          return host::make(interface, each, before);
      },
      step);
}

Result<void, Failure> SystemHands::undo(const std::string& interface, const Step& step, const Before& before) {
  return std::visit(
      [&]<class Kind>(const Kind& each) {
        if constexpr (kIsDns<Kind>)
          return restore_dns(places_, journals_, interface, before);
        else if constexpr (kIsSysctl<Kind>)
          return restore_sysctl(journals_, interface, each, before);
        else if constexpr (kIsRule<Kind>)
          return undo_rule(journals_, interface, each);
        else
          return host::undo(interface, each, before);
      },
      step);
}

}  // namespace culvert::host
