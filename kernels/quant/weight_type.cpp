#include "kernels/quant/weight_type.h"

#include <algorithm>
#include <cstring>

#include "kernels/base/error.h"
#include "kernels/quant/half.h"
#include "kernels/quant/types.h"

namespace zswarm::quant {
namespace {

constexpr const WeightType* kAll[] = {&kF32,  &kF16,  &kBF16, &kQ8_0, &kQ4_0, &kQ4_1,   &kQ5_0,  &kQ5_1,
                                      &kQ2_K, &kQ3_K, &kQ4_K, &kQ5_K, &kQ6_K, &kIQ4_NL, &kIQ4_XS};

void decode_floats(Codec codec, const std::uint8_t* bytes, std::size_t count, float* out) {
  if (codec == Codec::kF32) {
    std::memcpy(out, bytes, count * sizeof(float));
    return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint16_t bits = read_u16(bytes + 2 * i);
    out[i] = codec == Codec::kF16 ? half_to_float(bits) : bfloat_to_float(bits);
  }
}

}  // namespace

const std::uint8_t kIq4Table[16] = {128 - 127, 128 - 104, 128 - 83, 128 - 65, 128 - 49, 128 - 35,
                                    128 - 22,  128 - 10,  128 + 1,  128 + 13, 128 + 25, 128 + 38,
                                    128 + 53,  128 + 69,  128 + 89, 128 + 113};

std::span<const WeightType* const> weight_types() {
  return kAll;
}

const WeightType* weight_type(gguf::TensorType type) {
  const auto found =
      std::find_if(std::begin(kAll), std::end(kAll), [&](const WeightType* t) { return t->type == type; });
  return found == std::end(kAll) ? nullptr : *found;
}

void decode_unpacked(const WeightType& type, const Unpacked& u, std::size_t count, float* out) {
  const float d = half_to_float(u.d), dmin = half_to_float(u.dmin);
  for (std::size_t i = 0; i < count; ++i) {
    const int code = (type.codec == Codec::kTable4 ? kIq4Table[u.codes[i]] : u.codes[i]) - type.offset;
    const auto q = static_cast<float>(code);
    switch (type.scheme) {
      case Scheme::kPlain:
        out[i] = d * q;
        break;
      case Scheme::kPlainMin:
        out[i] = d * q + dmin;
        break;
      case Scheme::kSuper32:
      case Scheme::kSuper16:
        out[i] = d * static_cast<float>(u.scale[i / 16]) * q;
        break;
      case Scheme::kSuper32Min:
      case Scheme::kSuper16Min:
        out[i] = d * static_cast<float>(u.scale[i / 16]) * q - dmin * static_cast<float>(u.min[i / 16]);
        break;
      case Scheme::kNone:
        ZS_ASSERT(false);
    }
  }
}

void decode_row(const WeightType& type, const std::byte* bytes, std::size_t count, float* out) {
  const auto* p = reinterpret_cast<const std::uint8_t*>(bytes);
  if (type.unpack == nullptr) return decode_floats(type.codec, p, count, out);
  const gguf::TensorTypeTraits& traits = *gguf::tensor_type_traits(type.type);
  Unpacked u;
  for (std::size_t i = 0; i < count; i += traits.block_elements, p += traits.block_bytes) {
    type.unpack(p, u);
    decode_unpacked(type, u, traits.block_elements, out + i);
  }
}

}  // namespace zswarm::quant
