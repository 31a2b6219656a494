// News to everybody: Plumtree (Leitao, Pereira, Rodrigues, SRDS 2007) over PUB/SUB.
//
// A node publishes each news item once on its eager topic and the item's id on its lazy topic; which of the
// two a neighbour gets is the neighbour's own subscription. So the paper's messages become:
//   PRUNE   a duplicate came over an eager link: subscribe to the lazy topic there instead. A copy of what we
//           ourselves gave to that neighbour is no duplicate (`via` names from whom the sender has it).
//   GRAFT   an id was announced and the news did not come: ask for it over control (kGraft), subscribe
//   eagerly;
//           the one who is asked subscribes eagerly, too. So links are eager in both directions, and one tree
//           serves all origins.
// After a loss: announced news that stay away are asked from one announcer after the other; and digests of
// recent ids go to one neighbour at a time, and to each new one, so that a lost announcement is made up for.
//
// Payloads are judged before they are passed on (NewsCheck), so whoever hands on a forged one is at fault.
//
// Sans I/O, one thread. Only neighbours are listened to. Memory is bounded by OverlayConfig: ids by number
// and age, news by bytes and age, announcements by number, gossip per neighbour by a rate.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "bus/base/random.h"
#include "bus/base/time.h"
#include "bus/overlay/conduct.h"
#include "bus/overlay/config.h"
#include "bus/overlay/news.h"
#include "bus/overlay/peer.h"
#include "bus/proto/outbox.h"

namespace zswarm::bus {

class Broadcast {
 public:
  /// `check` may be null: then every payload is passed on.
  Broadcast(const OverlayConfig& config, const Self& self, Random& random, NewsCheck* check);

  void add(Time now, const NodeId& neighbour, Outbox& out);
  void remove(const NodeId& neighbour, Outbox& out);

  /// Sends to all; false if it is known already (then nothing happens). payload <= news_bytes_max.
  bool send(Time now, News news, Outbox& out);

  /// Tells one neighbour these news over control; they need not be held here.
  static void tell(const NodeId& to, const std::vector<News>& news, Outbox& out);

  /// Types kGossip to kGraft.
  Status on_message(Time now, const NodeId& from, const Header& header, ByteView message, Outbox& out);
  void on_timer(Time now, Outbox& out);
  [[nodiscard]] Time next_timer() const;
  /// Sends what is being gathered; before leaving.
  void flush(Time now, Outbox& out);

  /// What came, each once, in order.
  [[nodiscard]] std::vector<News> take_delivered() { return std::exchange(delivered_, {}); }

  [[nodiscard]] bool is_eager(const NodeId& neighbour) const;
  [[nodiscard]] std::size_t ids_held() const { return held_.size(); }
  [[nodiscard]] std::size_t bytes_held() const { return bytes_held_; }
  [[nodiscard]] std::size_t missing() const { return missing_.size(); }

 private:
  struct Neighbour {
    NodeId id;
    bool eager = true;
    std::int64_t budget_bytes = 0;  // of gossip, refilled with time
    Time budget_at;
    std::size_t announced = 0;  // of missing_, those that it was the first to announce
    TokenBucket ends;           // news of lives and ends
  };
  /// News that we have seen; without the news itself once it is older than keep_news.
  struct Held {
    Time since;
    std::unique_ptr<News> news;
    std::uint32_t via = 0;  // short name of the neighbour it came from
    std::uint8_t hops = 0;
  };
  struct Missing {
    std::vector<NodeId> announcers;  // at least one
    std::size_t next = 0;
    std::uint32_t asked = 0;
    Time due;
  };

  Status on_gossip(Time now, Neighbour& from, Reader fields, Outbox& out);
  Status on_ihave(Time now, Neighbour& from, Reader fields, Outbox& out);
  Status on_graft(Time now, Neighbour& from, Reader fields, Outbox& out);

  [[nodiscard]] Neighbour* find(const NodeId& id);
  /// Takes bytes from the neighbour's share; false if it has used it up.
  [[nodiscard]] bool within_budget(Time now, Neighbour& from, std::size_t bytes) const;
  Status take_new(Time now, Neighbour& from, const NewsId& id, News news, std::uint8_t hops);
  void remember(Time now, const NewsId& id, std::unique_ptr<News> news, std::uint32_t via, std::uint8_t hops);
  void accept(Time now, const NewsId& id, News news, std::uint32_t via, std::uint8_t hops);
  void announced(Time now, Neighbour& from, const NewsId& id, std::uint8_t hops, Outbox& out);
  void drop_missing(const NewsId& id);
  void on_duplicate(const NewsId& id, std::uint32_t via, Neighbour& from, Outbox& out);
  void make_eager(Neighbour& n, Outbox& out);
  void make_lazy(Neighbour& n, Outbox& out);
  void ask_for_missing(Time now, Outbox& out);
  void flush_eager(Time now, Outbox& out);
  void flush_lazy(Outbox& out);
  void forget_old(Time now);
  /// Announces what is younger than this.
  void digest(Time now, const NodeId& to, Duration age, Outbox& out);
  /// Messages of at most batch_bytes_max with these news, each to be published or sent.
  [[nodiscard]] std::vector<Bytes> gossip_messages(const std::vector<NewsId>& ids) const;
  [[nodiscard]] Bytes ihave_message(const std::vector<NewsId>& ids) const;

  const OverlayConfig& config_;
  const Self& self_;
  Random& random_;
  NewsCheck* const check_;
  std::vector<Neighbour> neighbours_;
  std::unordered_map<NewsId, Held> held_;
  std::deque<NewsId> order_;  // all ids, oldest first
  std::deque<NewsId> kept_;   // those whose news are kept, oldest first
  std::size_t bytes_held_ = 0;
  std::unordered_map<NewsId, Missing> missing_;
  std::multimap<Time, NewsId> missing_due_;  // entries that no longer hold are passed over
  std::vector<NewsId> eager_queue_, lazy_queue_;
  Time eager_at_ = kNever, lazy_at_ = kNever, digest_at_ = kNever, last_eager_;
  Time last_new_;
  Shares authors_;
  std::vector<News> delivered_;
};

}  // namespace zswarm::bus
