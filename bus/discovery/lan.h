// When a node calls out on its LAN, whom it answers, and whom it contacts: the policy of beacons.
//
// A node that has no neighbour is *seeking*: it calls at once, then after gaps that double, and says so in
// its beacons. Members answer a seeker with a beacon of their own after a short random wait, unless enough
// others have (as in SRM and mDNS: RFC 6762, section 6). A member that nobody asks calls once in an interval,
// unless it has heard enough others in it (Trickle: RFC 6206, with a fixed interval): however many nodes
// share a LAN, they send about `enough` to 2 x `enough` beacons an interval together.
//
// Whoever hears a node that is no living member may contact it, that is, say hello at its join socket. A
// seeker contacts the first few that it hears; of n members each contacts a stranger with probability
// contacts_wanted / n, so that parts of a network that have lost each other meet again and a newcomer is not
// run over.
//
// Beacons carry their sender's time. What is not newer than the last beacon of the same process is passed
// over, so a replay of one that arrived is nothing. A beacon far from our own clock is heeded all the same,
// for a machine whose clock is wrong must be able to join, but all of them share one small allowance: so
// recordings of old beacons cost at most one connection attempt in a second, and nobody else's place. What a
// contact reaches is proved by the join socket's keys, never by the beacon.
//
// Sans-I/O: see base/time.h. One thread. Memory is bounded by nodes_max.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "bus/base/random.h"
#include "bus/base/token_bucket.h"
#include "bus/discovery/beacon.h"

namespace zswarm::bus {

struct LanConfig {
  using Milliseconds = std::chrono::milliseconds;

  // A seeker's gaps between beacons: 100, 200, 400 ms… A lost datagram thus costs a tenth of a second, and
  // the first second holds four beacons.
  Duration seek_first = Milliseconds(100), seek_most = Milliseconds(4000);
  // A member's interval; the beacon is sent in its second half. Half of it is the shortest time between two.
  Duration interval = Milliseconds(8000);
  // Beacons of others in an interval after which a member keeps silent.
  std::size_t enough = 5;
  // An answer waits a random part of this: a millisecond for each member, so that the first few answers are
  // heard before the others are due.
  Duration answer_wait_min = Milliseconds(10), answer_wait_max = Milliseconds(400);
  std::size_t answers_enough = 3;
  Duration answer_gap = Milliseconds(100);  // between two answers of ours
  std::size_t contacts_wanted = 3;          // with a stranger, of all members together
  // Before the same node is contacted again: at its next address; and, doubling, after all of them.
  Duration next_place = Milliseconds(300);
  Duration contact_again = Milliseconds(2000), contact_again_most = Milliseconds(60'000);
  std::int64_t skew_ms_max = 60'000;  // beyond it, a beacon counts as old
  // Beyond it an operator is told: the ledger refuses what is further ahead.
  std::int64_t skew_ms_told = 5'000;
  Duration told_again = std::chrono::minutes(10);
  std::size_t nodes_max = 512;
  std::size_t places_max = 8;  // addresses of one node
};

class Lan {
 public:
  /// What the owner knows beside: how many neighbours and living members there are.
  struct Around {
    std::size_t neighbours = 0, members = 0;
  };
  struct Call {
    bool seeking = false;
  };
  struct Contact {
    NodeId node;
    Endpoint join;
  };
  /// A sentence for an operator.
  struct Notice {
    std::string sentence;
  };
  using Effect = std::variant<Call, Contact, Notice>;

  Lan(LanConfig config, const NodeId& self, std::uint64_t instance, std::uint64_t seed);

  /// A beacon that was opened, and the address that it came from. `lives`: the sender, in this instance, is a
  /// member that we count as alive.
  void on_beacon(const Now& now, const Around& around, const Beacon& beacon, const std::string& host,
                 bool lives);
  void on_timer(Time now, const Around& around);
  [[nodiscard]] Time next_timer() const;
  /// An interface has come: what was told before has not reached everybody.
  void on_new_interface(Time now);

  [[nodiscard]] std::vector<Effect> take_effects() { return std::exchange(effects_, {}); }
  /// Nodes heard of.
  [[nodiscard]] std::size_t known() const { return nodes_.size(); }

 private:
  struct Node {
    std::uint64_t instance = 0;
    WallTime last;                 // of its beacons
    Time heard;                    // ours
    std::vector<Endpoint> places;  // where its beacons came from, or said; the last one's first
    std::size_t attempts = 0;
    Time not_before;  // no contact sooner
    Duration again{0};
  };

  /// The sender's record, if this beacon is a new one.
  Node* note(const Now& now, const Beacon& beacon, const std::string& host);
  /// True if there is a new one.
  bool merge_places(Node& node, const std::vector<Endpoint>& more) const;
  void make_room();
  void answer_later(Time now, const Around& around);
  void consider_contact(Time now, const Around& around, const NodeId& id, Node& node);
  void on_own(const Now& now, const Beacon& beacon);
  void tell_skew(const Now& now, const Beacon& beacon);
  void call(Time now, bool seeking);
  void begin_interval(Time now);

  const LanConfig config_;
  const NodeId self_;
  const std::uint64_t instance_;
  Random random_;
  std::unordered_map<NodeId, Node> nodes_;
  TokenBucket old_allowance_{1, 5};  // beacons far from our clock
  TokenBucket seeker_contacts_{4, 4}, member_contacts_{1, 3};
  // Seeking: the next call and the gap after it. A member: its place in the interval and the interval's end.
  bool seeking_ = true;
  Time call_at_, interval_end_ = kNever;
  Duration gap_;
  std::size_t heard_ = 0;  // beacons of others in this interval
  // An answer that waits, and what others have answered since it was asked for.
  Time answer_at_ = kNever;
  std::size_t answers_heard_ = 0;
  Time last_call_{Duration::min() / 2};
  Time skew_told_{Duration::min() / 2}, twin_told_{Duration::min() / 2};
  std::vector<Effect> effects_;
};

}  // namespace zswarm::bus
