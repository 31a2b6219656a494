#include "node/engine/inbox.h"

#include <fmt/format.h>

#include <utility>

namespace zswarm::node {

Inbox::Inbox(std::uint32_t max_inside, std::function<void()> wake)
    : max_inside_(max_inside), wake_(std::move(wake)) {}

Status Inbox::put(std::unique_ptr<Request> request) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) {
      ++refused_;
      return fail(reason_);
    }
    if (inside_.size() >= max_inside_) {
      ++refused_;
      return fail(ErrorCode::kUnavailable,
                  fmt::format("this model serves {} requests already, which is its limit: try again later",
                              inside_.size()));
    }
    inside_.emplace(request->id, false);
    arrivals_.push_back(std::move(request));
  }
  wake_();
  return {};
}

void Inbox::cancel(RequestId id) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = inside_.find(id);
    if (found == inside_.end() || std::exchange(found->second, true)) return;
    cancelled_.push_back(id);
  }
  wake_();
}

void Inbox::close(Error reason) {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  reason_ = std::move(reason);
}

bool Inbox::take(std::vector<std::unique_ptr<Request>>& arrivals, std::vector<RequestId>& cancelled) {
  arrivals.clear();
  cancelled.clear();
  const std::lock_guard lock(mutex_);
  arrivals.swap(arrivals_);
  cancelled.swap(cancelled_);
  return !arrivals.empty() || !cancelled.empty();
}

void Inbox::ended(RequestId id) {
  const std::lock_guard lock(mutex_);
  inside_.erase(id);
}

std::uint64_t Inbox::refused() const {
  const std::lock_guard lock(mutex_);
  return refused_;
}

std::size_t Inbox::not_taken() const {
  const std::lock_guard lock(mutex_);
  return arrivals_.size();
}

}  // namespace zswarm::node
