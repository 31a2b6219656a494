// The knobs of membership, failure detection and broadcast, each with its formula and why it stands where it
// stands. The defaults are for any size of network: nothing here depends on how many nodes there are.
//
// Traffic of an idle node, sent and counted as encoded messages plus 35 bytes each for ZMTP and CURVE:
//   probes    links per node (5.5) x one exchange per probe_every (1.6 s) / 2 ends x (68 + 64 bytes)  ~ 230
//   B/s
//   shuffles  one per shuffle_every (200 s): 5 cards of ~300 bytes over shuffle_ttl + 1 hops, and back  ~ 40
//   B/s
//   strangers connections for shuffles and new links, as many                                         ~ 100
//   B/s
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "bus/base/time.h"

namespace zswarm::bus {

using namespace std::chrono_literals;

// A suspicion that claims an incarnation so far ahead of ours is a lie; refuting it would let a liar use up
// the range.
inline constexpr std::uint64_t kIncarnationJumpMax = 1u << 20;

struct OverlayConfig {
  // --- Views: HyParView (Leitao, Pereira, Rodrigues: "HyParView: a membership protocol for reliable
  // gossip-based broadcast", DSN 2007) ---

  // Links a node seeks. A random graph of degree d stays connected with d >= 3; 5 is the paper's value for
  // 10,000 nodes, and log(100,000) / log(5 - 1) = 8.3 hops reach 100,000.
  std::size_t active_target = 5;
  // Links a node bears. Above the target, so that who looks for a link finds somebody with a free place; with
  // equal bounds the last ones to look would be refused by everybody, for ever.
  std::size_t active_max = 7;
  // Candidates in reserve. After a share q has died at once, passive_max x (1 - q) live ones are left: 6 of
  // 30 for q = 0.8.
  std::size_t passive_max = 30;
  // Random walks of a join: active_walk hops to the node that takes the new one as a neighbour, and on the
  // way, passive_walk hops before the end, one that keeps it in reserve (paper, section 5.1).
  std::uint8_t active_walk = 6;
  std::uint8_t passive_walk = 3;
  // What a shuffle shows beside the node's own card: a card is ~300 bytes, so few, and seldom.
  std::size_t shuffle_active = 1;
  std::size_t shuffle_passive = 3;
  std::uint8_t shuffle_walk = 3;
  // Also: one link is renewed. Each of both means connections to strangers, 3 to 5 KB for hello, welcome and
  // handshakes, which at one a minute cost more than all probes.
  Duration shuffle_every = 200s;
  // How long a node waits for the answer to "be my neighbour": a new connection is two handshakes of about
  // four round trips, and one lost SYN costs a second.
  Duration neighbour_timeout = 2500ms;
  // Between rounds of asking everybody in reserve, and contacts again while alone; doubles up to the maximum.
  Duration seek_again_min = 500ms;
  Duration seek_again_max = 60s;
  // How long somebody known dead is not taken back because of hearsay (a card in a shuffle).
  Duration shun_for = 60s;
  std::size_t shunned_max = 1024;
  // Ends and beginnings of members that are remembered, so that old news of them are known as such.
  std::size_t obituaries_max = 8192;
  Duration keep_obituaries = std::chrono::hours(1);
  // Neighbours and candidates that were called dead are asked for a link again: they may have been cut off
  // with a part of the network. First after fallen_again, then half as often each time, for an hour. The
  // first one that answers leads the two parts together.
  std::size_t fallen_max = 8;
  Duration fallen_again = 4s;
  Duration fallen_again_max = 300s;
  Duration fallen_for = std::chrono::hours(1);
  // Cards that are checked (two signatures, ~0.1 ms) per second because others sent them: bounds what lies
  // cost.
  std::uint32_t card_checks_per_s = 100;
  std::size_t card_bytes_max = 2048;
  // Whether a node tells everybody that it has joined. Large simulated networks that begin all at once do
  // without.
  bool announce_joins = true;

  // --- Failure detection: SWIM (Das, Gupta, Motivala, DSN 2002) with Lifeguard (Dadgar, Phillips, Currey,
  // DSN 2018) ---

  // Each link is probed once in this time by one of its ends: an exchange proves both ends alive, and the
  // other end then leaves its own probe out. With d neighbours the first probe after a crash comes after
  // probe_every / (d + 1) in the mean, and after probe_every x (1 - 0.01^(1/d)) = 0.9 s in 99 of 100 cases.
  Duration probe_every = 1600ms;
  // Time for the answer over control: srtt + 4 rttvar (RFC 6298) of the link, within these bounds. On TCP a
  // lost segment is a late one, 200 ms and a round trip; the call that follows is cheap (a twentieth of the
  // probes at a tenth of all segments lost), so it need not wait for the second retransmission.
  Duration probe_timeout_min = 400ms;
  Duration probe_timeout_max = 600ms;
  // Time for the answer to the call over gossip, before all other neighbours are asked to help.
  Duration call_timeout = 400ms;
  // Answers to calls go to all neighbours, so not more often than this; one that is under way serves all.
  Duration here_every = 100ms;
  // Helpers tell us when they, too, have had no answer for so long; what they hear later still reaches us.
  Duration helper_timeout = 800ms;
  // How long a suspect has to speak up (Lifeguard's dogpile): max - (max - min) x log(c + 1) / log(k + 1)
  // with c confirmations of the k that suffice; and, from the first probe on, not less than detector.cpp's
  // patience().
  std::size_t confirmations = 3;
  Duration suspicion_min = 1200ms;
  Duration suspicion_max = 5s;
  // The share of late answers up to which a network is sound, and from which on it is in trouble: 13 and 15 %
  // of all segments lost. Sound, a silent neighbour is dead when its connections cannot
  // all be standing still for losses. In trouble its machine may be, too: it is given patience_in_trouble,
  // which outlasts a pause of ten seconds.
  std::uint32_t sound_late_ppm = 300'000;
  std::uint32_t trouble_late_ppm = 350'000;
  Duration patience_in_trouble = 14s;
  // Who says that its process has paused is given a quarter and a second more than that, up to this much, for
  // so long after the last pause.
  Duration patience_max = 20s;
  // A suspect's machine is asked by accuser and helpers whether a process listens there (knocks): every
  // knock_every until it says something, knocks_max times, then every knock_again. At a tenth of all segments
  // lost, eight knocks of one accuser all fail in (1 - 0.9^2)^8 = 2 of a million cases, before any helper's.
  Duration knock_every = 250ms;
  std::uint32_t knocks_max = 12;
  Duration knock_again = 5s;
  // A machine that takes connections for a silent process: it is frozen, swapped out or stuck, and not gone.
  Duration patience_with_frozen = 30s;
  // Once in this time a node looks at a member chosen at random (roster.h), so each member is looked at as
  // often by somebody: one that nobody misses is found after audit_every in the mean, 99 of 100 within 4.6
  // times that. A connection to a stranger with two probes is some 2 KB, 17 bytes/s. Who has found one dead
  // looks at the next after audit_again, since it may not be alone.
  Duration audit_every = 120s;
  Duration audit_again = 5s;
  // Time for the answer, with the handshakes of a new connection; then for helpers' answers. So many helpers
  // must fail to reach it, too, if there are so many.
  Duration audit_answer = 10s;
  Duration audit_patience = 20s;
  std::size_t audit_confirmations = 2;
  Duration remember_pause = std::chrono::hours(1);
  // An answer this much later than the link's fastest tells of a lost segment (retransmissions take 200 ms).
  Duration late_answer = 180ms;
  // Lifeguard's local health: the longest multiplier of probe_timeout less one.
  std::uint32_t health_max = 8;
  // A timer of ours that is this late, or a call that comes this long after it was due, shows that this
  // process did not run. Below the shortest timeout, above what schedulers do.
  Duration stall = 250ms;
  // Rounds in which a neighbour answers helpers only, after which the link is given up (not the neighbour).
  std::uint32_t indirect_rounds_max = 3;
  // Probes that we make for others at a time, and how long late answers to them are passed on: as long as a
  // suspicion may take, so that a node which wakes up after 10 s is heard by its accuser over all paths.
  std::size_t relays_max = 128;
  Duration relay_for = 20s;

  // --- Conduct (conduct.h) ---

  // What one sender may make us do, in answers of about a hundred bytes: idle neighbours ask for one in a
  // second, and a join costs forty.
  std::uint64_t work_per_s = 20;
  std::uint64_t work_burst = 200;
  // Faults of one sender that are borne in the time after which we forgive; an honest node has none.
  std::uint64_t faults_borne = 4;
  Duration forgive_after = 120s;
  Duration shun_faulty_for = 600s;
  std::size_t senders_max = 4096;

  // --- Broadcast: Plumtree (Leitao, Pereira, Rodrigues: "Epidemic broadcast trees", SRDS 2007) ---

  // Neighbours whose whole news we go on taking when duplicates come; 1 is the paper's tree. With 2, one late
  // segment on the way does not delay a subtree: each node takes the earlier of two paths, for one more copy.
  std::size_t eager_min = 2;
  // News go out at once; in a burst they are gathered for this long (eager) before the next message.
  Duration eager_gather = 10ms;
  // Ids are gathered for this long: the whole news normally is there sooner by the eager links.
  Duration lazy_gather = 50ms;
  // After the first id of news that we do not have, wait this long for the news before asking. The sum
  // lazy_gather + graft_wait is about one round trip of a wide-area network.
  Duration graft_wait = 80ms;
  // Before the next one who has it is asked: one retransmission (200 ms) and a round trip.
  Duration graft_again = 300ms;
  std::uint32_t graft_rounds = 4;  // over all who announced it
  // A link with so many fewer hops than the present one takes its place (paper, section 3.8).
  std::uint32_t shortcut_hops = 4;
  // News kept for those who ask, by age and bytes; ids are kept longer, so that late copies are known.
  Duration keep_news = 30s;
  Duration keep_ids = 120s;
  std::size_t news_bytes_kept = 4u << 20;
  std::size_t ids_kept = 1u << 16;
  std::size_t missing_max = 4096;
  // Ids of the news of the last digest_age go to one neighbour at a time, while there are any: an id that was
  // lost with a closed connection is told again. A new neighbour is told of all that is kept.
  Duration digest_every = 2s;
  Duration digest_age = 8s;
  std::size_t news_bytes_max = 64u << 10;
  std::size_t batch_bytes_max = 128u << 10;
  // Gossip from one neighbour; beyond it messages are dropped. 10,000 deaths at once are 0.5 MB.
  std::size_t gossip_bytes_per_s = 1u << 20;
  std::size_t gossip_burst_bytes = 8u << 20;
  // What one author's payloads may make everybody carry; news beyond that are not passed on (the ledger's
  // reconciliation brings what was meant to last). Bounds what a member with a valid key can do to all
  // others.
  std::uint64_t author_bytes_per_s = 256;
  std::uint64_t author_burst_bytes = 32u << 10;
  std::size_t authors_max = 1024;
  // News of lives and ends that are taken from one neighbour: they are not signed. The burst is a network
  // that loses thousands at once.
  std::uint64_t ends_per_s = 20;
  std::uint64_t ends_burst = 8192;
};

}  // namespace zswarm::bus
