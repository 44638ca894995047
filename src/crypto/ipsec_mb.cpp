// SPDX-License-Identifier: MIT
#include "ipsec_mb.hpp"

#include <cstdlib>

#if CULVERT_HAVE_IPSEC_MB

#include <intel-ipsec-mb.h>

namespace culvert::crypto {

static_assert(kMbAvx512F == IMB_FEATURE_AVX512F && kMbAvx512Ifma == IMB_FEATURE_AVX512_IFMA);

void FreeMbManager::operator()(IMB_MGR* manager) const noexcept { free_mb_mgr(manager); }

MbManager make_mb_manager(std::uint64_t absent) noexcept {
  MbManager manager(alloc_mb_mgr(0));
  if (!manager) return manager;
  switch (trusted_code(manager->features & ~absent)) {
    case MbCode::best:
      init_mb_mgr_auto(manager.get(), nullptr);
      break;
    case MbCode::avx2:
      init_mb_mgr_avx2(manager.get());
      break;
  }
  if (imb_get_errno(manager.get()) != 0) {
    manager.reset();
    return manager;
  }
  manager->features &= ~absent;  // the library looks here at each job
  return manager;
}

std::uint64_t mb_features() noexcept {
  const MbManager manager(alloc_mb_mgr(0));
  return manager ? manager->features : 0;
}

void run_mb_job(IMB_MGR& manager, MbJob what, const Secret<32>& key, const Nonce& nonce, MutBytes body,
                std::span<std::uint8_t, kTagOctets> tag) noexcept {
  IMB_JOB* job = IMB_GET_NEXT_JOB(&manager);
  job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
  job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
  job->cipher_direction = what == MbJob::seal ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
  job->chain_order = what == MbJob::seal ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
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
  job->auth_tag_output = tag.data();
  job->auth_tag_output_len_in_bytes = tag.size();
  // Unchecked, for the checks refuse an empty body. A job left open would be plaintext on the wire.
  const IMB_JOB* done = IMB_SUBMIT_JOB_NOCHECK(&manager);
  if (done != job || done->status != IMB_STATUS_COMPLETED) std::abort();
}

}  // namespace culvert::crypto

#else

namespace culvert::crypto {

void FreeMbManager::operator()(IMB_MGR*) const noexcept {}
MbManager make_mb_manager(std::uint64_t) noexcept { return {}; }
std::uint64_t mb_features() noexcept { return 0; }
void run_mb_job(IMB_MGR&, MbJob, const Secret<32>&, const Nonce&, MutBytes,
                std::span<std::uint8_t, kTagOctets>) noexcept {
  std::abort();  // there is no manager to call it with
}

}  // namespace culvert::crypto

#endif
