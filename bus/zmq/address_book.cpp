#include "bus/zmq/address_book.h"

#include "bus/zmq/interfaces.h"

namespace zswarm::bus {

AddressBook::AddressBook(std::function<bool(const std::string& host)> is_on_link)
    : is_on_link_(std::move(is_on_link)) {}

void AddressBook::met_at(const NodeId& node, const Card& card, const std::string& host) {
  const auto& join = card.socket(Socket::kJoin);
  // Of several such addresses the first one stays, until nobody answers there.
  const auto known = elsewhere_.find(node);
  if (known != elsewhere_.end() && join && known->second.told == join->host) return;
  const bool other = join && join->host != host && is_address(join->host) && is_address(host);
  // Loopback is on a link of ours, but the node's own loopback is not.
  const bool told_is_of_use =
      other && is_on_link_(join->host) && (!is_loopback(join->host) || is_loopback(host));
  if (!other || told_is_of_use || !is_on_link_(host)) {
    elsewhere_.erase(node);
  } else if (elsewhere_.size() < kMost || elsewhere_.contains(node)) {
    elsewhere_[node] = {join->host, host};
  }
}

std::string AddressBook::address_of(Time now, const NodeId& node, const Card& card, Socket socket,
                                    bool& complete) {
  const auto& endpoint = card.socket(socket);
  if (!endpoint) return {};
  const auto elsewhere = elsewhere_.find(node);
  if (elsewhere != elsewhere_.end() && elsewhere->second.told == endpoint->host)
    return Endpoint{elsewhere->second.met, endpoint->port}.text();
  const auto hosts = names_.find(now, endpoint->host);
  if (!hosts) complete = false;
  // Of several addresses the C library puts first what this machine most likely reaches (RFC 6724).
  return !hosts || hosts->empty() ? std::string() : Endpoint{hosts->front(), endpoint->port}.text();
}

PeerAddress AddressBook::find(Time now, const NodeId& node, const Card& card) {
  PeerAddress address;
  address.curve_key = card.curve_key;
  address.join = address_of(now, node, card, Socket::kJoin, address.complete);
  address.gossip = address_of(now, node, card, Socket::kGossip, address.complete);
  address.control = address_of(now, node, card, Socket::kControl, address.complete);
  address.dispatch = address_of(now, node, card, Socket::kDispatch, address.complete);
  if (address.complete) {
    waiting_.erase(node);
  } else if (waiting_.size() < kMost || waiting_.contains(node)) {
    waiting_[node] = card;
  }
  return address;
}

std::vector<std::pair<NodeId, PeerAddress>> AddressBook::poll(Time now) {
  std::vector<std::pair<NodeId, PeerAddress>> found;
  if (names_.poll(now).empty()) return found;
  // find() takes out those that are complete now.
  const std::vector<std::pair<NodeId, Card>> waiting(waiting_.begin(), waiting_.end());
  for (const auto& [node, card] : waiting) {
    PeerAddress address = find(now, node, card);
    if (address.complete) found.emplace_back(node, std::move(address));
  }
  return found;
}

void AddressBook::forget(const NodeId& node) {
  waiting_.erase(node);
  elsewhere_.erase(node);
}

}  // namespace zswarm::bus
