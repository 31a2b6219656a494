#include "bus/wire/pack.h"

namespace zswarm::bus {
namespace {

// msgpack-c copies strings into its zone unless told to refer to the input, which of_bytes() keeps.
bool refer_to_input(msgpack::type::object_type, std::size_t, void*) {
  return true;
}

}  // namespace

Writer::Writer(MessageType type, std::uint32_t elements, std::uint32_t request_id) {
  out_ = {kMajorVersion,
          kMinorVersion,
          static_cast<std::uint8_t>(type),
          0,
          static_cast<std::uint8_t>(request_id >> 24),
          static_cast<std::uint8_t>(request_id >> 16),
          static_cast<std::uint8_t>(request_id >> 8),
          static_cast<std::uint8_t>(request_id)};
  array(elements);
}

Writer::Writer(std::uint32_t elements) {
  array(elements);
}

Writer& Writer::array(std::uint32_t elements) {
  Sink sink{out_};
  msgpack::packer<Sink>(sink).pack_array(elements);
  return *this;
}

Writer& Writer::uint(std::uint64_t value) {
  Sink sink{out_};
  msgpack::packer<Sink>(sink).pack_uint64(value);
  return *this;
}

Writer& Writer::sint(std::int64_t value) {
  Sink sink{out_};
  msgpack::packer<Sink>(sink).pack_int64(value);
  return *this;
}

Writer& Writer::real(double value) {
  Sink sink{out_};
  msgpack::packer<Sink>(sink).pack_double(value);
  return *this;
}

Writer& Writer::boolean(bool value) {
  Sink sink{out_};
  value ? msgpack::packer<Sink>(sink).pack_true() : msgpack::packer<Sink>(sink).pack_false();
  return *this;
}

Writer& Writer::text(std::string_view value) {
  Sink sink{out_};
  msgpack::packer<Sink> packer(sink);
  packer.pack_str(static_cast<std::uint32_t>(value.size()));
  packer.pack_str_body(value.data(), static_cast<std::uint32_t>(value.size()));
  return *this;
}

Writer& Writer::bin(ByteView value) {
  Sink sink{out_};
  msgpack::packer<Sink> packer(sink);
  packer.pack_bin(static_cast<std::uint32_t>(value.size()));
  packer.pack_bin_body(reinterpret_cast<const char*>(value.data()), static_cast<std::uint32_t>(value.size()));
  return *this;
}

Reader Reader::of_message(ByteView message, const PackLimits& limits) {
  return of_bytes(message.subspan(std::min(message.size(), kHeaderBytes)), limits);
}

Reader Reader::of_bytes(ByteView bytes, const PackLimits& limits) {
  auto state = std::make_shared<State>();
  state->bytes.assign(bytes.begin(), bytes.end());
  const msgpack::unpack_limit bounds(limits.elements, 0, limits.bytes, limits.bytes, 0, limits.depth);
  try {
    std::size_t used = 0;
    state->handle = msgpack::unpack(reinterpret_cast<const char*>(state->bytes.data()), state->bytes.size(),
                                    used, refer_to_input, nullptr, bounds);
    const msgpack::object& whole = state->handle.get();
    if (whole.type == msgpack::type::ARRAY && used == state->bytes.size()) {
      const msgpack::object* elements = whole.via.array.ptr;
      const std::size_t size = whole.via.array.size;
      return Reader(std::move(state), elements, size);
    }
  } catch (const std::exception&) {
    // The bytes are no msgpack, or over the limits: a fault like any other.
  }
  state->fault = true;
  return Reader(std::move(state), nullptr, 0);
}

const msgpack::object* Reader::next(msgpack::type::object_type type) {
  if (!ok()) return nullptr;
  if (next_ == size_ || elements_[next_].type != type) return fault(), nullptr;
  return &elements_[next_++];
}

std::uint64_t Reader::uint(std::uint64_t max) {
  const msgpack::object* o = next(msgpack::type::POSITIVE_INTEGER);
  if (o == nullptr || o->via.u64 > max) return fault(), 0;
  return o->via.u64;
}

std::int64_t Reader::sint(std::int64_t min, std::int64_t max) {
  if (!ok() || next_ == size_) return fault(), 0;
  const msgpack::object& o = elements_[next_++];
  std::int64_t value = 0;
  if (o.type == msgpack::type::NEGATIVE_INTEGER) {
    value = o.via.i64;
  } else if (o.type == msgpack::type::POSITIVE_INTEGER && o.via.u64 <= std::uint64_t{INT64_MAX}) {
    value = static_cast<std::int64_t>(o.via.u64);
  } else {
    return fault(), 0;
  }
  return value < min || value > max ? (fault(), 0) : value;
}

double Reader::real(double min, double max) {
  if (!ok() || next_ == size_) return fault(), 0;
  const msgpack::object& o = elements_[next_++];
  double value = 0;
  if (o.type == msgpack::type::FLOAT32 || o.type == msgpack::type::FLOAT64) {
    value = o.via.f64;
  } else if (o.type == msgpack::type::POSITIVE_INTEGER) {
    value = static_cast<double>(o.via.u64);
  } else if (o.type == msgpack::type::NEGATIVE_INTEGER) {
    value = static_cast<double>(o.via.i64);
  } else {
    return fault(), 0;
  }
  return value >= min && value <= max ? value : (fault(), 0);  // false for what is no number
}

bool Reader::boolean() {
  const msgpack::object* o = next(msgpack::type::BOOLEAN);
  return o != nullptr && o->via.boolean;
}

std::string_view Reader::text(std::size_t max_bytes) {
  const msgpack::object* o = next(msgpack::type::STR);
  if (o == nullptr || o->via.str.size > max_bytes) return fault(), std::string_view();
  return {o->via.str.ptr, o->via.str.size};
}

ByteView Reader::bin(std::size_t max_bytes) {
  const msgpack::object* o = next(msgpack::type::BIN);
  if (o == nullptr || o->via.bin.size > max_bytes) return fault(), ByteView();
  return {reinterpret_cast<const std::uint8_t*>(o->via.bin.ptr), o->via.bin.size};
}

Reader Reader::array(std::size_t max_elements) {
  const msgpack::object* o = next(msgpack::type::ARRAY);
  if (o == nullptr || o->via.array.size > max_elements) {
    fault();
    return Reader(state_, nullptr, 0);
  }
  return Reader(state_, o->via.array.ptr, o->via.array.size);
}

}  // namespace zswarm::bus
