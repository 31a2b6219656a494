// The overlay of one node: who its neighbours are (views.h), whether they live (detector.h), and news to all
// (broadcast.h), composed.
//
// The owner hands in messages, losses, the program's wishes and the time; effects go into an Outbox, what the
// program should know comes from take_events(). After every call the owner carries out the effects and arms
// one timer for next_timer(). Calls that come much later than that tell the overlay that its process did not
// run.
//
// Sans I/O, one thread. Memory is bounded by OverlayConfig, whatever others send. A faulty message changes
// nothing and is returned as an error, for the log and for counting.
//
// Deaths: a detector's finding is broadcast (news.h: kDead) and drops the node from all views. Others believe
// it, except its own neighbours, who look for themselves, and the node itself, which refutes it with a higher
// incarnation (kAlive).
// When a link comes about with somebody who was called dead, two parts of the network may have found each
// other again: each tells the other whom it has called dead since then, and those who live refute it.
//
// Who sends what no honest node sends, or asks for too much, is given up and shunned (conduct.h).
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "bus/overlay/broadcast.h"
#include "bus/overlay/conduct.h"
#include "bus/overlay/config.h"
#include "bus/overlay/detector.h"
#include "bus/overlay/event.h"
#include "bus/overlay/obituaries.h"
#include "bus/overlay/views.h"

namespace zswarm::bus {

class Overlay {
 public:
  struct Neighbour {
    NodeId id;
    Duration rtt{0};  // smoothed, from probes; 0 until measured
    bool suspected = false;
    bool eager = false;  // we take its whole news, not only ids
  };

  /// config, cards, news and roster outlive this object; without news (null) every payload is passed on,
  /// without a roster nobody is audited.
  Overlay(const OverlayConfig& config, const CardCheck& cards, Self self, std::uint64_t seed,
          NewsCheck* news = nullptr, Roster* roster = nullptr);
  Overlay(const Overlay&) = delete;
  Overlay& operator=(const Overlay&) = delete;

  /// Asks a member to take us in. Its card is valid: it came with the welcome of its join socket. May be
  /// called for several.
  void join(Time now, Peer contact, Outbox& out);
  /// Tells everybody that we go. From then on nothing is sent.
  void leave(Time now, Outbox& out);
  /// News to everybody, at most config.news_bytes_max.
  Status broadcast(Time now, Bytes payload, Outbox& out);
  /// Somebody who may become a neighbour, with a card that is valid (remembered, or from a beacon).
  void add_candidate(Time now, Peer peer, Outbox& out);

  /// What we show of ourselves from now on; who we are stays.
  void set_card(Bytes card) { self_.card = std::move(card); }
  /// A newer card of a node, valid: it takes the place of the older one wherever that is kept.
  void renew_card(const Peer& peer);

  /// Message types 0x10 to 0x3f; `from` is who the transport's keys say it is.
  Status on_message(Time now, const NodeId& from, ByteView message, Outbox& out);
  /// The transport says that the connection to a linked node is gone.
  void on_lost(Time now, const NodeId& peer, Outbox& out);
  /// The answer to a Knock: whether a process listens at the node's address. Nobody says so if the machine is
  /// silent.
  void on_knocked(Time now, const NodeId& peer, bool listens, Outbox& out);
  void on_timer(Time now, Outbox& out);
  [[nodiscard]] Time next_timer() const;
  /// The driver expelled this node (revoked, hostile): it goes from all views and is not taken back for a
  /// while.
  void expel(Time now, const NodeId& peer, Outbox& out);

  [[nodiscard]] std::vector<OverlayEvent> take_events() { return std::exchange(events_, {}); }

  [[nodiscard]] std::vector<Neighbour> neighbours() const;
  [[nodiscard]] std::span<const Peer> active() const { return views_.active(); }
  [[nodiscard]] std::span<const Peer> passive() const { return views_.passive(); }
  [[nodiscard]] std::uint64_t incarnation() const { return self_.incarnation; }
  [[nodiscard]] std::uint32_t health() const { return detector_.health(); }
  /// Share of exchanges that met a loss, in millionths, as this node and its neighbours see it.
  [[nodiscard]] std::uint32_t late_ppm() const { return detector_.late_ppm(); }
  [[nodiscard]] bool has_left() const { return left_; }
  [[nodiscard]] const Broadcast& gossip() const { return broadcast_; }

 private:
  Status handle(Time now, const NodeId& from, const Header& header, ByteView message, Outbox& out);
  void give_up(Time now, const NodeId& from, Outbox& out);
  Status on_leave(Time now, const NodeId& from, ByteView message, Outbox& out);
  void notice_stall(Time now);
  /// Passes on what one part found out to the others, until there is nothing left.
  void settle(Time now, Outbox& out);
  void on_link(Time now, const NodeId& id, Outbox& out);
  void on_finding(Time now, const Detector::Finding& finding, Outbox& out);
  void on_news(Time now, News news, Outbox& out);
  void on_news_of_life(Time now, const News& news);
  void on_news_of_end(Time now, const News& news, Outbox& out);
  void on_news_of_self(Time now, const News& news, Outbox& out);
  void say_alive(Time now, Outbox& out);
  void audit(Time now, Outbox& out);
  void duplicate_identity(Time now, const NodeId& id);

  const OverlayConfig& config_;
  Self self_;
  Random random_;
  Views views_;
  Detector detector_;
  Broadcast broadcast_;
  Obituaries obituaries_;
  Conduct conduct_;
  Roster* roster_;
  std::vector<OverlayEvent> events_;
  bool announced_ = false;  // our joining
  bool left_ = false;
  Time audit_at_ = kNever;
  Time expected_ = kNever;  // the timer that the owner was told to arm
  Time alive_said_{Duration::min() / 2};
  bool say_alive_again_ = false;
  Time duplicate_told_{Duration::min() / 2};
};

}  // namespace zswarm::bus
