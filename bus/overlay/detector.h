// Whether our neighbours live: probes as in SWIM (Das, Gupta, Motivala, DSN 2002), with Lifeguard's
// extensions (Dadgar, Phillips, Currey, DSN 2018).
//
// Each link is probed in turn, over control. Who does not answer in time is called over gossip and answers
// there: other connections, which lose other segments. If that fails too, it is a suspect, told so, and
// probed by all our other neighbours; it is called dead when the suspicion's time is over. Anything heard
// from it ends that. Differences from the papers, and why:
//   - Only the active view is probed, so only neighbours are ever suspects, and a suspicion stays among those
//     whom it concerns: the suspect and the helpers. Sent to everybody, the suspicions of 10 % of nodes that
//     freeze for 10 s at a time would cost each node of a large network more than all else together.
//   - A helper that gets no answer either says so (Lifeguard's NACK); that is also the confirmation which
//     shortens the suspicion (its dogpile), since helper and accuser have looked over different connections.
//   - A process that did not run (frozen, or short of processor time) has heard nobody, through its own
//     fault. It notices by the lateness of its own timers, drops all suspicions and begins again; and it
//     tells its neighbours how long that was, who then wait longer for it.
//   - Who falls silent may be gone or frozen, and its operating system knows: it refuses connections to a
//     process that has ended, takes them for one that does not run, and is silent if the machine is off or
//     cut off. Accuser and helpers ask it (knock). Refused, a suspicion ends as soon as it may; taken, the
//     suspect is given patience_with_frozen. Neither is a sign of life.
//   - Without such word, how long silence is borne follows from the share of late answers that this node and
//   its neighbours
//     measure (patience()): as long as connections may stand still where few segments are lost, and where
//     many are, longer than a pause of ten seconds.
// A limit that no detector passes: whoever is silent on all paths for longer than that, with its machine, is
// called dead, whether that is gone, cut off or only sleeps. If it lives, it refutes that when it is back.
//
// Sans I/O, one thread. What is found out is handed out by take_findings(); it changes no view.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bus/base/random.h"
#include "bus/base/time.h"
#include "bus/overlay/config.h"
#include "bus/overlay/peer.h"
#include "bus/overlay/roster.h"
#include "bus/proto/outbox.h"

namespace zswarm::bus {

class Detector {
 public:
  enum class Kind : std::uint8_t {
    kSuspected,
    kRefuted,        // a suspect was heard
    kDead,           // a suspicion's time is over
    kDeadAsTold,     // others found it dead, and it does not answer us either
    kNotMutual,      // it does not count us as a neighbour
    kUnreachable,    // only helpers reach it, or it has said nothing since the link came about
    kSelfSuspected,  // somebody suspects us; our incarnation has grown
    kDuplicate,      // two processes speak as this node
  };
  struct Finding {
    Kind kind;
    NodeId id;
    std::uint64_t incarnation = 0;
  };
  struct Link {
    NodeId id;
    Duration rtt{0};  // smoothed; 0: not measured yet
    bool suspected = false;
  };

  /// `self.incarnation` grows when we are suspected.
  Detector(const OverlayConfig& config, Self& self, const CardCheck& cards, Random& random);

  void add(Time now, const Peer& peer);
  void renew_card(const Peer& peer);
  void remove(const NodeId& id);

  /// Types kProbe to kProbeHere.
  Status on_message(Time now, const NodeId& from, const Header& header, ByteView message, Outbox& out);
  /// Any message of a neighbour shows that it lives.
  void heard(Time now, const NodeId& from);
  void on_timer(Time now, Outbox& out);
  [[nodiscard]] Time next_timer() const;
  /// This process did not run for so long: nobody is to blame for silence.
  void on_stall(Time now, Duration pause);

  /// Looks at a neighbour now: the transport lost it.
  void check_now(Time now, const NodeId& id, Outbox& out);
  /// What a node's operating system says of the process that should listen there.
  void on_knocked(Time now, const NodeId& id, bool listens, Outbox& out);
  /// Others have found a neighbour dead: if it does not answer us either, that is the end of it.
  void called_dead(Time now, const NodeId& id, Outbox& out);
  /// Looks at a member that is no neighbour, unless another such look goes on. It is found kDead if neither
  /// we nor helpers reach it, and its machine does not take connections.
  void audit(Time now, const RosterEntry& member, Outbox& out);
  [[nodiscard]] bool audits() const { return audited_.has_value(); }
  [[nodiscard]] std::vector<Link> links() const;
  [[nodiscard]] std::uint32_t health() const { return health_; }
  /// Share of exchanges that met a loss, in millionths, as this node and its neighbours see it.
  [[nodiscard]] std::uint32_t late_ppm() const;
  [[nodiscard]] std::vector<Finding> take_findings() { return std::exchange(findings_, {}); }

 private:
  enum class Stage : std::uint8_t { kQuiet, kDirect, kCalled, kSuspect };
  /// What a suspect's machine said last, and whom we have it from.
  enum class Word : std::uint8_t { kNone = 0, kListens = 1, kRefuses = 2 };
  struct Knocks {
    Time next = kNever;
    std::uint32_t count = 0;
  };
  struct Neighbour {
    Peer peer;
    std::uint64_t incarnation = 0;
    std::uint64_t instance = 0;      // 0: not known yet
    std::uint64_t old_instance = 0;  // the one before, which must not speak any more
    Time instance_since;
    Time last_duplicate{Duration::min()};
    std::uint32_t old_seen = 0;
    Time linked;
    Stage stage = Stage::kQuiet;
    bool called_dead = false;
    bool spoke = false;  // since the link came about
    Time due;            // the next probe, or the end of the stage
    Time probed;
    Time suspected;
    std::uint32_t sequence = 0;         // of the probe that is out
    bool answered = true;               // over control
    std::vector<NodeId> helpers;        // asked
    std::vector<NodeId> nacks;          // those of them that get no answer either
    Word word = Word::kNone;            // to us
    Word told = Word::kNone;            // to a helper
    std::vector<NodeId> refused_there;  // helpers
    Knocks knocks;
    std::uint32_t indirect_rounds = 0;
    Duration srtt{0}, rttvar{0}, fastest{0};
    std::optional<std::uint32_t> late_ppm;  // as it told us
    Duration pause{0};                      // the longest of its own, as it told us
  };
  /// A probe that we make for somebody else.
  struct Relay {
    NodeId asker, target;
    std::uint32_t asker_sequence = 0, sequence = 0;
    Time nack_at;
    bool nacked = false, passes_on = false;
    Word told = Word::kNone;  // what of its machine the asker has been told
    Knocks knocks{};
  };

  Status on_probe(Time now, const NodeId& from, std::uint32_t sequence, Reader fields, Outbox& out);
  Status on_ack(Time now, const NodeId& from, std::uint32_t sequence, Reader fields, Outbox& out);
  Status on_request(Time now, const NodeId& from, std::uint32_t sequence, Reader fields, Outbox& out);
  Status on_nack(Time now, const NodeId& from, std::uint32_t sequence, Reader fields);
  Status on_call(Time now, const NodeId& from, Reader fields, Outbox& out);

  [[nodiscard]] Neighbour* find(const NodeId& id);
  /// Whom a helper's answer is about: a neighbour, or the one that is audited.
  [[nodiscard]] Neighbour* watched(const NodeId& id);
  [[nodiscard]] bool is_audited(const NodeId& id) const { return audited_ && audited_->peer.id == id; }
  void audit_step(Time now, Outbox& out);
  void audit_told(Time now);
  void probe(Time now, Neighbour& n, Outbox& out);
  void call(Time now, Neighbour& n, Outbox& out);
  void ask_helpers(Neighbour& n, Outbox& out);
  void suspect(Time now, Neighbour& n, Outbox& out);
  void knock(Time now, const NodeId& id, Knocks& knocks, Word word, Outbox& out);
  static void nack(Relay& relay, Word word, Outbox& out);
  void step(Time now, Neighbour& n, Outbox& out);
  [[nodiscard]] Kind verdict(const Neighbour& n) const;
  void quiet(Time now, Neighbour& n);
  void alive(Time now, Neighbour& n);
  void measure(Neighbour& n, Duration rtt);
  void note_exchange(bool late);
  void learn(Time now, Neighbour& n, std::uint64_t incarnation, std::uint64_t instance);
  [[nodiscard]] Duration probe_timeout(const Neighbour& n) const;
  [[nodiscard]] Duration patience(const Neighbour& n) const;
  [[nodiscard]] Time end_of_suspicion(const Neighbour& n) const;
  [[nodiscard]] Time last_look(Time now, const Neighbour& n) const;
  [[nodiscard]] Word word_of_machine(const Neighbour& n) const;
  [[nodiscard]] static Time next_of(const Neighbour& n);
  [[nodiscard]] static Time next_of(const Relay& relay);
  [[nodiscard]] Duration own_pause(Time now) const;
  [[nodiscard]] Duration jittered(Duration d);
  void worse(std::uint32_t by);
  [[nodiscard]] Bytes probe_message(Time now, std::uint32_t sequence, bool neighbour,
                                    std::uint64_t suspected) const;

  const OverlayConfig& config_;
  Self& self_;
  const CardCheck& cards_;
  Random& random_;
  std::vector<Neighbour> neighbours_;
  std::optional<Neighbour> audited_;
  std::vector<Relay> relays_;
  std::vector<Finding> findings_;
  std::int64_t late_ppm_;  // our own measure, over all links, slowly forgotten
  std::int64_t samples_;   // what it rests on
  Duration pause_{0};      // our own longest, and when the last one ended
  Time paused_;
  Time here_said_{Duration::min() / 2};
  std::uint32_t sequence_ = 0;
  std::uint32_t health_ = 0;  // Lifeguard's local health: 0 is well
};

}  // namespace zswarm::bus
