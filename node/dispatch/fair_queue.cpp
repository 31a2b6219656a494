#include "node/dispatch/fair_queue.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace zswarm::node {

namespace {

double seconds_between(bus::Time from, bus::Time to) {
  return static_cast<double>(std::max(to - from, bus::Duration(0)).count()) * 1e-6;
}

}  // namespace

Status FairQueue::push(bus::Time now, Waiting waiting, bus::Duration patience) {
  waiting.tokens = std::max(waiting.tokens, 1.0);
  const auto own = owners_.find(waiting.owner);
  const std::size_t of_owner = own == owners_.end() ? 0 : own->second.waiting.size();
  const bus::Duration wait = expected_wait(now, waiting.owner, waiting.tokens);
  const auto again_s =
      std::chrono::ceil<std::chrono::seconds>(retry_after(now, waiting.owner, waiting.tokens)).count();
  if (size() >= capacity_ || of_owner >= std::max<std::size_t>(1, capacity_ - size())) {
    return fail(
        ErrorCode::kUnavailable,
        fmt::format("all nodes that serve this model are busy and {} requests wait: try again in {} s",
                    size(), again_s));
  }
  if (wait > patience) {
    return fail(
        ErrorCode::kUnavailable,
        fmt::format("the request would wait about {} s, longer than its deadline allows: try again in {} s",
                    std::chrono::ceil<std::chrono::seconds>(wait).count(), again_s));
  }
  if (where_.empty()) last_pop_ = now;
  Owner& owner = owners_[waiting.owner];
  if (owner.waiting.empty()) {
    const auto debt = debts_.find(waiting.owner);
    owner.start = std::max(debt == debts_.end() ? 0 : debt->second, virtual_time_);
    if (debt != debts_.end()) debts_.erase(debt);
    turns_.emplace(owner.start, waiting.owner);
  }
  const Place place{now - kPriorityStep * waiting.priority, ++arrivals_};
  owner.tokens += waiting.tokens;
  where_.emplace(waiting.id, std::pair(waiting.owner, place));
  owner.waiting.emplace(place, std::move(waiting));
  return {};
}

std::optional<std::uint64_t> FairQueue::front() const {
  if (turns_.empty()) return std::nullopt;
  return owners_.at(turns_.begin()->second).waiting.begin()->second.id;
}

void FairQueue::pop(bus::Time now) {
  ZS_ASSERT(!turns_.empty());
  const std::string name = turns_.begin()->second;
  Owner& owner = owners_.at(name);
  const double tokens = owner.waiting.begin()->second.tokens;
  const double s_per_token = seconds_between(last_pop_, now) / tokens;
  s_per_token_ = s_per_token_ == 0 ? s_per_token : s_per_token_ + (s_per_token - s_per_token_) / 8;
  last_pop_ = now;
  virtual_time_ = owner.start;
  turns_.erase(turns_.begin());
  owner.start += tokens;
  turns_.emplace(owner.start, name);
  drop(name, owner.waiting.begin()->first);
}

void FairQueue::remove(std::uint64_t id) {
  const auto at = where_.find(id);
  if (at == where_.end()) return;
  const auto [owner, place] = at->second;
  drop(owner, place);
}

void FairQueue::drop(const std::string& name, const Place& place) {
  const auto at = owners_.find(name);
  Owner& owner = at->second;
  const auto waiting = owner.waiting.find(place);
  where_.erase(waiting->second.id);
  owner.tokens -= waiting->second.tokens;
  owner.waiting.erase(waiting);
  if (!owner.waiting.empty()) return;
  turns_.erase({owner.start, name});
  keep_debt(name, owner.start);
  owners_.erase(at);
}

/// Who comes back at once must not have forgotten what it was served: with one large request at a time it
/// would get more.
void FairQueue::keep_debt(const std::string& owner, double start) {
  if (where_.empty()) {  // there was room for all: nobody owes anything
    debts_.clear();
    virtual_time_ = 0;
    return;
  }
  if (start <= virtual_time_) return;
  debts_[owner] = start;
  if (debts_.size() <= kDebtsMax) return;
  std::erase_if(debts_, [&](const auto& debt) { return debt.second <= virtual_time_; });
  if (debts_.size() <= kDebtsMax) return;
  debts_.erase(std::min_element(debts_.begin(), debts_.end(),
                                [](const auto& a, const auto& b) { return a.second < b.second; }));
}

bus::Duration FairQueue::expected_wait(bus::Time now, const std::string& owner, double tokens) const {
  if (where_.empty()) return bus::Duration(0);
  const auto own = owners_.find(owner);
  const double mine = tokens + (own == owners_.end() ? 0 : own->second.tokens);
  // Until our own tokens are served, each other owner is served as many, if it has them.
  double ahead = mine;
  for (const auto& [name, other] : owners_)
    if (name != owner) ahead += std::min(other.tokens, mine);
  // If nothing has left for long, the pace is at most that.
  const double front = owners_.at(turns_.begin()->second).waiting.begin()->second.tokens;
  const double s_per_token = std::max(s_per_token_, seconds_between(last_pop_, now) / front);
  return bus::Duration(static_cast<std::int64_t>(std::min(ahead * s_per_token, 86'400.0) * 1e6));
}

bus::Duration FairQueue::retry_after(bus::Time now, const std::string& owner, double tokens) const {
  return std::clamp(expected_wait(now, owner, tokens), kRetryMin, kRetryMax);
}

}  // namespace zswarm::node
