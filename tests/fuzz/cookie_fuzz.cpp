// SPDX-License-Identifier: MIT
// Cookies between one that demands them and one that keeps them, against the rules as they are written: a cookie is
// taken if it answers the message last sent and nobody changed it; it proves the address that it was made for, until
// either side finds it too old.
#include <test_clock.hpp>

#include "cookie.hpp"
#include "seeded_entropy.hpp"
#include "support/input.hpp"

using namespace culvert;
using namespace culvert::fuzz;

namespace {

constexpr std::chrono::seconds kGoodFor{120}, kUsedFor{115};

class Model {
 public:
  explicit Model(PublicKey responder) : responder_(responder) { checker_.set_identity(responder); }

  void step(Input& input) {
    switch (input.below(5)) {
      case 0:
        return clock_.advance(std::chrono::milliseconds(100) * input.number<std::uint16_t>());
      case 1:
        return send(input);
      case 2:
        return answer(input);
      case 3:
        return take();
      case 4:
        secret_born_.reset();
        return checker_.set_identity(responder_);
    }
  }

 private:
  static Endpoint place(std::size_t which) {
    Endpoint e;
    e.address.octets = {192, 0, 2, static_cast<std::uint8_t>(which / 2)};
    e.port = static_cast<std::uint16_t>(1000 + which % 2);
    return e;
  }

  /// The sender stamps a message, and it reaches the other side from `from`.
  void send(Input& input) {
    const Endpoint from = place(input.below(4));
    message_.sender = input.number<std::uint32_t>();
    holder_.stamp(clock_.mono(), responder_, message_);
    require(checker_.mac1_fits(message_), "mac1 of a stamped message fits");
    const bool usable = held_ && clock_.mono() - held_->born < kUsedFor;
    const bool zero = message_.macs.mac2 == Octets<16>{};
    require(zero == !usable, "mac2 is there just as long as the cookie is fresh");
    const bool proves = usable && held_->generation == generation_ && held_->from == from && secret_born_ &&
                        clock_.mono() - *secret_born_ < kGoodFor;
    require(checker_.mac2_fits(clock_.mono(), message_, from) == proves, "mac2 proves the address it was made for");
    awaited_ = message_.macs.mac1;
  }

  void answer(Input& input) {
    from_ = place(input.below(4));
    if (!secret_born_ || clock_.mono() - *secret_born_ >= kGoodFor) {
      secret_born_ = clock_.mono();
      ++generation_;
    }
    answered_ = message_.macs.mac1;
    reply_generation_ = generation_;
    reply_ = checker_.make_reply(clock_.mono(), message_.sender, answered_, from_, entropy_);
    Octets<sizeof(wire::CookieReply)> octets{};
    wire::store(reply_, octets);
    const auto original = octets;
    // Type and receiver are the caller's to look at.
    for (std::size_t n = input.below(3); n > 0; --n) octets[8 + input.below(octets.size() - 8)] ^= input.octet();
    tampered_ = octets != original;
    reply_ = wire::load<wire::CookieReply>(octets);
    made_ = true;
  }

  void take() {
    if (!made_) return;
    const auto taken = holder_.take(clock_.mono(), responder_, reply_);
    if (!awaited_) {
      require(!taken && taken.error() == Drop::unexpected_cookie, "a cookie that answers nothing is unexpected");
      return;
    }
    require(taken.has_value() == (*awaited_ == answered_ && !tampered_), "a cookie is bound to the message it answers");
    if (!taken) return require(taken.error() == Drop::bad_cookie_tag, "else it is the tag");
    awaited_.reset();
    held_ = Held{clock_.mono(), from_, reply_generation_};
  }

  struct Held {
    Instant born;
    Endpoint from;
    std::uint64_t generation;
  };
  const PublicKey responder_;
  test::TestClock clock_;
  test::SeededEntropy entropy_;
  CookieChecker checker_;
  CookieHolder holder_;
  wire::Initiation message_;
  wire::CookieReply reply_;
  bool made_ = false, tampered_ = false;
  std::optional<Octets<16>> awaited_;
  Octets<16> answered_{};
  Endpoint from_;
  std::optional<Instant> secret_born_;
  std::uint64_t generation_ = 0, reply_generation_ = 0;
  std::optional<Held> held_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  static const bool started = sodium_init() >= 0;
  require(started, "libsodium starts");
  Model model(PublicKey{input.array<32>()});
  while (!input.empty()) model.step(input);
  return 0;
}
