#include "kernels/arch/architecture.h"

#include <array>

namespace zswarm::arch {

// An explicit list: a static library would drop files that only register themselves.
extern const Architecture kLlama;
extern const Architecture kQwen2;
extern const Architecture kQwen3;

namespace {
constexpr std::array<const Architecture*, 3> kArchitectures = {&kLlama, &kQwen2, &kQwen3};
}

std::span<const Architecture* const> architectures() {
  return kArchitectures;
}

const Architecture* find_architecture(std::string_view name) {
  for (const Architecture* architecture : kArchitectures) {
    if (architecture->name == name) return architecture;
  }
  return nullptr;
}

}  // namespace zswarm::arch
