#include "node/dispatch/breaker.h"

#include <algorithm>
#include <bit>

namespace zswarm::node {

bool is_nodes_fault(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kNotFound:
    case ErrorCode::kUnsupported:
    case ErrorCode::kTooLarge:
    case ErrorCode::kContextLength:
    case ErrorCode::kUnavailable:
    case ErrorCode::kDeadline:  // the request's own, or a clock's
    case ErrorCode::kCancelled:
      return false;
    case ErrorCode::kCorrupt:
    case ErrorCode::kOutOfMemory:
    case ErrorCode::kIo:
    case ErrorCode::kInternal:
      return true;
  }
  return true;
}

Breaker::State Breaker::state(bus::Time now) const {
  if (!open_) return State::kClosed;
  return now < until_ ? State::kOpen : State::kHalfOpen;
}

bool Breaker::admits(bus::Time now) const {
  return !open_ || (now >= until_ && !probing_);
}

bool Breaker::on_start(bus::Time now) {
  if (state(now) != State::kHalfOpen || probing_) return false;
  return probing_ = true;
}

void Breaker::on_success() {
  note(false);
  // A success of a request from before the quarantine counts too: the node serves.
  open_ = probing_ = false;
  open_for_ = kOpenMin;
  row_ = 0;
}

void Breaker::on_failure(bus::Time now, bool probe, bus::Random& random) {
  note(true);
  if (open_) {
    // Requests from before the quarantine fail late; only the probe's failure prolongs it.
    if (!probe) return;
    probing_ = false;
    open_for_ = std::min(open_for_ * 2, kOpenMax);
    open(now, random);
    return;
  }
  row_ += 1;
  if (row_ >= kRowMax || std::popcount(window_) >= kWindowMax) open(now, random);
}

void Breaker::on_neither(bool probe) {
  if (probe) probing_ = false;
}

void Breaker::note(bool failed) {
  window_ = ((window_ << 1) | (failed ? 1u : 0u)) & ((1u << kWindow) - 1);
}

void Breaker::open(bus::Time now, bus::Random& random) {
  open_ = true;
  row_ = 0;
  window_ = 0;
  const auto jitter = static_cast<std::int64_t>(random.real() * static_cast<double>(open_for_.count()) / 4);
  until_ = now + std::min(open_for_ + bus::Duration(jitter), kOpenMax);
}

}  // namespace zswarm::node
