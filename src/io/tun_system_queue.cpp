// SPDX-License-Identifier: MIT
#include "tun_system_queue.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include "udp_counters.hpp"

namespace culvert::io {
namespace {

TunStop read_stop(int error) noexcept {
  switch (error) {
    case EAGAIN:
      return TunStop::empty;
    case EIO:
      return TunStop::down;
    case EBADFD:  // the device was deleted, or went with its namespace
    case EBADF:
    case ENODEV:
      return TunStop::gone;
  }
  return TunStop::failed;
}

TunStop write_stop(int error) noexcept {
  switch (error) {
    case EAGAIN:
    case ENOBUFS:
    case ENOMEM:
    case ENOSPC:
      return TunStop::full;
    case EINVAL:
      return TunStop::refused;
  }
  return read_stop(error);
}

std::size_t octets_of(std::span<const iovec> parts) noexcept {
  std::size_t octets = 0;
  for (const iovec& part : parts) octets += part.iov_len;
  return octets;
}

/// Of a header that we wrote, so that hdr_len is right.
std::size_t packets_of(const VnetHeader& header, std::size_t octets) noexcept {
  if (header.gso_type == kGsoNone || header.gso_size == 0 || octets <= header.hdr_len) return 1;
  return (octets - header.hdr_len + header.gso_size - 1) / header.gso_size;
}

class SystemQueue final : public TunQueue {
 public:
  SystemQueue(UniqueFd queue, UniqueFd writer, TunOffload offload, const TunCalls& calls) noexcept
      : queue_(std::move(queue)),
        writer_(std::move(writer)),
        write_to_(writer_ ? writer_.get() : queue_.get()),
        vnet_(offload != TunOffload::none),
        calls_(calls) {}

  Result<SuperPacket, TunFault> read(MutBytes buffer) noexcept override {
    SuperPacket super;
    const std::array<iovec, 2> parts{iovec{&super.header, sizeof super.header}, iovec{buffer.data(), buffer.size()}};
    const std::size_t skip = vnet_ ? 0 : 1;
    ssize_t n = 0;
    do {
      n = calls_.readv(queue_.get(), parts.data() + skip, static_cast<int>(parts.size() - skip));
    } while (n < 0 && errno == EINTR);
    const std::size_t header = vnet_ ? sizeof super.header : 0;
    if (n < 0 || static_cast<std::size_t>(n) < header) return read_fault(n < 0 ? errno : EPROTO);
    super.packet = buffer.first(static_cast<std::size_t>(n) - header);
    add(counters_.read_super_packets, 1);
    add(counters_.read_octets, super.packet.size());
    return super;
  }

  Result<void, TunFault> write(const VnetHeader& header, std::span<const iovec> parts) noexcept override {
    const bool plain = header.gso_type == kGsoNone && header.flags == 0;
    if (parts.size() > kMaxGatherParts || (!vnet_ && !plain)) return write_fault(EINVAL);
    std::array<iovec, 1 + kMaxGatherParts> all;
    VnetHeader copy = header;  // writev takes what it only reads as `void*`
    all[0] = {&copy, sizeof copy};
    std::ranges::copy(parts, all.begin() + 1);
    const std::size_t skip = vnet_ ? 0 : 1;
    ssize_t n = 0;
    do {
      n = calls_.writev(write_to_, all.data() + skip, static_cast<int>(1 + parts.size() - skip));
    } while (n < 0 && errno == EINTR);
    if (n < 0) return write_fault(errno);
    const std::size_t octets = octets_of(parts);
    add(counters_.written_super_packets, 1);
    add(counters_.written_packets, packets_of(header, octets));
    add(counters_.written_octets, octets);
    return {};
  }

  int descriptor() const noexcept override { return queue_.get(); }

 private:
  Err<TunFault> read_fault(int error) noexcept {
    const TunStop stop = read_stop(error);
    if (stop != TunStop::empty) add(counters_.read_errors, 1);
    return Err{TunFault{stop, error}};
  }
  Err<TunFault> write_fault(int error) noexcept {
    add(counters_.write_errors, 1);
    return Err{TunFault{write_stop(error), error}};
  }

  UniqueFd queue_;
  UniqueFd writer_;  // or none
  int write_to_;
  bool vnet_;
  const TunCalls& calls_;
};

}  // namespace

std::unique_ptr<TunQueue> make_tun_queue(UniqueFd queue, UniqueFd writer, TunOffload offload, const TunCalls& calls) {
  return std::make_unique<SystemQueue>(std::move(queue), std::move(writer), offload, calls);
}

}  // namespace culvert::io
