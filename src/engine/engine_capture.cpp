// SPDX-License-Identifier: MIT
// Captures: which lanes copy whose packets, and which secrets are told.
#include "engine_state.hpp"

namespace culvert::engine {

Capture& Engine::start_capture(CaptureWish wish) {
  state_->capture.emplace(state_->lanes.size(), std::move(wish));
  state_->tell_taps();
  return *state_->capture;
}

void Engine::end_capture() {
  State& s = *state_;
  if (!s.capture) return;
  for (const auto& lane : s.lanes) {
    std::vector<LaneMail> news;
    news.emplace_back(mail::Tapped{});
    lane->post(std::move(news));
  }
  s.capture.reset();
}

const Peer* Engine::peer(PeerId id) const { return state_->device.peer(id); }

/// Which slots the chosen keys have changes with the peers.
void Engine::State::tell_taps() {
  if (!capture) return;
  std::optional<std::vector<PeerId>> only;
  if (!capture->wish().peers.empty()) {
    only.emplace();
    for (const PublicKey& key : capture->wish().peers)
      if (const auto id = device.find(key)) only->push_back(*id);
  }
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    std::vector<LaneMail> news;
    news.emplace_back(mail::Tapped{capture->tap(i), only});
    lanes[i]->post(std::move(news));
  }
}

bool Engine::State::tells_secrets_of(const Peer& peer) const {
  if (!capture || capture->wish().secrets != CaptureWish::Secrets::told || !handlers.secrets) return false;
  const auto& peers = capture->wish().peers;
  return peers.empty() || std::find(peers.begin(), peers.end(), peer.public_key) != peers.end();
}

/// Ours in an initiation that is about to leave.
void Engine::State::tell_secrets(const Outgoing& outgoing) {
  const Peer* peer = outgoing.peer ? device.peer(*outgoing.peer) : nullptr;
  if (peer == nullptr || !peer->pending || !tells_secrets_of(*peer)) return;
  if (wire::classify(Bytes(outgoing.octets).first(outgoing.size)) == wire::Type::initiation)
    handlers.secrets({*peer, peer->pending->ephemeral});
}

/// Ours in a response that is about to be computed.
void Engine::State::tell_secrets(const HandshakeJob& job) {
  const auto* answer = std::get_if<AnswerJob>(&job.step);
  const Peer* peer = answer != nullptr ? device.peer(answer->peer) : nullptr;
  if (peer != nullptr && tells_secrets_of(*peer)) handlers.secrets({*peer, answer->ephemeral});
}

}  // namespace culvert::engine
