#include "kernels/quant/packed_matrix.h"

#include <algorithm>
#include <cstring>

#include "kernels/base/error.h"
#include "kernels/quant/half.h"

namespace zswarm::quant {
namespace {

constexpr std::size_t kVector = 64;  // bytes: four inputs of 16 rows

bool is_float(Codec codec) {
  return codec == Codec::kF32 || codec == Codec::kF16 || codec == Codec::kBF16;
}
bool is_super(Scheme scheme) {
  return scheme != Scheme::kPlain && scheme != Scheme::kPlainMin;
}
std::size_t float_bytes(Codec codec) {
  return codec == Codec::kF32 ? 4 : 2;
}
std::size_t round_up(std::size_t n, std::size_t unit) {
  return (n + unit - 1) / unit * unit;
}

/// Where a group's code lies inside a block's vectors: `low` bits at `vector`/`shift`, and for odd widths an
/// upper part.
struct Place {
  std::size_t vector;
  int shift;
};

Place low_place(Codec codec, std::size_t group) {
  switch (codec) {
    case Codec::kBits8:
      return {group, 0};
    case Codec::kBits2:
    case Codec::kBits3:
      return {group / 4, static_cast<int>(2 * (group % 4))};
    default:
      return {group % 4, static_cast<int>(4 * (group / 4))};
  }
}

int low_bits(Codec codec) {
  if (codec == Codec::kBits8) return 8;
  return codec == Codec::kBits2 || codec == Codec::kBits3 ? 2 : 4;
}

Place high_place(Codec codec, std::size_t group) {
  switch (codec) {
    case Codec::kBits3:
      return {2, static_cast<int>(group)};
    case Codec::kBits5:
      return {4, static_cast<int>(group)};
    default:
      return {4 + group / 4, static_cast<int>(2 * (group % 4))};  // kBits6
  }
}

int high_bits(Codec codec) {
  if (codec == Codec::kBits3 || codec == Codec::kBits5) return 1;
  return codec == Codec::kBits6 ? 2 : 0;
}

/// Four codes at a time: shifted inside their bytes they cannot touch each other.
void put_codes(Codec codec, std::size_t row, const std::uint8_t* codes, std::uint8_t* block) {
  const int low = low_bits(codec), high = high_bits(codec);
  const std::uint32_t low_mask = 0x01010101u * ((1u << low) - 1u);
  const auto merge = [&](const Place& at, std::uint32_t four) {
    std::uint8_t* target = block + at.vector * kVector + 4 * row;
    std::uint32_t old;
    std::memcpy(&old, target, sizeof old);
    old |= four << at.shift;
    std::memcpy(target, &old, sizeof old);
  };
  for (std::size_t group = 0; group < kBlock / 4; ++group) {
    std::uint32_t four;
    std::memcpy(&four, codes + 4 * group, sizeof four);
    merge(low_place(codec, group), four & low_mask);
    if (high != 0) merge(high_place(codec, group), (four & ~low_mask) >> low);
  }
}

void get_codes(Codec codec, std::size_t row, const std::uint8_t* block, std::uint8_t* codes) {
  const int low = low_bits(codec), high = high_bits(codec);
  for (std::size_t i = 0; i < kBlock; ++i) {
    const Place at = low_place(codec, i / 4);
    int code = (block[at.vector * kVector + 4 * row + i % 4] >> at.shift) & ((1 << low) - 1);
    if (high != 0) {
      const Place up = high_place(codec, i / 4);
      code |= ((block[up.vector * kVector + 4 * row + i % 4] >> up.shift) & ((1 << high) - 1)) << low;
    }
    codes[i] = static_cast<std::uint8_t>(code);
  }
}

void put_half(std::uint8_t* p, std::size_t row, std::uint16_t bits) {
  std::memcpy(p + 2 * row, &bits, 2);
}
std::uint16_t get_half(const std::uint8_t* p, std::size_t row) {
  return read_u16(p + 2 * row);
}

constexpr std::size_t kHalves = 2 * kPanelRows;  // bytes of 16 float16

void put_scales(Scheme scheme, std::size_t row, const Unpacked& u, std::uint8_t* p) {
  put_half(p, row, u.d);
  const bool has_min =
      scheme == Scheme::kPlainMin || scheme == Scheme::kSuper32Min || scheme == Scheme::kSuper16Min;
  if (has_min) put_half(p + kHalves, row, u.dmin);
  std::uint8_t* q = p + (has_min ? 2 : 1) * kHalves + row;
  switch (scheme) {
    case Scheme::kPlain:
    case Scheme::kPlainMin:
    case Scheme::kNone:
      return;
    case Scheme::kSuper32:
      for (int j = 0; j < 8; ++j) q[j * 16] = static_cast<std::uint8_t>(u.scale[2 * j]);
      return;
    case Scheme::kSuper32Min:
      for (int j = 0; j < 8; ++j) {
        q[j * 32] = static_cast<std::uint8_t>(u.scale[2 * j]);
        q[j * 32 + 16] = u.min[2 * j];
      }
      return;
    case Scheme::kSuper16:
      for (int j = 0; j < 16; ++j) q[j * 16] = static_cast<std::uint8_t>(u.scale[j]);
      return;
    case Scheme::kSuper16Min:
      for (int j = 0; j < 16; ++j) q[j * 16] = static_cast<std::uint8_t>(u.scale[j] | u.min[j] << 4);
      return;
  }
}

/// Scale and min of the 32-block (or half of it) `part` counted in 16 weights from the super-block's start.
void get_scales(Scheme scheme, std::size_t row, const std::uint8_t* p, Unpacked& u) {
  u.d = get_half(p, row);
  const bool has_min =
      scheme == Scheme::kPlainMin || scheme == Scheme::kSuper32Min || scheme == Scheme::kSuper16Min;
  u.dmin = has_min ? get_half(p + kHalves, row) : std::uint16_t{0};
  if (!is_super(scheme)) return;
  const std::uint8_t* q = p + (has_min ? 2 : 1) * kHalves + row;
  for (std::size_t j = 0; j < 16; ++j) {
    switch (scheme) {
      case Scheme::kSuper32:
        u.scale[j] = static_cast<std::int8_t>(q[j / 2 * 16]);
        break;
      case Scheme::kSuper32Min:
        u.scale[j] = static_cast<std::int8_t>(q[j / 2 * 32]);
        u.min[j] = q[j / 2 * 32 + 16];
        break;
      case Scheme::kSuper16:
        u.scale[j] = static_cast<std::int8_t>(q[j * 16]);
        break;
      default:
        u.scale[j] = static_cast<std::int8_t>(q[j * 16] & 15);
        u.min[j] = q[j * 16] >> 4;
    }
  }
}

std::size_t group_columns(Scheme scheme) {
  return is_super(scheme) ? kSuperBlock : kBlock;
}
std::size_t group_bytes(const WeightType& type) {
  return scheme_bytes(type.scheme) + group_columns(type.scheme) / kBlock * codec_bytes(type.codec);
}

void pack_float_panel(const PackedMatrix& shape, std::size_t first_row, std::size_t row_count,
                      const std::byte* source, std::uint8_t* target) {
  const std::size_t size = float_bytes(shape.type->codec);
  for (std::size_t r = 0; r < row_count; ++r) {
    const std::byte* row = source + (first_row + r) * shape.cols * size;
    for (std::size_t k = 0; k < shape.cols; ++k)
      std::memcpy(target + (k * kPanelRows + r) * size, row + k * size, size);
  }
}

}  // namespace

std::size_t scheme_bytes(Scheme scheme) {
  switch (scheme) {
    case Scheme::kPlain:
      return kHalves;
    case Scheme::kPlainMin:
      return 2 * kHalves;
    case Scheme::kSuper32:
      return kHalves + 8 * 16;
    case Scheme::kSuper32Min:
      return 2 * kHalves + 8 * 32;
    case Scheme::kSuper16:
      return kHalves + 16 * 16;
    case Scheme::kSuper16Min:
      return 2 * kHalves + 16 * 16;
    case Scheme::kNone:
      return 0;
  }
  return 0;
}

std::size_t codec_bytes(Codec codec) {
  switch (codec) {
    case Codec::kBits2:
      return 2 * kVector;
    case Codec::kBits3:
      return 3 * kVector;
    case Codec::kBits4:
    case Codec::kTable4:
      return 4 * kVector;
    case Codec::kBits5:
      return 5 * kVector;
    case Codec::kBits6:
      return 6 * kVector;
    case Codec::kBits8:
      return 8 * kVector;
    case Codec::kF32:
    case Codec::kF16:
    case Codec::kBF16:
      return kBlock * kPanelRows * float_bytes(codec);
  }
  return 0;
}

PackedMatrix packed_shape(const WeightType& type, std::size_t rows, std::size_t cols) {
  PackedMatrix m{&type, rows, cols, 0, 0, nullptr};
  if (is_float(type.codec)) {
    m.panel_bytes = m.panel_stride = round_up(cols * kPanelRows * float_bytes(type.codec), kVector);
    return m;
  }
  const std::size_t group = group_columns(type.scheme);
  ZS_ASSERT(cols % group == 0);
  m.panel_bytes = m.panel_stride = round_up(cols / group * group_bytes(type), kVector);
  return m;
}

void pack_panel(const PackedMatrix& shape, std::size_t panel, const std::byte* source, std::uint8_t* target) {
  const WeightType& type = *shape.type;
  const std::size_t first_row = panel * kPanelRows;
  const std::size_t row_count = std::min<std::size_t>(kPanelRows, shape.rows - first_row);
  std::memset(target, 0, shape.panel_bytes);
  if (is_float(type.codec)) return pack_float_panel(shape, first_row, row_count, source, target);

  const gguf::TensorTypeTraits& traits = *gguf::tensor_type_traits(type.type);
  const std::size_t groups = shape.cols / traits.block_elements;
  Unpacked u;
  for (std::size_t r = 0; r < row_count; ++r) {
    const auto* in =
        reinterpret_cast<const std::uint8_t*>(source) + (first_row + r) * groups * traits.block_bytes;
    for (std::size_t g = 0; g < groups; ++g, in += traits.block_bytes) {
      type.unpack(in, u);
      std::uint8_t* group = target + g * group_bytes(type);
      put_scales(type.scheme, r, u, group);
      group += scheme_bytes(type.scheme);
      for (std::size_t b = 0; b < traits.block_elements / kBlock; ++b) {
        put_codes(type.codec, r, u.codes + b * kBlock, group + b * codec_bytes(type.codec));
      }
    }
  }
}

void unpack_row(const PackedMatrix& matrix, std::size_t row, float* out) {
  const WeightType& type = *matrix.type;
  const std::uint8_t* panel = matrix.panel(row / kPanelRows);
  const std::size_t r = row % kPanelRows;
  if (is_float(type.codec)) {
    const std::size_t size = float_bytes(type.codec);
    for (std::size_t k = 0; k < matrix.cols; ++k) {
      decode_row(type, reinterpret_cast<const std::byte*>(panel + (k * kPanelRows + r) * size), 1, out + k);
    }
    return;
  }
  const gguf::TensorTypeTraits& traits = *gguf::tensor_type_traits(type.type);
  Unpacked u;
  for (std::size_t g = 0; g < matrix.cols / traits.block_elements; ++g) {
    const std::uint8_t* group = panel + g * group_bytes(type);
    get_scales(type.scheme, r, group, u);
    group += scheme_bytes(type.scheme);
    for (std::size_t b = 0; b < traits.block_elements / kBlock; ++b) {
      get_codes(type.codec, r, group + b * codec_bytes(type.codec), u.codes + b * kBlock);
    }
    decode_unpacked(type, u, traits.block_elements, out + g * traits.block_elements);
  }
}

}  // namespace zswarm::quant
