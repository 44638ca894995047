// SPDX-License-Identifier: MIT
#include "endpoint_book.hpp"

#include <algorithm>

namespace culvert::daemon {
namespace {

std::string key_of(const config::HostPort& endpoint) { return endpoint.host + ":" + std::to_string(endpoint.port); }

bool is_name(const config::HostPort& endpoint) { return !config::numeric(endpoint); }

}  // namespace

void EndpointBook::follow(const config::Config& config) {
  std::map<PublicKey, Entry> peers;
  for (const config::PeerConfig& peer : config.peers) {
    Entry entry{peer.endpoints, 0};
    const auto old = peers_.find(peer.public_key);
    if (old != peers_.end() && old->second.endpoints == peer.endpoints) entry.tried = old->second.tried;
    peers.emplace(peer.public_key, std::move(entry));
  }
  peers_ = std::move(peers);
}

std::vector<config::HostPort> EndpointBook::unanswered() const {
  std::vector<config::HostPort> names;
  for (const auto& [key, entry] : peers_)
    for (const config::HostPort& endpoint : entry.endpoints)
      if (is_name(endpoint) && !answers_.contains(key_of(endpoint)) &&
          std::find(names.begin(), names.end(), endpoint) == names.end())
        names.push_back(endpoint);
  return names;
}

std::vector<config::HostPort> EndpointBook::names_of(const PublicKey& peer) const {
  std::vector<config::HostPort> names;
  const auto found = peers_.find(peer);
  if (found != peers_.end())
    std::copy_if(found->second.endpoints.begin(), found->second.endpoints.end(), std::back_inserter(names), is_name);
  return names;
}

void EndpointBook::answer(const config::HostPort& name, std::vector<Endpoint> places) {
  if (!places.empty()) answers_[key_of(name)] = std::move(places);
}

std::vector<Endpoint> EndpointBook::places(const Entry& entry) const {
  std::vector<Endpoint> result;
  for (const config::HostPort& endpoint : entry.endpoints) {
    if (const auto address = config::numeric(endpoint)) {
      result.push_back(*address);
    } else if (const auto known = answers_.find(key_of(endpoint)); known != answers_.end()) {
      result.insert(result.end(), known->second.begin(), known->second.end());
    }
  }
  return result;
}

config::ChosenEndpoints EndpointBook::chosen() const {
  config::ChosenEndpoints chosen;
  for (const auto& [key, entry] : peers_) {
    const auto all = places(entry);
    if (!all.empty()) chosen.emplace(key, all[entry.tried % all.size()]);
  }
  return chosen;
}

std::vector<IpAddress> EndpointBook::addresses() const {
  std::vector<IpAddress> all;
  for (const auto& [key, entry] : peers_)
    for (const Endpoint& place : places(entry)) all.push_back(place.address);
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

std::optional<EndpointBook::Next> EndpointBook::next(const PublicKey& peer) {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return std::nullopt;
  const auto all = places(found->second);
  if (all.empty()) return std::nullopt;
  found->second.tried = (found->second.tried + 1) % all.size();
  return Next{all[found->second.tried], found->second.tried == 0};
}

std::vector<PublicKey> EndpointBook::movable() const {
  std::vector<PublicKey> result;
  for (const auto& [key, entry] : peers_)
    if (entry.endpoints.size() > 1 || std::any_of(entry.endpoints.begin(), entry.endpoints.end(), is_name))
      result.push_back(key);
  return result;
}

}  // namespace culvert::daemon
