// What an entry knows of the nodes: what they say (hints), and what it has seen of them itself: its open
// requests there, their failures (breaker.h), how late their first tokens are. From it come the candidates of
// a choice.
//
// Sans I/O, one thread. Memory: as many nodes as set() was given, and those that still have a request of ours
// or are in quarantine.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bus/base/node_id.h"
#include "bus/base/random.h"
#include "bus/base/time.h"
#include "node/dispatch/breaker.h"
#include "node/dispatch/choice.h"
#include "node/dispatch/hint.h"
#include "node/dispatch/model_hash.h"

namespace zswarm::node {

using AttemptId = std::uint64_t;  // of one try of a request at one node
using Labels = std::map<std::string, std::string>;

/// A node as membership, ledger and hints show it.
struct NodeView {
  bus::NodeId id;
  bool here = false;       // this process
  bool suspected = false;  // of being dead: it gets nothing new
  Labels labels;           // `weight`: 1 to 1000, for the strategy weighted
  bus::Duration rtt{0};
  std::vector<ModelHash> models;
  std::optional<Hint> hint;
  bus::Time hint_at;
};

/// A model at a node.
struct PlaceKey {
  ModelHash model{};
  bus::NodeId node;
  friend auto operator<=>(const PlaceKey&, const PlaceKey&) = default;
};

class NodeTable {
 public:
  // A node that refuses for want of room is left alone for so long, twice as long each time.
  static constexpr bus::Duration kBusyMin = std::chrono::milliseconds(100),
                                 kBusyMax = std::chrono::seconds(3);
  static constexpr double kLatenessMin = 0.25, kLatenessMax = 16;

  /// All nodes that there are. One that comes without a hint keeps the latest.
  void set(bus::Time now, std::vector<NodeView> nodes);
  /// A newer hint of a node that is known; others are passed over.
  void set_hint(bus::Time now, const bus::NodeId& node, Hint hint);
  /// It is dead or has left; its breaker is kept.
  void remove(const bus::NodeId& node);

  /// How many nodes with these labels have the model, however busy; counts no further than `most`.
  [[nodiscard]] std::size_t serving(const ModelHash& model, const Labels& labels, std::size_t most) const;

  struct Wish {
    const ModelHash& model;
    const Labels& labels;
    std::function<bool(const bus::NodeId&)> excluded;  // for this request
    std::function<double(const bus::NodeId&, const PrefixDigest*)> cached_tokens;
  };
  /// Those that may take a request now, in the order of their ids.
  void candidates(bus::Time now, const Wish& wish, std::vector<Candidate>& out) const;

  /// A try begins at a place; true if it is the probe of a node in quarantine.
  [[nodiscard]] bool started(bus::Time now, const PlaceKey& place, AttemptId attempt,
                             std::uint32_t prompt_tokens);
  /// It has ended. Exactly once for each.
  void ended(const PlaceKey& place, AttemptId attempt);
  void busy(bus::Time now, const PlaceKey& place);
  /// The first token took `seen_s` where an estimate without lateness said `expected_s`.
  void first_token(const PlaceKey& place, double seen_s, double expected_s);
  [[nodiscard]] Breaker& breaker(const bus::NodeId& node) { return nodes_[node].breaker; }
  [[nodiscard]] Breaker::State quarantine(bus::Time now, const bus::NodeId& node) const;

  [[nodiscard]] std::size_t nodes() const { return nodes_.size(); }
  /// Tries that have begun and not ended.
  [[nodiscard]] std::size_t open() const;

 private:
  struct Sent {
    AttemptId attempt;
    bus::Time at;
    std::uint32_t prompt_tokens;
  };
  struct Node {
    std::optional<NodeView> view;  // none: not there, but has a request of ours or is in quarantine
    std::optional<bus::Time> hint_noted;
    Breaker breaker;
  };
  struct Place {
    bool listed = false;
    std::uint32_t own_open = 0;
    std::vector<Sent> since;        // what the hint cannot know yet
    std::uint32_t ended_since = 0;  // what it counts still
    bus::Time busy_until;
    bus::Duration busy_for{0};
    double lateness = 1, first_token_s = 0;
  };

  [[nodiscard]] static const ModelLoad* load_of(const NodeView& view, const ModelHash& model);
  [[nodiscard]] static LoadNow load_now(bus::Time now, const NodeView& view, const ModelLoad& load,
                                        const Place& place);
  void note_hint(const bus::NodeId& node);

  std::map<bus::NodeId, Node> nodes_;
  std::map<PlaceKey, Place> places_;
};

}  // namespace zswarm::node
