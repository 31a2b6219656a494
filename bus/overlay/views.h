// Who our neighbours are and whom we could take instead: the partial views of HyParView (Leitao, Pereira,
// Rodrigues, DSN 2007).
//
// The active view is small and symmetric: each of its links is kept open, probed by the detector and used by
// the broadcast. The passive view is a larger reserve, mixed by shuffles, from which lost neighbours are
// replaced. Both bounds are hard, whatever others send. A link comes about by one question (kNeighbour) and
// one answer; who is asked with priority (the asker has no neighbours) always takes it and drops somebody.
//
// Two additions to the paper keep the network in one piece. Who drops a neighbour for a new one names the new
// one to it, so that the lost link is not cut but led over the new node (many joins through few members
// otherwise do cut the graph). And once in a shuffle's time one link is renewed: with a
// contact or a candidate, and whoever was called dead is asked again now and then; so parts that were
// separated for a while find each other again.
//
// Sans I/O, one thread. Effects: Admit for everybody who enters a view, Link and Unlink for the active one.
// What happened to the active view is handed out by take_changes(). Cards from others are checked before they
// enter a view, at a bounded rate. Faulty messages change nothing and are returned as errors.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "bus/base/random.h"
#include "bus/base/time.h"
#include "bus/overlay/config.h"
#include "bus/overlay/peer.h"
#include "bus/proto/outbox.h"

namespace zswarm::bus {

class Views {
 public:
  /// Why a neighbour goes: kGone is forgotten, kDropped stays in reserve.
  enum class Loss : std::uint8_t { kGone, kDropped };
  struct Change {
    NodeId id;
    bool up = true;
  };

  /// All references outlive this object.
  Views(const OverlayConfig& config, const Self& self, const CardCheck& cards, Random& random);

  /// Asks a member to take us in; it is kept as a contact for when all neighbours are lost.
  void join(Time now, Peer contact, Outbox& out);
  /// Tells the neighbours and drops all of them.
  void leave(Outbox& out);

  /// Types kJoin to kShuffleReply.
  Status on_message(Time now, const NodeId& from, const Header& header, ByteView message, Outbox& out);
  void on_timer(Time now, Outbox& out);
  [[nodiscard]] Time next_timer() const;

  /// A neighbour is lost, or does not count us as one.
  void lose(Time now, const NodeId& id, Loss loss, Outbox& out);
  /// Gone, and hearsay does not bring it back for so long.
  void shun(Time now, const NodeId& id, Duration time, Outbox& out);
  /// It was called dead: shunned for shun_for, and asked for a link now and then, for it may only be cut off.
  void bury(Time now, const NodeId& id, Outbox& out);
  void pardon(const NodeId& id);
  /// Takes somebody as a candidate whose card is known to be valid (a remembered address, a beacon).
  void add_candidate(Time now, Peer peer, Outbox& out);
  /// A newer card of somebody who is known, valid.
  void renew_card(const Peer& peer);

  [[nodiscard]] std::span<const Peer> active() const { return active_; }
  [[nodiscard]] std::span<const Peer> passive() const { return passive_; }
  [[nodiscard]] bool has_neighbour(const NodeId& id) const;
  [[nodiscard]] std::vector<Change> take_changes() { return std::exchange(changes_, {}); }

 private:
  struct Asked {
    Peer peer;
    Time deadline;
    bool renews = false;  // another link goes when this one comes
  };
  struct Shunned {
    NodeId id;
    Time until;
  };
  struct Fallen {
    Peer peer;
    Time since, next;
    Duration again;
  };

  Status on_join(Time now, const NodeId& from, Reader fields, Outbox& out);
  Status on_forward_join(Time now, const NodeId& from, Reader fields, Outbox& out);
  Status on_neighbour(Time now, const NodeId& from, Reader fields, Outbox& out);
  Status on_neighbour_reply(Time now, const NodeId& from, Reader fields, Outbox& out);
  Status on_disconnect(Time now, const NodeId& from, Reader fields, Outbox& out);
  Status on_shuffle(Time now, const NodeId& from, Reader fields, Outbox& out);
  Status on_shuffle_reply(Time now, const NodeId& from, Reader fields, Outbox& out);

  enum class Source : std::uint8_t { kItself, kHearsay };
  /// The card is the peer's own. What others say is checked at a bounded rate.
  [[nodiscard]] Status checked(Time now, const Peer& peer, Source source);
  [[nodiscard]] const Peer* known(const NodeId& id) const;
  void add_active(Time now, Peer peer, Outbox& out);
  void remove_active(std::size_t at, Outbox& out);
  /// Drops a neighbour, which may take this one instead.
  void drop_random(Time now, const Peer& instead, Outbox& out);
  void add_passive(Time now, Peer peer, Outbox& out);
  void remove_passive(const NodeId& id);
  void ask(Time now, const Peer& peer, Outbox& out);
  void seek(Time now, Outbox& out);
  void start_shuffle(Outbox& out);
  void renew_link(Time now, Outbox& out);
  void ask_instead(Time now, const Peer& peer, Outbox& out);
  void ask_fallen(Time now, Outbox& out);
  [[nodiscard]] std::size_t seeking() const;
  void note_refused(const NodeId& id);
  /// The last fault among the cards, if any.
  Status integrate(Time now, std::vector<Peer> peers, Outbox& out);
  [[nodiscard]] std::vector<Peer> sample(std::size_t active, std::size_t passive, const NodeId& except);
  [[nodiscard]] bool is_shunned(Time now, const NodeId& id) const;

  const OverlayConfig& config_;
  const Self& self_;
  const CardCheck& cards_;
  Random& random_;
  std::vector<Peer> active_;
  std::vector<Peer> passive_;
  std::vector<Peer> contacts_;  // the latest few that we joined through
  std::vector<Fallen> fallen_;  // the latest few of those we knew that were called dead
  std::vector<Asked> asked_;
  std::vector<NodeId> refused_;  // candidates that had no place in this round
  std::vector<NodeId> shown_;    // what our last shuffle showed: replaced first (paper, section 4.3)
  std::deque<Shunned> shunned_;  // by time
  std::vector<Change> changes_;
  Time seek_at_ = kNever;
  Duration seek_again_;
  Time shuffle_at_ = kNever;
  bool shuffle_open_ = false;  // one answer is welcome
  Time checks_since_;
  std::uint32_t checks_ = 0;
};

}  // namespace zswarm::bus
