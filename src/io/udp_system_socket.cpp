// SPDX-License-Identifier: MIT
#include "udp_system_socket.hpp"

#include "udp_receive.hpp"
#include "udp_send.hpp"

namespace culvert::io {
namespace {

class SystemUdpSocket final : public UdpSocket {
 public:
  SystemUdpSocket(UniqueFd fd, Family family, UdpOffloads offloads, UdpCalls& calls,
                  std::shared_ptr<UdpCounters> counters) noexcept
      : calls_(calls),
        fd_(std::move(fd)),
        counters_(std::move(counters)),
        sender_(family, offloads.gso ? GsoPolicy::Start::on : GsoPolicy::Start::off) {}

  ReceiveOutcome receive(ReceiveSlab& slab) noexcept override {
    return receiver_.receive(calls_, fd_.get(), slab, *counters_);
  }
  void send(std::span<const OutTrain> trains, std::span<SendOutcome> outcomes) noexcept override {
    sender_.send({calls_, fd_.get(), *counters_, trains, outcomes});
  }
  void forget_destinations() noexcept override { sender_.forget_destinations(); }
  int descriptor() const noexcept override { return fd_.get(); }
  const UdpCounters& counters() const noexcept override { return *counters_; }

 private:
  UdpCalls& calls_;
  UniqueFd fd_;
  std::shared_ptr<UdpCounters> counters_;
  TrainReceiver receiver_;
  TrainSender sender_;
};

}  // namespace

std::unique_ptr<UdpSocket> make_udp_socket(UniqueFd fd, Family family, UdpOffloads offloads, UdpCalls& calls,
                                           std::shared_ptr<UdpCounters> counters) {
  return std::make_unique<SystemUdpSocket>(std::move(fd), family, offloads, calls, std::move(counters));
}

}  // namespace culvert::io
