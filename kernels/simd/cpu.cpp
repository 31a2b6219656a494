#include "kernels/simd/cpu.h"

#include <cpuid.h>
#include <fmt/format.h>

#include <atomic>
#include <cstdlib>

namespace zswarm::simd {
namespace {

// Not every compiler's __builtin_cpu_supports knows it: CPUID leaf 1, ECX bit 29.
bool has_f16c() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & (1u << 29)) != 0;
}

Isa best_supported() {
  if (isa_supported(Isa::kAvx512)) return Isa::kAvx512;
  if (isa_supported(Isa::kAvx2)) return Isa::kAvx2;
  return Isa::kScalar;
}

std::atomic<Isa>& chosen() {
  static std::atomic<Isa> isa{best_supported()};
  return isa;
}

}  // namespace

std::string_view isa_name(Isa isa) {
  switch (isa) {
    case Isa::kScalar:
      return "scalar";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512:
      return "avx512";
  }
  return "scalar";
}

bool isa_supported(Isa isa) {
  __builtin_cpu_init();
  // __builtin_cpu_supports also asks the operating system whether it saves the wide registers.
  const bool avx2 = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0 && has_f16c();
  switch (isa) {
    case Isa::kScalar:
      return true;
    case Isa::kAvx2:
      return avx2;
    case Isa::kAvx512:
      return avx2 && __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
             __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
             __builtin_cpu_supports("avx512vnni") != 0;
  }
  return false;
}

Isa active_isa() {
  return chosen().load(std::memory_order_relaxed);
}

Status choose_isa_from_environment() {
  const char* wanted = std::getenv("ZSWARM_CPU");
  if (wanted == nullptr || *wanted == '\0') return {};
  for (const Isa isa : {Isa::kScalar, Isa::kAvx2, Isa::kAvx512}) {
    if (isa_name(isa) != wanted) continue;
    if (!isa_supported(isa)) {
      return fail(ErrorCode::kUnsupported,
                  fmt::format("ZSWARM_CPU={}: this processor does not have it; unset ZSWARM_CPU to use {}.",
                              wanted, isa_name(best_supported())));
    }
    set_isa(isa);
    return {};
  }
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("ZSWARM_CPU={} is not known; it takes scalar, avx2 or avx512.", printable(wanted)));
}

void set_isa(Isa isa) {
  ZS_ASSERT(isa_supported(isa));
  chosen().store(isa, std::memory_order_relaxed);
}

}  // namespace zswarm::simd
