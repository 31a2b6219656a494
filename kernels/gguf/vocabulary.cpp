#include "kernels/gguf/vocabulary.h"

#include <cstdint>
#include <cstring>
#include <string_view>

namespace zswarm::gguf {

namespace {

constexpr std::uint32_t kWrittenVersion = 3;

class Bytes {
 public:
  template <class Number>
  void number(Number value) {
    append({reinterpret_cast<const std::byte*>(&value), sizeof value});
  }
  void text(std::string_view text) {
    number<std::uint64_t>(text.size());
    append({reinterpret_cast<const std::byte*>(text.data()), text.size()});
  }
  void append(std::span<const std::byte> bytes) {
    const std::size_t before = all_.size();
    all_.resize(before + bytes.size());
    if (!bytes.empty()) std::memcpy(all_.data() + before, bytes.data(), bytes.size());
  }
  [[nodiscard]] std::vector<std::byte> take() { return std::move(all_); }

 private:
  std::vector<std::byte> all_;
};

/// What stands before a value's payload. Lengths have 64 bits from version 2 on, which is the oldest that
/// Reader takes: payloads of arrays of strings need no change.
void write_value(const Value& value, Bytes& out) {
  out.number(static_cast<std::uint32_t>(value.type()));
  if (value.type() == ValueType::kString) out.number<std::uint64_t>(value.payload().size());
  if (value.type() == ValueType::kArray) {
    out.number(static_cast<std::uint32_t>(value.element_type()));
    out.number<std::uint64_t>(value.size());
  }
  out.append(value.payload());
}

}  // namespace

std::vector<std::byte> without_tensors(const Reader& file) {
  Bytes out;
  out.append(std::as_bytes(std::span("GGUF", 4)));
  out.number(kWrittenVersion);
  out.number<std::uint64_t>(0);  // tensors
  out.number<std::uint64_t>(file.metadata().size());
  for (const auto& [key, value] : file.metadata()) {
    out.text(key);
    write_value(value, out);
  }
  return out.take();
}

}  // namespace zswarm::gguf
