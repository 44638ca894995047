// SPDX-License-Identifier: MIT
// Opening goes from what is wanted to what can be had: created or attached, with or without multi-queue, with vnet
// headers or without, TSO with or without USO, several queues if the order can be kept. Every step back is noted in
// `Tun::note`; only what leaves no usable device is an error. Descriptors are owned from the start, so that a failure
// half-way removes a device that was created.
#include "tun.hpp"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "interface_name.hpp"
#include "tun_link.hpp"

namespace culvert::io {
namespace {

constexpr const char* kDevice = "/dev/net/tun";
constexpr int kMostWaiting = 10'000;  // packets of a queue that are discarded; usually 500 find room

// The steps of TUNSETOFFLOAD. USO is younger than the headers of older distributions.
constexpr unsigned kTcpOffload = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
constexpr unsigned kUdpOffload = kTcpOffload | 0x20 | 0x40;  // TUN_F_USO4, TUN_F_USO6

enum class Vnet : std::uint8_t { without, with };

Err<SystemError> failed(int code, std::string what) { return Err{SystemError{code, std::move(what)}}; }

/// Both numbers and pointers are arguments of ioctl.
void* number_argument(unsigned number) noexcept { return reinterpret_cast<void*>(static_cast<std::uintptr_t>(number)); }

ifreq request_for(std::string_view name, int flags) noexcept {
  ifreq request{};
  std::copy_n(name.begin(), std::min<std::size_t>(name.size(), IFNAMSIZ - 1), request.ifr_name);
  request.ifr_flags = static_cast<short>(flags);
  return request;
}

Result<UniqueFd, SystemError> open_device(const TunCalls& calls) {
  UniqueFd fd(calls.open(kDevice, O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (fd) return fd;
  const int error = errno;
  std::string what = std::string("open ") + kDevice;
  if (error == ENOENT || error == ENODEV) what += " (load the tun module, or pass the device into the container)";
  if (error == EACCES || error == EPERM) what += " (needs root or the device's permissions)";
  return failed(error, std::move(what));
}

/// 0 or errno.
int set_interface(int fd, std::string_view name, int flags, const TunCalls& calls) noexcept {
  ifreq request = request_for(name, flags);
  return calls.ioctl(fd, TUNSETIFF, &request) == 0 ? 0 : errno;
}

struct Attached {
  Tun::Origin origin;
  int flags;  // that the kernel accepted
};

/// The first queue. IFF_TUN_EXCL tells a device that we create from one that was there.
Result<Attached, SystemError> attach_first(int fd, const TunOptions& options, int flags, const TunCalls& calls) {
  int error = set_interface(fd, options.name, flags | IFF_TUN_EXCL, calls);
  if (error == 0) return Attached{Tun::Origin::created, flags};
  if (error == EBUSY) {  // it exists
    error = set_interface(fd, options.name, flags, calls);
    if (error == 0) return Attached{Tun::Origin::attached, flags};
    if (error == EINVAL) {  // multi-queue must be as it was created
      flags ^= IFF_MULTI_QUEUE;
      error = set_interface(fd, options.name, flags, calls);
      if (error == 0) return Attached{Tun::Origin::attached, flags};
    }
    if (error == EBUSY) return failed(error, "attach to interface " + options.name + " (another program uses it)");
    if (error == EINVAL) return failed(error, "attach to interface " + options.name + " (not a TUN device)");
    return failed(error, "attach to interface " + options.name);
  }
  std::string what = "create interface " + options.name;
  if (error == EPERM) what += " (needs CAP_NET_ADMIN)";
  return failed(error, std::move(what));
}

void add_note(Tun& tun, std::string_view text) {
  if (!tun.note.empty()) tun.note += "; ";
  tun.note += text;
}

/// Sets what the kernel may hand over, for the whole device. A device that was used before can hold more than is
/// wanted, so that nothing is left as it was found.
Result<void, SystemError> set_offload(Tun& tun, TunOffload at_most, const TunCalls& calls) {
  const int fd = tun.queues.front().get();
  if (at_most != TunOffload::none) {
    int octets = sizeof(VnetHeader);
    if (calls.ioctl(fd, TUNSETVNETHDRSZ, &octets) != 0) return failed(errno, "set the vnet header of " + tun.name);
    tun.offload = TunOffload::header;
  }
  if (at_most <= TunOffload::header) {
    if (calls.ioctl(fd, TUNSETOFFLOAD, number_argument(0)) != 0) {
      return failed(errno, "switch off offloads of " + tun.name);
    }
    return {};
  }
  if (calls.ioctl(fd, TUNSETOFFLOAD, number_argument(kTcpOffload)) != 0) {
    add_note(tun, SystemError{errno, "switch on TSO of " + tun.name}.message());
    return set_offload(tun, TunOffload::header, calls);
  }
  tun.offload = TunOffload::tcp;
  if (at_most == TunOffload::tcp) return {};
  if (calls.ioctl(fd, TUNSETOFFLOAD, number_argument(kUdpOffload)) == 0) {
    tun.offload = TunOffload::udp;
  } else {
    add_note(tun, SystemError{errno, "switch on USO of " + tun.name + " (Linux 6.2 or later)"}.message());
  }
  return {};
}

/// A device without an owner may be attached to by anybody, who would get a share of all packets where it has several
/// queues.
Result<void, SystemError> own(const Tun& tun, const TunCalls& calls) {
  if (calls.ioctl(tun.queues.front().get(), TUNSETOWNER, number_argument(::geteuid())) == 0) return {};
  return failed(errno, "own interface " + tun.name);
}

Result<void, SystemError> add_queue(std::vector<UniqueFd>& to, const Tun& tun, int flags, const TunCalls& calls) {
  auto fd = open_device(calls);
  if (!fd) return Err{fd.error()};
  const int error = set_interface(fd->get(), tun.name, flags, calls);
  if (error != 0)
    return failed(error, "add queue " + std::to_string(tun.writers.size() + tun.queues.size()) + " of " + tun.name);
  to.push_back(std::move(*fd));
  return {};
}

/// Packets were sorted by the number of queues while that grew, so that those of one flow may wait in several.
void discard_waiting(const Tun& tun, const TunCalls& calls) noexcept {
  std::array<std::uint8_t, 64> start{};  // of a packet, which is enough to take it
  const iovec part{start.data(), start.size()};
  for (const UniqueFd& queue : tun.queues)
    for (int i = 0; i < kMostWaiting && calls.readv(queue.get(), &part, 1) >= 0; ++i) continue;
}

/// Writers are opened before the queues that are read, because the kernel closes the gap that a detached queue leaves
/// with its last one, and a writer keeps its number: a number beyond those of the attached queues would be a fault to
/// receive packet steering.
Result<void, SystemError> open_others(Tun& tun, std::size_t wanted, int flags, const TunCalls& calls) {
  if (wanted == 1) return {};
  if ((flags & IFF_MULTI_QUEUE) == 0) {
    add_note(tun, "interface " + tun.name + " exists without multi-queue: one queue");
    return {};
  }
  tun.writers = std::exchange(tun.queues, {});
  while (tun.writers.size() < wanted)
    if (auto added = add_queue(tun.writers, tun, flags, calls); !added) return added;
  while (tun.queues.size() < wanted)
    if (auto added = add_queue(tun.queues, tun, flags, calls); !added) return added;
  for (const UniqueFd& writer : tun.writers) {
    ifreq request = request_for(tun.name, IFF_DETACH_QUEUE);
    if (calls.ioctl(writer.get(), TUNSETQUEUE, &request) == 0) continue;
    const SystemError error{errno, "detach a queue of " + tun.name + " for writing"};
    add_note(tun, "one queue, since several would not keep the order of packets: " + error.message());
    tun.writers.clear();
    tun.queues.resize(1);
    return {};
  }
  if (tun.origin == Tun::Origin::attached) discard_waiting(tun, calls);
  return {};
}

Result<Tun, SystemError> open_with(const TunOptions& options, Vnet vnet, const TunCalls& calls) {
  auto fd = open_device(calls);
  if (!fd) return Err{fd.error()};
  const int flags = IFF_TUN | IFF_NO_PI | (vnet == Vnet::with ? IFF_VNET_HDR : 0) |  //
                    (options.queues > 1 ? IFF_MULTI_QUEUE : 0);
  const auto attached = attach_first(fd->get(), options, flags, calls);
  if (!attached) return Err{attached.error()};

  Tun tun{.origin = attached->origin};
  auto name = tun_name(fd->get(), calls);
  if (!name) return Err{name.error()};
  tun.name = std::move(*name);
  tun.queues.push_back(std::move(*fd));
  if (tun.origin == Tun::Origin::created)
    if (auto owned = own(tun, calls); !owned) return Err{owned.error()};
  const auto granted = set_offload(tun, vnet == Vnet::with ? options.offload : TunOffload::none, calls);
  if (!granted) return Err{granted.error()};
  const auto opened = open_others(tun, options.queues, attached->flags, calls);
  if (!opened) return Err{opened.error()};
  if (tun.origin == Tun::Origin::created) {
    const auto mtu = set_link_mtu(tun.name, options.mtu, calls);
    if (!mtu) return Err{mtu.error()};
  }
  return tun;
}

/// Name and flags of an open queue.
Result<ifreq, SystemError> interface_of(int queue, const TunCalls& calls) {
  ifreq request{};
  if (calls.ioctl(queue, TUNGETIFF, &request) == 0) return request;
  const int error = errno;
  return failed(error, "ask descriptor " + std::to_string(queue) + " for its TUN interface");
}

Result<void, SystemError> make_private(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
    return failed(errno, "set descriptor " + std::to_string(fd) + " to non-blocking");
  }
  return {};
}

}  // namespace

Result<Tun, SystemError> open_tun(const TunOptions& options, const TunCalls& calls) {
  if (!is_interface_name(options.name)) {
    return failed(EINVAL, "interface name \"" + options.name + "\" (" + std::string(kInterfaceNameRule) + ")");
  }
  if (options.queues < 1 || options.queues > kMaxTunQueues) {
    return failed(EINVAL, std::to_string(options.queues) + " TUN queues (1 to " + std::to_string(kMaxTunQueues) + ")");
  }
  if (options.offload == TunOffload::none) return open_with(options, Vnet::without, calls);
  auto tun = open_with(options, Vnet::with, calls);
  if (tun) return tun;
  // Some vendors' kernels refuse the vnet header in one way or another.
  auto plain = open_with(options, Vnet::without, calls);
  if (plain) add_note(*plain, "no offloads: " + tun.error().message());
  return plain;
}

Result<Tun, SystemError> adopt_tun(UniqueFd queue, TunOffload at_most, const TunCalls& calls) {
  const auto found = interface_of(queue.get(), calls);
  if (!found) return Err{found.error()};
  Tun tun{.name = found->ifr_name, .origin = Tun::Origin::adopted};
  if ((found->ifr_flags & (IFF_TUN | IFF_NO_PI)) != (IFF_TUN | IFF_NO_PI)) {
    return failed(EINVAL, "take over interface " + tun.name + " (it must be TUN without packet information)");
  }
  const auto ready = make_private(queue.get());
  if (!ready) return Err{ready.error()};
  tun.queues.push_back(std::move(queue));
  const TunOffload least = (found->ifr_flags & IFF_VNET_HDR) != 0 ? TunOffload::header : TunOffload::none;
  const auto granted = set_offload(tun, least == TunOffload::none ? least : std::max(least, at_most), calls);
  if (!granted) return Err{granted.error()};
  return tun;
}

Result<std::string, SystemError> tun_name(int queue, const TunCalls& calls) {
  const auto found = interface_of(queue, calls);
  if (!found) return Err{found.error()};
  return std::string(found->ifr_name);
}

}  // namespace culvert::io
