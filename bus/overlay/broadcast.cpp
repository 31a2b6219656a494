#include "bus/overlay/broadcast.h"

#include <algorithm>
#include <array>

namespace zswarm::bus {
namespace {

constexpr std::size_t kIdBytes = 16;
constexpr std::size_t kAnnounceBytes = kIdBytes + 1;  // the id, and the announcer's hops
constexpr std::size_t kIdsMax = 512;                  // of one message
constexpr std::size_t kDigestMax = 64;                // of the regular digest; a new neighbour gets more
constexpr std::size_t kNewsMax = 1024;                // of one message
constexpr std::size_t kAnnouncersMax = 8;
constexpr std::size_t kNewsOverhead = 48;  // of kind, origin, number, hops, via and lengths
constexpr std::uint8_t kHopsMax = 255;

Status malformed_broadcast() {
  return fail(ErrorCode::kMalformed, "a message of the broadcast does not have the fields of its type");
}

NewsId id_at(ByteView bytes, std::size_t at) {
  NewsId id;
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), kIdBytes, id.bytes.begin());
  return id;
}

void write_news(Writer& writer, const News& news, std::uint8_t hops, std::uint32_t via) {
  writer.array(6).uint(static_cast<std::uint64_t>(news.kind)).id(news.origin).uint(news.number);
  writer.bin(news.payload).uint(hops).uint(via);
}

}  // namespace

Broadcast::Broadcast(const OverlayConfig& config, const Self& self, Random& random, NewsCheck* check)
    : config_(config),
      self_(self),
      random_(random),
      check_(check),
      authors_(config.author_bytes_per_s, config.author_burst_bytes, config.authors_max) {}

Broadcast::Neighbour* Broadcast::find(const NodeId& id) {
  const auto at =
      std::find_if(neighbours_.begin(), neighbours_.end(), [&](const Neighbour& n) { return n.id == id; });
  return at == neighbours_.end() ? nullptr : &*at;
}

bool Broadcast::is_eager(const NodeId& neighbour) const {
  return std::any_of(neighbours_.begin(), neighbours_.end(),
                     [&](const Neighbour& n) { return n.id == neighbour && n.eager; });
}

void Broadcast::add(Time now, const NodeId& neighbour, Outbox& out) {
  if (find(neighbour) != nullptr) return;
  neighbours_.push_back({.id = neighbour,
                         .eager = true,
                         .budget_bytes = static_cast<std::int64_t>(config_.gossip_burst_bytes),
                         .budget_at = now,
                         .announced = 0,
                         .ends = {config_.ends_per_s, config_.ends_burst}});
  out.subscribe(neighbour, Topic::kEager, true);
  digest(now, neighbour, config_.keep_news,
         out);  // it may come from a part of the network that has not heard
}

void Broadcast::remove(const NodeId& neighbour, Outbox& out) {
  std::erase_if(neighbours_, [&](const Neighbour& n) { return n.id == neighbour; });
  for (Neighbour& n : neighbours_) {
    const auto is_eager_link = [](const Neighbour& other) { return other.eager; };
    const auto eager = std::count_if(neighbours_.begin(), neighbours_.end(), is_eager_link);
    if (static_cast<std::size_t>(eager) >= config_.eager_min) return;
    make_eager(n, out);
  }
}

void Broadcast::make_eager(Neighbour& n, Outbox& out) {
  if (n.eager) return;
  n.eager = true;
  out.subscribe(n.id, Topic::kEager, true);
  out.subscribe(n.id, Topic::kLazy, false);
}

void Broadcast::make_lazy(Neighbour& n, Outbox& out) {
  const auto eager = std::count_if(neighbours_.begin(), neighbours_.end(),
                                   [](const Neighbour& other) { return other.eager; });
  if (!n.eager || static_cast<std::size_t>(eager) <= config_.eager_min) return;
  n.eager = false;
  out.subscribe(n.id, Topic::kLazy, true);
  out.subscribe(n.id, Topic::kEager, false);
}

bool Broadcast::within_budget(Time now, Neighbour& from, std::size_t bytes) const {
  const auto rate = static_cast<std::int64_t>(config_.gossip_bytes_per_s);
  const auto burst = static_cast<std::int64_t>(config_.gossip_burst_bytes);
  // Times are capped before the product, so that it fits.
  const auto elapsed_ms = std::min<std::int64_t>((now - from.budget_at).count() / 1000, 1'000'000);
  if (elapsed_ms > 0) {
    from.budget_bytes = std::min(burst, from.budget_bytes + rate * elapsed_ms / 1000);
    from.budget_at = now;
  }
  if (from.budget_bytes < static_cast<std::int64_t>(bytes)) return false;
  from.budget_bytes -= static_cast<std::int64_t>(bytes);
  return true;
}

bool Broadcast::send(Time now, News news, Outbox& out) {
  ZS_BUS_ASSERT(news.payload.size() <= config_.news_bytes_max);
  const NewsId id = news_id(news);
  if (held_.contains(id)) return false;
  accept(now, id, std::move(news), 0, 0);
  if (eager_at_ <= now) flush_eager(now, out);
  return true;
}

void Broadcast::accept(Time now, const NewsId& id, News news, std::uint32_t via, std::uint8_t hops) {
  bytes_held_ += news.payload.size() + kNewsOverhead;
  remember(now, id, std::make_unique<News>(std::move(news)), via, hops);
  kept_.push_back(id);
  last_new_ = now;
  eager_queue_.push_back(id);
  lazy_queue_.push_back(id);
  eager_at_ = std::min(eager_at_, std::max(now, last_eager_ + config_.eager_gather));
  lazy_at_ = std::min(lazy_at_, now + config_.lazy_gather);
  if (digest_at_ == kNever) {
    const auto spread = static_cast<std::size_t>(config_.digest_every.count());
    digest_at_ = now + config_.digest_every / 2 + Duration(random_.below(spread));
  }
}

void Broadcast::remember(Time now, const NewsId& id, std::unique_ptr<News> news, std::uint32_t via,
                         std::uint8_t hops) {
  forget_old(now);
  drop_missing(id);
  held_[id] = {now, std::move(news), via, hops};
  order_.push_back(id);
}

void Broadcast::forget_old(Time now) {
  const auto forget_news = [&](const NewsId& id) {
    Held& held = held_.at(id);
    bytes_held_ -= held.news->payload.size() + kNewsOverhead;
    held.news.reset();
    kept_.pop_front();
  };
  while (!kept_.empty() && (bytes_held_ > config_.news_bytes_kept ||
                            held_.at(kept_.front()).since + config_.keep_news <= now)) {
    forget_news(kept_.front());
  }
  while (!order_.empty() &&
         (order_.size() >= config_.ids_kept || held_.at(order_.front()).since + config_.keep_ids <= now)) {
    if (held_.at(order_.front()).news != nullptr) forget_news(order_.front());
    held_.erase(order_.front());
    order_.pop_front();
  }
}

Status Broadcast::on_message(Time now, const NodeId& from, const Header& header, ByteView message,
                             Outbox& out) {
  Neighbour* n = find(from);
  if (n == nullptr) return {};  // the last words of a link that is gone
  if (!within_budget(now, *n, message.size()))
    return fail(ErrorCode::kBusy, "a neighbour sends more gossip than this node takes");
  Reader fields = Reader::of_message(message);
  if (!fields.ok()) return malformed_broadcast();
  switch (header.type) {
    case MessageType::kGossip:
      return on_gossip(now, *n, std::move(fields), out);
    case MessageType::kIHave:
      return on_ihave(now, *n, std::move(fields), out);
    case MessageType::kGraft:
      return on_graft(now, *n, std::move(fields), out);
    default:
      return fail(ErrorCode::kUnsupported, "a message is of a type that this version does not know");
  }
}

Status Broadcast::on_gossip(Time now, Neighbour& from, Reader fields, Outbox& out) {
  Reader list = fields.array(kNewsMax);
  while (list.left() > 0) {
    Reader item = list.array(16);
    News news;
    news.kind = static_cast<NewsKind>(item.uint(255));
    news.origin = item.id();
    news.number = item.uint();
    const ByteView payload = item.bin(config_.news_bytes_max);
    const auto hops = static_cast<std::uint8_t>(item.uint(kHopsMax));
    const auto via = static_cast<std::uint32_t>(item.uint(UINT32_MAX));
    if (!item.ok()) break;
    news.payload.assign(payload.begin(), payload.end());
    const NewsId id = news_id(news);
    if (held_.contains(id)) {
      on_duplicate(id, via, from, out);
      continue;
    }
    const auto next_hops = static_cast<std::uint8_t>(std::min<unsigned>(hops + 1u, kHopsMax));
    if (Status taken = take_new(now, from, id, std::move(news), next_hops); !taken) return taken;
  }
  if (eager_at_ <= now) flush_eager(now, out);
  return list.ok() ? Status() : malformed_broadcast();
}

Status Broadcast::take_new(Time now, Neighbour& from, const NewsId& id, News news, std::uint8_t hops) {
  const std::uint32_t via = short_name(from.id);
  if (news.kind != NewsKind::kPayload) {
    if (!from.ends.take(now, 1)) return {};  // not remembered: it may come from somebody else
  } else if (check_ != nullptr) {
    const NewsCheck::Judgement judgement = check_->check(news);
    if (judgement.verdict == NewsCheck::Verdict::kForged)
      return fail(ErrorCode::kMalformed, "news were passed on that are not what they claim to be");
    const NodeId payer = judgement.verdict == NewsCheck::Verdict::kKnown ? from.id : judgement.author;
    const bool counts = payer != NodeId{};
    if (judgement.verdict == NewsCheck::Verdict::kUseless ||
        (counts && !authors_.take(now, payer, news.payload.size() + kNewsOverhead))) {
      remember(now, id, nullptr, via, hops);
      return {};
    }
  }
  // Kinds of a later version are passed on, and delivered to nobody.
  if (news.kind <= NewsKind::kLeft) delivered_.push_back(news);
  accept(now, id, std::move(news), via, hops);
  return {};
}

void Broadcast::tell(const NodeId& to, const std::vector<News>& news, Outbox& out) {
  for (std::size_t at = 0; at < news.size(); at += kNewsMax) {
    const std::size_t end = std::min(news.size(), at + kNewsMax);
    Writer writer(MessageType::kGossip, 1);
    writer.array(static_cast<std::uint32_t>(end - at));
    for (std::size_t i = at; i < end; ++i) write_news(writer, news[i], 0, 0);
    out.send(to, writer.take());
  }
}

void Broadcast::on_duplicate(const NewsId& id, std::uint32_t via, Neighbour& from, Outbox& out) {
  if (via == short_name(self_.id)) return;  // it has it from us: the link serves the other direction
  if (held_.at(id).via == short_name(from.id)) return;  // an answer to kGraft that crossed the first copy
  make_lazy(from, out);
}

Status Broadcast::on_ihave(Time now, Neighbour& from, Reader fields, Outbox& out) {
  const ByteView ids = fields.bin(kIdsMax * kAnnounceBytes);
  if (!fields.ok() || ids.size() % kAnnounceBytes != 0) return malformed_broadcast();
  for (std::size_t at = 0; at < ids.size(); at += kAnnounceBytes)
    announced(now, from, id_at(ids, at), ids[at + kIdBytes], out);
  return {};
}

void Broadcast::announced(Time now, Neighbour& from, const NewsId& id, std::uint8_t hops, Outbox& out) {
  if (const auto held = held_.find(id); held != held_.end()) {
    if (from.eager || hops + config_.shortcut_hops >= held->second.hops) return;
    // A much shorter way than the one we have (paper, section 3.8): the two change places.
    const auto parent = std::find_if(neighbours_.begin(), neighbours_.end(), [&](const Neighbour& n) {
      return short_name(n.id) == held->second.via;
    });
    out.send(from.id, Writer(MessageType::kGraft, 1).bin({}).take());
    make_eager(from, out);
    if (parent != neighbours_.end()) make_lazy(*parent, out);
    held->second.hops = static_cast<std::uint8_t>(hops + 1u);
    held->second.via = short_name(from.id);
    return;
  }
  if (const auto known = missing_.find(id); known != missing_.end()) {
    auto& announcers = known->second.announcers;
    if (announcers.size() < kAnnouncersMax &&
        std::find(announcers.begin(), announcers.end(), from.id) == announcers.end())
      announcers.push_back(from.id);
    return;
  }
  // One liar cannot take all the room; what does not fit is announced again by a digest.
  if (missing_.size() >= config_.missing_max ||
      from.announced >= config_.missing_max / (config_.active_max + 1))
    return;
  ++from.announced;
  const Time due = now + config_.graft_wait;
  missing_[id] = {.announcers = {from.id}, .next = 0, .asked = 0, .due = due};
  missing_due_.emplace(due, id);
}

void Broadcast::drop_missing(const NewsId& id) {
  const auto at = missing_.find(id);
  if (at == missing_.end()) return;
  if (Neighbour* first = find(at->second.announcers.front()); first != nullptr && first->announced > 0)
    --first->announced;
  missing_.erase(at);
}

void Broadcast::ask_for_missing(Time now, Outbox& out) {
  std::map<NodeId, Bytes> wanted;  // whom to ask for what; by id, so that the order is the same everywhere
  while (!missing_due_.empty() && missing_due_.begin()->first <= now) {
    const auto [due, id] = *missing_due_.begin();
    missing_due_.erase(missing_due_.begin());
    const auto at = missing_.find(id);
    if (at == missing_.end() || at->second.due != due) continue;
    Missing& missing = at->second;
    if (missing.asked >= config_.graft_rounds * missing.announcers.size()) {
      drop_missing(id);
      continue;
    }
    const NodeId& whom = missing.announcers[missing.next++ % missing.announcers.size()];
    ++missing.asked;
    const bool reachable = find(whom) != nullptr;
    missing.due = reachable ? now + config_.graft_again : now + Duration(1);
    missing_due_.emplace(missing.due, id);
    if (!reachable) continue;
    Bytes& ids = wanted[whom];
    if (ids.size() < kIdsMax * kIdBytes) ids.insert(ids.end(), id.bytes.begin(), id.bytes.end());
  }
  for (const auto& [whom, ids] : wanted) {
    out.send(whom, Writer(MessageType::kGraft, 1).bin(ids).take());
    make_eager(*find(whom), out);
  }
}

Status Broadcast::on_graft(Time now, Neighbour& from, Reader fields, Outbox& out) {
  const ByteView bytes = fields.bin(kIdsMax * kIdBytes);
  if (!fields.ok() || bytes.size() % kIdBytes != 0) return malformed_broadcast();
  make_eager(from, out);
  std::vector<NewsId> ids;
  for (std::size_t at = 0; at < bytes.size(); at += kIdBytes) {
    const NewsId id = id_at(bytes, at);
    const auto held = held_.find(id);
    if (held == held_.end() || held->second.news == nullptr) continue;
    // The answer may be much larger than the question, so it counts, too.
    if (!within_budget(now, from, held->second.news->payload.size() + kNewsOverhead)) break;
    ids.push_back(id);
  }
  for (Bytes& message : gossip_messages(ids)) out.send(from.id, std::move(message));
  return {};
}

void Broadcast::on_timer(Time now, Outbox& out) {
  if (eager_at_ <= now) flush_eager(now, out);
  if (lazy_at_ <= now) flush_lazy(out);
  if (!missing_due_.empty() && missing_due_.begin()->first <= now) ask_for_missing(now, out);
  if (digest_at_ > now) return;
  forget_old(now);
  digest_at_ = kNever;
  if (now - last_new_ > config_.digest_age) return;
  const auto spread = static_cast<std::size_t>(config_.digest_every.count());
  digest_at_ = now + config_.digest_every / 2 + Duration(random_.below(spread));
  if (!neighbours_.empty())
    digest(now, neighbours_[random_.below(neighbours_.size())].id, config_.digest_age, out);
}

Time Broadcast::next_timer() const {
  Time next = std::min({eager_at_, lazy_at_, digest_at_});
  if (!missing_due_.empty()) next = std::min(next, missing_due_.begin()->first);
  return next;
}

void Broadcast::flush(Time now, Outbox& out) {
  flush_eager(now, out);
  flush_lazy(out);
}

void Broadcast::flush_eager(Time now, Outbox& out) {
  eager_at_ = kNever;
  last_eager_ = now;
  if (!neighbours_.empty()) {
    for (Bytes& message : gossip_messages(eager_queue_)) out.publish(Topic::kEager, std::move(message));
  }
  eager_queue_.clear();
}

void Broadcast::flush_lazy(Outbox& out) {
  lazy_at_ = kNever;
  for (std::size_t at = 0; at < lazy_queue_.size() && !neighbours_.empty(); at += kIdsMax) {
    const std::size_t end = std::min(lazy_queue_.size(), at + kIdsMax);
    out.publish(Topic::kLazy, ihave_message({lazy_queue_.begin() + static_cast<std::ptrdiff_t>(at),
                                             lazy_queue_.begin() + static_cast<std::ptrdiff_t>(end)}));
  }
  lazy_queue_.clear();
}

void Broadcast::digest(Time now, const NodeId& to, Duration age, Outbox& out) {
  const std::size_t most = age > config_.digest_age ? kIdsMax : kDigestMax;
  std::vector<NewsId> ids;
  for (auto id = kept_.rbegin(); id != kept_.rend() && ids.size() < most; ++id) {
    if (held_.at(*id).since + age <= now) break;
    ids.push_back(*id);
  }
  if (!ids.empty()) out.send(to, ihave_message(ids));
}

Bytes Broadcast::ihave_message(const std::vector<NewsId>& ids) const {
  Bytes announced;
  announced.reserve(ids.size() * kAnnounceBytes);
  for (const NewsId& id : ids) {
    const auto held = held_.find(id);
    if (held == held_.end()) continue;  // a burst has pushed it out already
    announced.insert(announced.end(), id.bytes.begin(), id.bytes.end());
    announced.push_back(held->second.hops);
  }
  return Writer(MessageType::kIHave, 1).bin(announced).take();
}

std::vector<Bytes> Broadcast::gossip_messages(const std::vector<NewsId>& ids) const {
  std::vector<const Held*> items;
  for (const NewsId& id : ids) {
    const auto held = held_.find(id);
    if (held != held_.end() && held->second.news != nullptr) items.push_back(&held->second);
  }
  std::vector<Bytes> messages;
  for (std::size_t at = 0; at < items.size();) {
    std::size_t end = at, bytes = 0;
    do {
      bytes += items[end++]->news->payload.size() + kNewsOverhead;
    } while (end < items.size() && end - at < kNewsMax && bytes < config_.batch_bytes_max);
    Writer writer(MessageType::kGossip, 1);
    writer.array(static_cast<std::uint32_t>(end - at));
    for (; at < end; ++at) {
      write_news(writer, *items[at]->news, items[at]->hops, items[at]->via);
    }
    messages.push_back(writer.take());
  }
  return messages;
}

}  // namespace zswarm::bus
