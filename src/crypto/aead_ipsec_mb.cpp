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

#if CULVERT_HAVE_IPSEC_MB

#include <intel-ipsec-mb.h>

#include <cstdlib>

#include "train_slots.hpp"

namespace culvert::crypto {
namespace {

struct FreeManager {
  void operator()(IMB_MGR* manager) const noexcept { free_mb_mgr(manager); }
};
using Manager = std::unique_ptr<IMB_MGR, FreeManager>;

/// Empty when memory or a processor feature is missing.
Manager make_manager() noexcept {
  Manager manager(alloc_mb_mgr(0));
  if (!manager) return manager;
  init_mb_mgr_auto(manager.get(), nullptr);
  if (imb_get_errno(manager.get()) != 0) manager.reset();
  return manager;
}

/// This thread's manager, or nullptr.
IMB_MGR* thread_manager() noexcept {
  thread_local const Manager manager = make_manager();
  return manager.get();
}

/// Seals or opens `body` in place, and writes the tag that belongs to the ciphertext.
void run(IMB_MGR* manager, IMB_CIPHER_DIRECTION direction, const Secret<32>& key, const Nonce& nonce, MutBytes body,
         std::uint8_t* tag) noexcept {
  IMB_JOB* job = IMB_GET_NEXT_JOB(manager);
  job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
  job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
  job->cipher_direction = direction;
  job->chain_order = direction == IMB_DIR_ENCRYPT ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
  job->enc_keys = key.bytes().data();
  job->dec_keys = key.bytes().data();
  job->key_len_in_bytes = key.bytes().size();
  job->iv = nonce.data();
  job->iv_len_in_bytes = nonce.size();
  job->src = body.data();
  job->dst = body.data();
  job->cipher_start_src_offset_in_bytes = 0;
  job->hash_start_src_offset_in_bytes = 0;
  job->msg_len_to_cipher_in_bytes = body.size();
  job->msg_len_to_hash_in_bytes = body.size();
  job->u.CHACHA20_POLY1305.aad = nullptr;
  job->u.CHACHA20_POLY1305.aad_len_in_bytes = 0;
  job->auth_tag_output = tag;
  job->auth_tag_output_len_in_bytes = kTagOctets;
  // Unchecked, for the checks refuse an empty body. A job left open would be plaintext on the wire.
  const IMB_JOB* done = IMB_SUBMIT_JOB_NOCHECK(manager);
  if (done != job || done->status != IMB_STATUS_COMPLETED) std::abort();
}

class IpsecMbBackend final : public AeadBackend {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "libipsec-mb"; }

  void seal_train(const Secret<32>& key, std::uint64_t first, MutBytes train,
                  std::size_t stride) const noexcept override {
    IMB_MGR* manager = thread_manager();
    if (manager == nullptr) return sodium_backend()->seal_train(key, first, train, stride);
    seal_slots(first, train, stride, [manager, &key](const Slot& slot, const Nonce& nonce) {
      run(manager, IMB_DIR_ENCRYPT, key, nonce, slot.body, slot.tag.data());
    });
  }

  void open_train(const Secret<32>& key, MutBytes train, std::size_t stride,
                  std::span<std::uint8_t> opened) const noexcept override {
    IMB_MGR* manager = thread_manager();
    if (manager == nullptr) return sodium_backend()->open_train(key, train, stride, opened);
    open_slots(train, stride, opened, [manager, &key](const Slot& slot, const Nonce& nonce) {
      Octets<kTagOctets> expected;
      run(manager, IMB_DIR_DECRYPT, key, nonce, slot.body, expected.data());
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

#else

namespace culvert::crypto {
const AeadBackend* ipsec_mb_backend() noexcept { return nullptr; }
}  // namespace culvert::crypto

#endif
