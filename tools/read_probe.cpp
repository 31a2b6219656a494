#include "tools/read_probe.h"

#include <emmintrin.h>
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <utility>

namespace zswarm::tools {

namespace {

constexpr std::size_t kBytes = std::size_t{512} << 20;  // far more than any cache
constexpr std::size_t kChunk = std::size_t{2} << 20;
constexpr std::size_t kChunks = kBytes / kChunk;

/// Reads a chunk in four streams of registers, so that loads and not additions are the limit.
std::int64_t read_chunk(const std::byte* chunk) {
  const auto* const words = reinterpret_cast<const __m128i*>(chunk);
  __m128i sums[4] = {};
  for (std::size_t i = 0; i < kChunk / sizeof(__m128i); i += 4) {
    for (std::size_t lane = 0; lane < 4; ++lane)
      sums[lane] = _mm_add_epi64(sums[lane], _mm_load_si128(words + i + lane));
  }
  const __m128i sum = _mm_add_epi64(_mm_add_epi64(sums[0], sums[1]), _mm_add_epi64(sums[2], sums[3]));
  return _mm_cvtsi128_si64(sum) + _mm_cvtsi128_si64(_mm_unpackhi_epi64(sum, sum));
}

}  // namespace

Result<ReadProbe> ReadProbe::create(Team& team) {
  void* const memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return fail(ErrorCode::kOutOfMemory,
                "512 MiB for measuring the memory's speed are not free; stop other programs.");
  madvise(memory, kBytes,
          MADV_HUGEPAGE);  // a wish: without it the probe works, and shows what small pages give
  ReadProbe probe(team, static_cast<std::byte*>(memory));
  team.run([&](std::size_t) {
    for (std::size_t c = team.claim(kChunks); c < kChunks; c = team.claim(kChunks))
      std::memset(probe.memory_ + c * kChunk, 1, kChunk);
  });
  return probe;
}

ReadProbe::ReadProbe(ReadProbe&& other) noexcept
    : team_(other.team_), memory_(std::exchange(other.memory_, nullptr)) {}

ReadProbe::~ReadProbe() {
  if (memory_ != nullptr) munmap(memory_, kBytes);
}

double ReadProbe::measure(int passes) {
  using Clock = std::chrono::steady_clock;
  double best = 0;
  std::atomic<std::int64_t> sink = 0;  // keeps the reads
  for (int pass = 0; pass < passes; ++pass) {
    const auto start = Clock::now();
    team_->run([&](std::size_t) {
      std::int64_t sum = 0;
      for (std::size_t c = team_->claim(kChunks); c < kChunks; c = team_->claim(kChunks))
        sum += read_chunk(memory_ + c * kChunk);
      sink.fetch_add(sum, std::memory_order_relaxed);
    });
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    best = std::max(best, static_cast<double>(kBytes) / seconds);
  }
  ZS_ASSERT(sink.load() != 0);
  return best;
}

}  // namespace zswarm::tools
