// SPDX-License-Identifier: MIT
// Trains through libipsec-mb, by its job interface: one job a slot, of which each is complete when the call returns.
//
// Why jobs and not the direct calls (init, update, finalize on a context of ours): per packet of a 44-slot train on
// one Zen 5 core, sealing took
//     octets          64    256   1420
//     libsodium      343    427   1450  ns
//     direct         277    300    476  ns
//     jobs           155    187    347  ns
//     burst of jobs  160    185    350  ns
// and opening the same to a few ns. The direct calls write a process-wide error variable three times a packet, the
// jobs (libipsec-mb before 1.4) twice, always zero.
//
// A manager holds the ring of jobs, so each thread has its own: 200 KiB, made at the thread's first train, freed
// when the thread ends. Nothing secret stays in it (pointers only), nor on the stack: the library wipes what it used.
#include "aead_backends.hpp"
#include "ipsec_mb.hpp"
#include "train_slots.hpp"

namespace culvert::crypto {
namespace {

/// This thread's manager, or nullptr.
IMB_MGR* thread_manager() noexcept {
  thread_local const MbManager manager = make_mb_manager();
  return manager.get();
}

class IpsecMbBackend final : public AeadBackend {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "libipsec-mb"; }

  void seal_train(const Secret<32>& key, std::uint64_t first, MutBytes train,
                  std::size_t stride) const noexcept override {
    IMB_MGR* manager = thread_manager();
    if (manager == nullptr) return sodium_backend()->seal_train(key, first, train, stride);
    seal_slots(first, train, stride, [manager, &key](const Slot& slot, const Nonce& nonce) {
      run_mb_job(*manager, MbJob::seal, key, nonce, slot.body, slot.tag);
    });
  }

  void open_train(const Secret<32>& key, MutBytes train, std::size_t stride,
                  std::span<std::uint8_t> opened) const noexcept override {
    IMB_MGR* manager = thread_manager();
    if (manager == nullptr) return sodium_backend()->open_train(key, train, stride, opened);
    open_slots(train, stride, opened, [manager, &key](const Slot& slot, const Nonce& nonce) {
      Octets<kTagOctets> expected;
      run_mb_job(*manager, MbJob::open, key, nonce, slot.body, expected);
      return same_tag(expected, slot.tag);
    });
  }
};

}  // namespace

const AeadBackend* ipsec_mb_backend() noexcept {
  static const IpsecMbBackend backend;
  return thread_manager() != nullptr ? &backend : nullptr;
}

}  // namespace culvert::crypto
