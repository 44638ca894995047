// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <vector>

#include "tun_queue.hpp"

/// A TUN queue that keeps what is written to it, unless `refuse` names an errno for it.
class RecordingQueue final : public culvert::io::TunQueue {
 public:
  struct Write {
    culvert::io::VnetHeader header;
    std::vector<std::uint8_t> packet;
    std::size_t parts;
  };

  std::vector<Write> writes;
  std::size_t attempts = 0;
  std::function<int(const culvert::io::VnetHeader&)> refuse = [](const auto&) { return 0; };

  culvert::Result<culvert::io::SuperPacket, culvert::io::TunFault> read(culvert::MutBytes) noexcept override {
    return culvert::Err{culvert::io::TunFault{culvert::io::TunStop::empty, 11}};
  }

  culvert::Result<void, culvert::io::TunFault> write(const culvert::io::VnetHeader& header,
                                                     std::span<const iovec> parts) noexcept override {
    ++attempts;
    if (const int error = refuse(header); error != 0) {
      const auto stop = error == 22  ? culvert::io::TunStop::refused
                        : error == 5 ? culvert::io::TunStop::down
                                     : culvert::io::TunStop::full;
      return culvert::Err{culvert::io::TunFault{stop, error}};
    }
    Write write{header, {}, parts.size()};
    for (const iovec& part : parts) {
      const auto* octets = static_cast<const std::uint8_t*>(part.iov_base);
      write.packet.insert(write.packet.end(), octets, octets + part.iov_len);
    }
    writes.push_back(std::move(write));
    return {};
  }

  int descriptor() const noexcept override { return -1; }
};
