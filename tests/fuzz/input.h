// The bytes of a fuzz target as a list of steps: each takes what it needs, and reads zeros once they are used
// up.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "bus/base/bytes.h"

namespace zswarm::bus {

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : left_(data, size) {}
  [[nodiscard]] bool empty() const { return left_.empty(); }
  [[nodiscard]] std::uint8_t byte() {
    if (left_.empty()) return 0;
    const std::uint8_t value = left_[0];
    left_ = left_.subspan(1);
    return value;
  }
  [[nodiscard]] Bytes bytes() {
    const std::size_t size = std::min<std::size_t>(byte(), left_.size());
    const Bytes taken(left_.begin(), left_.begin() + static_cast<std::ptrdiff_t>(size));
    left_ = left_.subspan(size);
    return taken;
  }

 private:
  ByteView left_;
};

}  // namespace zswarm::bus
