// Rotary position embedding (Su et al. 2021): pairs of a head's elements are turned by position * frequency.
//
// Angles are computed in double with our own sine and cosine (kernels/ops/vmath.h), so that they have the
// same bits on every machine.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/model/config.h"

namespace zswarm::model {

class Rope {
 public:
  /// `factors`: divisors of the frequencies (Llama 3.1's scaling), rope_dims / 2 of them, or empty.
  Rope(const Config& config, std::span<const float> factors);

  [[nodiscard]] std::size_t pairs() const { return frequencies_.size(); }

  /// Writes cos and sin of every pair at `position`: 2 * pairs() floats, cosines first.
  void angles(std::uint32_t position, float* out) const;

  /// Turns one head in place.
  void turn(float* head, const float* angles) const;

 private:
  RopeKind kind_;
  std::vector<double> frequencies_;
};

}  // namespace zswarm::model
