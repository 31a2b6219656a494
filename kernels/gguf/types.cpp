#include "kernels/gguf/types.h"

#include <array>

namespace zswarm::gguf {
namespace {

// Index: the type's number in the file. An empty name marks a number that was never used or has been
// withdrawn (Q4_2, Q4_3 and the interleaved Q4_0 and IQ4_NL forms). Sizes follow the block structures of
// ggml-common.h.
constexpr std::array<TensorTypeTraits, 43> kTensorTypes = {{
    {"F32", 1, 4, true},          // 0
    {"F16", 1, 2, true},          // 1
    {"Q4_0", 32, 18, true},       // 2: scale; 16 × two nibbles
    {"Q4_1", 32, 20, true},       // 3: scale, minimum; nibbles
    {},                           // 4
    {},                           // 5
    {"Q5_0", 32, 22, true},       // 6
    {"Q5_1", 32, 24, true},       // 7
    {"Q8_0", 32, 34, true},       // 8
    {"Q8_1", 32, 36, false},      // 9
    {"Q2_K", 256, 84, true},      // 10
    {"Q3_K", 256, 110, true},     // 11
    {"Q4_K", 256, 144, true},     // 12
    {"Q5_K", 256, 176, true},     // 13
    {"Q6_K", 256, 210, true},     // 14
    {"Q8_K", 256, 292, false},    // 15
    {"IQ2_XXS", 256, 66, false},  // 16
    {"IQ2_XS", 256, 74, false},   // 17
    {"IQ3_XXS", 256, 98, false},  // 18
    {"IQ1_S", 256, 50, false},    // 19
    {"IQ4_NL", 32, 18, true},     // 20
    {"IQ3_S", 256, 110, false},   // 21
    {"IQ2_S", 256, 82, false},    // 22
    {"IQ4_XS", 256, 136, true},   // 23
    {"I8", 1, 1, false},          // 24
    {"I16", 1, 2, false},         // 25
    {"I32", 1, 4, false},         // 26
    {"I64", 1, 8, false},         // 27
    {"F64", 1, 8, false},         // 28
    {"IQ1_M", 256, 56, false},    // 29
    {"BF16", 1, 2, true},         // 30
    {},                           // 31
    {},                           // 32
    {},                           // 33
    {"TQ1_0", 256, 54, false},    // 34
    {"TQ2_0", 256, 66, false},    // 35
    {},                           // 36
    {},                           // 37
    {},                           // 38
    {"MXFP4", 32, 17, false},     // 39
    {"NVFP4", 64, 36, false},     // 40
    {"Q1_0", 128, 18, false},     // 41
    {"Q2_0", 64, 18, false},      // 42
}};

struct ValueTypeTraits {
  std::string_view name;
  std::size_t bytes;  // 0: not a scalar
};

constexpr std::array<ValueTypeTraits, 13> kValueTypes = {{
    {"uint8", 1},
    {"int8", 1},
    {"uint16", 2},
    {"int16", 2},
    {"uint32", 4},
    {"int32", 4},
    {"float32", 4},
    {"bool", 1},
    {"string", 0},
    {"array", 0},
    {"uint64", 8},
    {"int64", 8},
    {"float64", 8},
}};

}  // namespace

const TensorTypeTraits* tensor_type_traits(TensorType type) {
  const auto index = static_cast<std::size_t>(type);
  if (index >= kTensorTypes.size() || kTensorTypes[index].name.empty()) return nullptr;
  return &kTensorTypes[index];
}

std::string_view value_type_name(ValueType type) {
  const auto index = static_cast<std::size_t>(type);
  return index < kValueTypes.size() ? kValueTypes[index].name : "unknown";
}

std::size_t scalar_bytes(ValueType type) {
  const auto index = static_cast<std::size_t>(type);
  return index < kValueTypes.size() ? kValueTypes[index].bytes : 0;
}

}  // namespace zswarm::gguf
