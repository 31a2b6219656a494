#include "kernels/base/team.h"

#include <immintrin.h>

#include <algorithm>
#include <chrono>

#include "kernels/base/error.h"

namespace zswarm {

namespace {
// Longer than a phase of a small model takes, shorter than a scheduler's slice; falling asleep and being
// woken costs tens of microseconds, on virtual machines most of all. By the clock, since a pause takes 40
// cycles on one processor and 140 on another.
constexpr std::chrono::microseconds kSpin{100};
constexpr int kPausesPerLook = 16;
}  // namespace

Team::Team(std::size_t size) : size_(size) {
  ZS_ASSERT(size >= 1);
}

void Team::wait_for(const std::atomic<std::uint32_t>& word, std::uint32_t old_value) {
  const auto until = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int pause = 0; pause < kPausesPerLook; ++pause) {
      if (word.load(std::memory_order_acquire) != old_value) return;
      _mm_pause();
    }
  } while (std::chrono::steady_clock::now() < until);
  while (word.load(std::memory_order_acquire) == old_value) word.wait(old_value, std::memory_order_acquire);
}

void Team::run(const std::function<void(std::size_t)>& body) {
  body_ = &body;
  next_[0].store(0, std::memory_order_relaxed);
  next_[1].store(0, std::memory_order_relaxed);
  if (size_ > 1) {
    start_.fetch_add(1, std::memory_order_release);
    start_.notify_all();
  }
  body(0);
  barrier();  // nobody may still be inside when `body` goes away
}

void Team::barrier() {
  const std::uint32_t phase = phase_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == size_) {
    arrived_.store(0, std::memory_order_relaxed);
    // The counter of the round that ends now serves the round after the next one.
    next_[phase & 1].store(0, std::memory_order_relaxed);
    phase_.store(phase + 1, std::memory_order_release);
    if (size_ > 1) phase_.notify_all();
    return;
  }
  wait_for(phase_, phase);
}

std::size_t Team::claim(std::size_t count) {
  auto& next = next_[phase_.load(std::memory_order_relaxed) & 1];
  const std::size_t index = next.fetch_add(1, std::memory_order_relaxed);
  return index < count ? index : count;
}

Team::Range Team::claim_range(std::size_t count, std::size_t most) {
  auto& next = next_[phase_.load(std::memory_order_relaxed) & 1];
  std::size_t begin = next.load(std::memory_order_relaxed), size = 0;
  do {
    if (begin >= count) return {count, count};
    size = std::clamp<std::size_t>((count - begin) / (2 * size_), 1, most);
  } while (!next.compare_exchange_weak(begin, begin + size, std::memory_order_relaxed));
  return {begin, begin + size};
}

void Team::serve(std::size_t member) {
  ZS_ASSERT(member >= 1 && member < size_);
  std::uint32_t seen = 0;
  for (;;) {
    wait_for(start_, seen);
    seen += 1;
    if (stopping_.load(std::memory_order_acquire)) return;
    (*body_)(member);
    barrier();
  }
}

void Team::stop() {
  stopping_.store(true, std::memory_order_release);
  start_.fetch_add(1, std::memory_order_release);
  start_.notify_all();
}

}  // namespace zswarm
