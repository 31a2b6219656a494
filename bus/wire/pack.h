// Writing and reading the msgpack array of a message.
//
// Writer appends elements; Reader takes them in order and checks each against a limit before memory is taken.
// A Reader never throws and never stops half-way: after the first fault every further read gives zero or
// empty and ok() stays false, so that a decoder reads all fields and asks once. Both are cheap and belong to
// one thread.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <msgpack.hpp>
#include <string>
#include <string_view>

#include "bus/base/bytes.h"
#include "bus/base/error.h"
#include "bus/base/node_id.h"
#include "bus/wire/message.h"

namespace zswarm::bus {

class Writer {
 public:
  /// Begins a message whose array has `elements` elements.
  Writer(MessageType type, std::uint32_t elements, std::uint32_t request_id = 0);
  /// Begins a bare array, for what is signed, hashed or kept on disk.
  explicit Writer(std::uint32_t elements);

  Writer& array(std::uint32_t elements);
  Writer& uint(std::uint64_t value);
  Writer& sint(std::int64_t value);
  Writer& real(double value);
  Writer& boolean(bool value);
  Writer& text(std::string_view value);
  Writer& bin(ByteView value);
  Writer& id(const NodeId& value) { return bin(value.bytes); }

  [[nodiscard]] Bytes take() { return std::move(out_); }

 private:
  struct Sink {
    Bytes& out;
    void write(const char* data, std::size_t size) {
      out.insert(out.end(), reinterpret_cast<const std::uint8_t*>(data),
                 reinterpret_cast<const std::uint8_t*>(data) + size);
    }
  };
  Bytes out_;
};

/// Bounds of what Reader accepts, whatever a message claims.
struct PackLimits {
  std::size_t elements = 4096;  // of one array
  std::size_t depth = 8;
  std::size_t bytes = 1u << 20;  // of one string
};

class Reader {
 public:
  /// The array of a whole message (header included) or of bare bytes. Faulty bytes give a Reader that is not
  /// ok().
  [[nodiscard]] static Reader of_message(ByteView message, const PackLimits& limits = {});
  [[nodiscard]] static Reader of_bytes(ByteView bytes, const PackLimits& limits = {});

  [[nodiscard]] std::uint64_t uint(std::uint64_t max = std::numeric_limits<std::uint64_t>::max());
  [[nodiscard]] std::int64_t sint(std::int64_t min, std::int64_t max);
  /// Any number, whole ones too; those that are not finite are faults.
  [[nodiscard]] double real(double min, double max);
  [[nodiscard]] bool boolean();
  /// UTF-8 is not checked here. Views live as long as the Reader that came from of_message() or of_bytes().
  [[nodiscard]] std::string_view text(std::size_t max_bytes);
  [[nodiscard]] ByteView bin(std::size_t max_bytes);
  template <std::size_t N>
  [[nodiscard]] ByteArray<N> fixed() {
    ByteArray<N> value{};
    const ByteView view = bin(N);
    if (view.size() != N) return fault(), value;
    std::copy(view.begin(), view.end(), value.begin());
    return value;
  }
  [[nodiscard]] NodeId id() { return {fixed<16>()}; }
  /// A nested array with at most max_elements; it shares this Reader's fault state.
  [[nodiscard]] Reader array(std::size_t max_elements);

  /// Elements not read yet.
  [[nodiscard]] std::size_t left() const { return ok() ? size_ - next_ : 0; }
  [[nodiscard]] bool ok() const { return !state_->fault; }
  /// Marks what was read as wrong; for checks beyond types and ranges.
  void fault() { state_->fault = true; }

 private:
  struct State {
    msgpack::object_handle handle;
    Bytes bytes;  // what views refer to
    bool fault = false;
  };
  Reader(std::shared_ptr<State> state, const msgpack::object* elements, std::size_t size)
      : state_(std::move(state)), elements_(elements), size_(size) {}
  [[nodiscard]] const msgpack::object* next(msgpack::type::object_type type);

  std::shared_ptr<State> state_;
  const msgpack::object* elements_ = nullptr;
  std::size_t size_ = 0, next_ = 0;
};

}  // namespace zswarm::bus
