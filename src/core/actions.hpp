// SPDX-License-Identifier: MIT
// What control wants done, as values: handshake messages to send, changes for the lanes, and what to tell people.
#pragma once

#include <vector>

#include <culvert/drop.hpp>

#include "changes.hpp"
#include "problem.hpp"

namespace culvert {

/// A handshake message or a cookie reply, ready to leave.
struct Outgoing {
  Octets<wire::kLargestHandshake> octets{};
  std::size_t size = 0;
  Endpoint to;
  std::optional<Source> from;
  std::uint8_t tos = 0;
  std::optional<PeerId> peer = {};  // none: a cookie reply

  Outgoing() = default;
  template <class Message>
  Outgoing(const Message& message, const Endpoint& to_, const std::optional<Source>& from_, std::uint8_t tos_)
      : size(sizeof message), to(to_), from(from_), tos(tos_) {
    wire::store(message, octets);
  }
};

/// Which lanes a change goes to.
struct Recipients {
  enum class Who : std::uint8_t { all, only, all_but } who = Who::all;
  std::size_t lane = 0;

  [[nodiscard]] bool include(std::size_t which) const noexcept {
    switch (who) {
      case Who::all:
        return true;
      case Who::only:
        return which == lane;
      case Who::all_but:
        return which != lane;
    }
    return false;
  }
};

struct Post {
  Recipients to;
  Change change;
};

/// Something that a person may want to know. `detail` is a count or the seconds in the sentence, where there is one.
struct Event {
  enum class Kind : std::uint8_t {
    initiation_sent,
    initiation_retried,  // detail: the try, from 2 on
    stopped_hearing,     // detail: seconds
    gave_up,             // detail: tries
    initiation_received,
    response_sent,
    response_received,
    session_confirmed,
    keepalive_sent,
    keys_wiped,
    endpoint_moved,  // detail: 1 when data came from there, 0 for a handshake message
    cookie_received,
    cookie_sent,
    refused,  // why is in `drop`; `peer` or `key`: whose, as the sender claims
    problem,  // of a peer that no other event tells: `problem`
  } kind = Kind::initiation_sent;
  std::optional<PeerId> peer = {};
  std::uint32_t detail = 0;
  std::optional<Drop> drop = {};
  std::optional<Endpoint> endpoint = {};
  std::optional<PublicKey> key = {};
  // Diagnosis adds what it makes of the event.
  std::optional<Problem> problem = {};
  bool news = false;  // the first of its problem since the peer last worked; of a success: the peer was not up before
};

struct Actions {
  std::vector<Outgoing> outgoing;
  std::vector<Post> posts;
  std::vector<Event> events;

  void post(Change change) { posts.push_back({{}, std::move(change)}); }
  void post_to(std::size_t lane, Change change) { posts.push_back({{Recipients::Who::only, lane}, std::move(change)}); }
  void post_to_others(std::size_t lane, Change change) {
    posts.push_back({{Recipients::Who::all_but, lane}, std::move(change)});
  }
};

}  // namespace culvert
