#include "node/dispatch/pace.h"

#include <algorithm>
#include <cmath>

namespace zswarm::node {

namespace {

constexpr std::uint32_t kGapsLearned = 4;  // before so many the bound is careful

bus::Duration of_us(double us) {
  return bus::Duration(static_cast<std::int64_t>(us));
}

}  // namespace

Pace::Pace(bus::Time now, bus::Duration first_bound, bus::Duration gap)
    : heard_(now),
      last_token_(now),
      first_bound_(std::max(first_bound, kFirstMin)),
      mean_us_(static_cast<double>(std::clamp(gap, bus::Duration(0), kGapMax).count())),
      deviation_us_(mean_us_ / 2) {}

void Pace::on_tokens(bus::Time now) {
  if (tokens_seen_ > 0) {
    const auto gap = static_cast<double>(std::max(now - last_token_, bus::Duration(0)).count());
    if (tokens_seen_ == 1) {
      mean_us_ = gap;
      deviation_us_ = gap / 2;
    } else {
      deviation_us_ += (std::abs(gap - mean_us_) - deviation_us_) / 4;
      mean_us_ += (gap - mean_us_) / 8;
    }
  }
  tokens_seen_ = std::min(tokens_seen_ + 1, kGapsLearned + 1);
  progress_.phase = Progress::Phase::kDecode;
  heard_ = last_token_ = now;
}

void Pace::on_beat(bus::Time now, const Progress& progress) {
  const bool moved = !any_beat_ || progress.phase > progress_.phase || progress.steps > progress_.steps;
  any_beat_ = true;
  progress_.steps = std::max(progress_.steps, progress.steps);
  progress_.phase = progress.phase;  // a preempted request waits again
  if (moved) heard_ = now;
}

void Pace::pause() {
  paused_ = true;
}

void Pace::resume(bus::Time now) {
  if (!paused_) return;
  paused_ = false;
  excuse(now);
}

void Pace::excuse(bus::Time now) {
  heard_ = last_token_ = now;
}

bus::Duration Pace::bound() const {
  if (tokens_seen_ == 0) return first_bound_;
  const bus::Duration learned = of_us(mean_us_ + std::max(8 * deviation_us_, mean_us_ / 4));
  return std::clamp(learned, tokens_seen_ > kGapsLearned ? kGapMin : kFirstMin, kGapMax);
}

bus::Time Pace::stalls_at() const {
  if (paused_) return bus::kNever;
  const bus::Duration patience =
      tokens_seen_ == 0 ? std::max(kPatience, first_bound_ * kPatienceFactor) : kPatience;
  return std::min(heard_ + bound(), last_token_ + patience);
}

}  // namespace zswarm::node
