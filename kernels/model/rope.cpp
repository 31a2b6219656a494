#include "kernels/model/rope.h"

#include "kernels/ops/vmath.h"

namespace zswarm::model {

Rope::Rope(const Config& config, std::span<const float> factors) : kind_(config.rope_kind) {
  const std::size_t pairs = config.rope_dims / 2;
  frequencies_.reserve(pairs);
  for (std::size_t i = 0; i < pairs; ++i) {
    const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(config.rope_dims);
    double frequency = vmath::pow(config.rope_base, exponent) * config.rope_position_scale;
    if (!factors.empty()) frequency /= static_cast<double>(factors[i]);
    frequencies_.push_back(frequency);
  }
}

void Rope::angles(std::uint32_t position, float* out) const {
  const std::size_t n = pairs();
  for (std::size_t i = 0; i < n; ++i) {
    const double angle = static_cast<double>(position) * frequencies_[i];
    out[i] = static_cast<float>(vmath::cos(angle));
    out[n + i] = static_cast<float>(vmath::sin(angle));
  }
}

void Rope::turn(float* head, const float* angles) const {
  const std::size_t n = pairs();
  const float *cosine = angles, *sine = angles + n;
  const bool halves = kind_ == RopeKind::kHalves;
  for (std::size_t i = 0; i < n; ++i) {
    float& a = head[halves ? i : 2 * i];
    float& b = head[halves ? i + n : 2 * i + 1];
    const float x = a, y = b;
    a = x * cosine[i] - y * sine[i];
    b = x * sine[i] + y * cosine[i];
  }
}

}  // namespace zswarm::model
