// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "dns.hpp"
#include "hands.hpp"

namespace culvert::host {

/// The host that this process runs on: its network namespace, its files. Needs CAP_NET_ADMIN, and root for DNS.
class SystemHands : public Hands {
 public:
  /// \param places    of the files that DNS is set by; others than those of the system in tests only
  /// \param journals  the folder where the journals of all interfaces are
  explicit SystemHands(DnsPlaces places = {}, std::string journals = "/var/lib/culvert")
      : places_(std::move(places)), journals_(std::move(journals)) {}

  [[nodiscard]] Result<Before, Failure> look(const std::string& interface, const Step& step) override;
  [[nodiscard]] Result<void, Failure> make(const std::string& interface, const Step& step,
                                           const Before& before) override;
  [[nodiscard]] Result<void, Failure> undo(const std::string& interface, const Step& step,
                                           const Before& before) override;

 private:
  DnsPlaces places_;
  std::string journals_;
};

}  // namespace culvert::host
