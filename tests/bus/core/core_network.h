// A few whole cores in one test, joined by a network that delivers everything after 10 ms, in order. It keeps
// to what real sockets would do: a hello arrives where both sides hold the same join keys, a message where
// the receiver has admitted the sender, and who has not been introduced says hello first.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "bus/core/core.h"

namespace zswarm::bus {

inline Token test_token(const SignKeyPair& operator_keys, std::uint32_t epoch = 1) {
  Token token;
  token.epoch = epoch;
  token.secret = Secret<32>::random();
  token.operator_key = operator_keys.public_key;
  return token;
}

inline std::vector<NetworkKeys> epochs_of(const Token& token) {
  std::vector<NetworkKeys> epochs;
  epochs.push_back(NetworkKeys::of(token));
  return epochs;
}

class CoreNetwork {
 public:
  struct Node {
    std::unique_ptr<Core> core;
    NodeId id;
    CurvePublicKey curve_key{};
    CurvePublicKey join_key{};    // of its join socket, as it stands
    std::set<NodeId> admitted;    // members
    std::set<NodeId> introduced;  // to whom it has said hello
    std::set<NodeId> eager_at, lazy_at;
    std::map<NodeId, CurvePublicKey> clients;
    std::vector<std::string> expelled, notes, refused;
    std::set<NodeId> forgotten;
    std::size_t rekeyed = 0;
    bool reachable = true;
  };
  struct Sent {
    NodeId from, to;
    Send message;
  };

  Node& add(const Token& token, CoreOptions options = {}) {
    auto node = std::make_unique<Node>();
    Identity identity = Identity::from_seed(Secret<32>::random(), 1);
    node->id = identity.id;
    node->curve_key = identity.curve.public_key;
    options.seed = nodes_.size() + 1;
    options.instance = nodes_.size() + 77;
    if (options.card.name.empty()) options.card.name = "node " + std::to_string(nodes_.size());
    options.card.version = "1.2.3";
    const auto port = static_cast<std::uint16_t>(7000 + nodes_.size());
    for (const Socket socket : {Socket::kJoin, Socket::kGossip, Socket::kControl, Socket::kDispatch})
      options.card.socket(socket) = Endpoint{"127.0.0.1", port};
    node->core = std::move(*Core::create(std::move(options), std::move(identity), epochs_of(token)));
    node->join_key = node->core->keys().join_server.public_key;
    nodes_.push_back(std::move(node));
    return *nodes_.back();
  }

  Node& operator[](std::size_t i) { return *nodes_[i]; }
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
  [[nodiscard]] Now now() const {
    return {now_, WallTime{1'800'000'000'000 + now_.since_start.count() / 1000}};
  }
  Node* find(const NodeId& id) {
    const auto at = std::find_if(nodes_.begin(), nodes_.end(), [&](const auto& n) { return n->id == id; });
    return at == nodes_.end() ? nullptr : at->get();
  }

  /// Says hello; true if it was welcomed.
  bool join(Node& who, Node& contact) {
    if (!who.reachable || !contact.reachable || who.join_key != contact.join_key) return false;
    const Bytes answer = contact.core->on_hello(now(), who.core->hello());
    carry_out(contact);
    const Status welcomed = who.core->on_welcome(now(), answer);
    if (!welcomed) who.refused.push_back(welcomed.error().message);
    carry_out(who);
    return welcomed.has_value();
  }

  template <class Action>
  auto act(Node& who, Action action) {
    auto result = action(*who.core, now());
    carry_out(who);
    return result;
  }

  void run(Duration time) {
    const Time end = now_ + time;
    for (;;) {
      Time next = end;
      for (const auto& node : nodes_) next = std::min(next, std::max(now_, node->core->next_timer()));
      if (!packets_.empty()) next = std::min(next, std::max(now_, packets_.front().at));
      now_ = next;
      if (next >= end) return;
      while (!packets_.empty() && packets_.front().at <= now_) {
        const Packet packet = std::move(packets_.front());
        packets_.pop_front();
        deliver(packet);
      }
      for (const auto& node : nodes_) {
        if (node->core->next_timer() > now_) continue;
        node->core->on_timer(now());
        carry_out(*node);
      }
    }
  }

  /// What a client or a stranger sends, who has no core; what is sent to it lies in `to_others`.
  Status send_as(const NodeId& from, Node& to, Lane lane, Bytes message) {
    const Status status = to.core->on_message(now(), from, lane, message, {});
    carry_out(to);
    return status;
  }
  std::vector<Sent> to_others;

 private:
  struct Packet {
    Time at;
    NodeId from, to;
    Send message;
    bool gossip = false;
  };

  void carry_out(Node& node) {
    for (std::vector<Effect> effects = node.core->take_effects(); !effects.empty();
         effects = node.core->take_effects()) {
      for (Effect& effect : effects) carry_out_one(node, effect);
    }
    for (std::string& note : node.core->take_notes()) node.notes.push_back(std::move(note));
  }

  void carry_out_one(Node& node, Effect& effect) {
    if (auto* send = std::get_if<Send>(&effect)) {
      const NodeId to = send->to;
      packets_.push_back({now_ + std::chrono::milliseconds(10), node.id, to, std::move(*send)});
    } else if (auto* publish = std::get_if<Publish>(&effect)) {
      for (const auto& other : nodes_) {
        const auto& topics = publish->topic == Topic::kEager ? other->eager_at : other->lazy_at;
        if (topics.contains(node.id)) {
          packets_.push_back({now_ + std::chrono::milliseconds(10), node.id, other->id,
                              Send{other->id, Lane::kControl, publish->message}, true});
        }
      }
    } else if (auto* sub = std::get_if<Subscribe>(&effect)) {
      auto& topics = sub->topic == Topic::kEager ? node.eager_at : node.lazy_at;
      sub->on ? (void)topics.insert(sub->to) : (void)topics.erase(sub->to);
    } else if (auto* unlink = std::get_if<Unlink>(&effect)) {
      node.eager_at.erase(unlink->to);
      node.lazy_at.erase(unlink->to);
    } else if (auto* admit = std::get_if<Admit>(&effect)) {
      node.admitted.insert(admit->node);
    } else if (auto* expel = std::get_if<Expel>(&effect)) {
      node.admitted.erase(expel->node);
      node.clients.erase(expel->node);
      node.expelled.push_back(expel->why);
    } else if (auto* forget = std::get_if<Forget>(&effect)) {
      node.admitted.erase(forget->node);
      node.forgotten.insert(forget->node);
    } else if (auto* client = std::get_if<AdmitClient>(&effect)) {
      node.clients[client->client] = client->curve_key;
    } else if (std::holds_alternative<Rekey>(effect)) {
      node.join_key = node.core->keys().join_server.public_key;
      ++node.rekeyed;
    }
  }

  void deliver(const Packet& packet) {
    Node* from = find(packet.from);
    Node* to = find(packet.to);
    if (to == nullptr) return to_others.push_back({packet.from, packet.to, packet.message});
    if (from == nullptr || !from->reachable || !to->reachable) return;
    if (!from->introduced.contains(to->id) && join(*from, *to)) from->introduced.insert(to->id);
    if (!to->admitted.contains(from->id)) return;
    const Status status = packet.gossip ? to->core->on_gossip(now(), from->id, packet.message.message)
                                        : to->core->on_message(now(), from->id, packet.message.lane,
                                                               packet.message.message, packet.message.frames);
    if (!status) to->refused.push_back(status.error().message);
    carry_out(*to);
  }

  std::vector<std::unique_ptr<Node>> nodes_;
  std::deque<Packet> packets_;
  Time now_{Duration(1'000'000)};
};

}  // namespace zswarm::bus
