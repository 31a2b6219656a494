#include "kernels/base/team.h"

#include <immintrin.h>

#include "kernels/base/error.h"

namespace zswarm {

namespace {
// About 20 microseconds: longer than a phase of a small model takes, shorter than a scheduler's slice.
constexpr int kSpins = 400;
}  // namespace

Team::Team(std::size_t size) : size_(size) {
  ZS_ASSERT(size >= 1);
}

void Team::wait_for(const std::atomic<std::uint32_t>& word, std::uint32_t old_value) {
  for (int spin = 0; spin < kSpins; ++spin) {
    if (word.load(std::memory_order_acquire) != old_value) return;
    _mm_pause();
  }
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

std::size_t Team::claim(std::size_t count, std::size_t step) {
  auto& next = next_[phase_.load(std::memory_order_relaxed) & 1];
  const std::size_t index = next.fetch_add(step, std::memory_order_relaxed);
  return index < count ? index : count;
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
