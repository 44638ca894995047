// SPDX-License-Identifier: MIT
#include "aead_raw.hpp"

#include <cstdlib>
#include <memory>

#if CULVERT_HAVE_IPSEC_MB
#include <intel-ipsec-mb.h>
#endif

namespace culvert::bench {
namespace {

void seal_with_sodium(PreparedBuffer& b, std::uint8_t* out) noexcept {
  crypto_aead_chacha20poly1305_ietf_encrypt_detached(out, b.tag.data(), nullptr, b.body.data(), b.body.size(), nullptr,
                                                     0, nullptr, b.nonce.data(), b.key.bytes().data());
}

/// Opening needs what was sealed.
void make_sealed(PreparedBuffer& buffer, Direction direction) noexcept {
  if (direction == Direction::open) seal_with_sodium(buffer, buffer.body.data());
}

class Sodium final : public RawAead {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "libsodium"; }
  void prepare(PreparedBuffer& buffer, Direction direction) const noexcept override { make_sealed(buffer, direction); }
  void run(PreparedBuffer& b, Direction direction) const noexcept override {
    if (direction == Direction::seal) return seal_with_sodium(b, b.out.data());
    if (crypto_aead_chacha20poly1305_ietf_decrypt_detached(b.out.data(), nullptr, b.body.data(), b.body.size(),
                                                           b.tag.data(), nullptr, 0, b.nonce.data(),
                                                           b.key.bytes().data()) != 0)
      std::abort();
  }
};

#if CULVERT_HAVE_IPSEC_MB

struct FreeManager {
  void operator()(IMB_MGR* manager) const noexcept { free_mb_mgr(manager); }
};

/// nullptr: the processor lacks what the library needs.
IMB_MGR* the_manager() noexcept {
  static const std::unique_ptr<IMB_MGR, FreeManager> manager = [] {
    std::unique_ptr<IMB_MGR, FreeManager> made(alloc_mb_mgr(0));
    if (made) init_mb_mgr_auto(made.get(), nullptr);
    if (made && imb_get_errno(made.get()) != 0) made.reset();
    return made;
  }();
  return manager.get();
}

/// By a job, the library's way for all algorithms.
class IpsecMbJob final : public RawAead {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "libipsec-mb_job"; }
  void prepare(PreparedBuffer& buffer, Direction direction) const noexcept override { make_sealed(buffer, direction); }
  void run(PreparedBuffer& b, Direction direction) const noexcept override {
    IMB_MGR* manager = the_manager();
    IMB_JOB* job = IMB_GET_NEXT_JOB(manager);
    const bool sealing = direction == Direction::seal;
    job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
    job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
    job->cipher_direction = sealing ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
    job->chain_order = sealing ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
    job->enc_keys = job->dec_keys = b.key.bytes().data();
    job->key_len_in_bytes = 32;
    job->iv = b.nonce.data();
    job->iv_len_in_bytes = b.nonce.size();
    job->src = b.body.data();
    job->dst = b.out.data();
    job->cipher_start_src_offset_in_bytes = job->hash_start_src_offset_in_bytes = 0;
    job->msg_len_to_cipher_in_bytes = job->msg_len_to_hash_in_bytes = b.body.size();
    job->u.CHACHA20_POLY1305.aad = nullptr;
    job->u.CHACHA20_POLY1305.aad_len_in_bytes = 0;
    job->auth_tag_output = b.tag.data();
    job->auth_tag_output_len_in_bytes = b.tag.size();
    if (IMB_SUBMIT_JOB_NOCHECK(manager) != job) std::abort();
  }
};

/// By the calls for this one algorithm.
class IpsecMbDirect final : public RawAead {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "libipsec-mb_direct"; }
  void prepare(PreparedBuffer& buffer, Direction direction) const noexcept override { make_sealed(buffer, direction); }
  void run(PreparedBuffer& b, Direction direction) const noexcept override {
    IMB_MGR* manager = the_manager();
    chacha20_poly1305_context_data context;
    IMB_CHACHA20_POLY1305_INIT(manager, b.key.bytes().data(), &context, b.nonce.data(), nullptr, 0);
    if (direction == Direction::seal) {
      IMB_CHACHA20_POLY1305_ENC_UPDATE(manager, b.key.bytes().data(), &context, b.out.data(), b.body.data(),
                                       b.body.size());
      IMB_CHACHA20_POLY1305_ENC_FINALIZE(manager, &context, b.tag.data(), b.tag.size());
    } else {
      IMB_CHACHA20_POLY1305_DEC_UPDATE(manager, b.key.bytes().data(), &context, b.out.data(), b.body.data(),
                                       b.body.size());
      IMB_CHACHA20_POLY1305_DEC_FINALIZE(manager, &context, b.tag.data(), b.tag.size());
    }
  }
};

#endif

}  // namespace

std::vector<const RawAead*> raw_aeads() {
  static const Sodium sodium;
  std::vector<const RawAead*> libraries{&sodium};
#if CULVERT_HAVE_IPSEC_MB
  static const IpsecMbJob job;
  static const IpsecMbDirect direct;
  if (the_manager() != nullptr) libraries.insert(libraries.end(), {&job, &direct});
#endif
  return libraries;
}

}  // namespace culvert::bench
