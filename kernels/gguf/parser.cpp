#include "kernels/gguf/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>

namespace zswarm::gguf {
namespace {

constexpr std::string_view kMagic = "GGUF";
// The least that one entry takes: an empty key, its type, a one-byte value; an empty name, one dimension,
// type and offset.
constexpr std::uint64_t kMetadataBytesMin = 8 + 4 + 1;
constexpr std::uint64_t kTensorBytesMin = 8 + 4 + 8 + 4 + 8;
constexpr std::uint64_t kNameBytesMax = 65535;  // the specification's limit for keys
constexpr std::uint32_t kDimsMax = 4;
constexpr std::uint64_t kAlignmentMin = 8;
constexpr std::uint64_t kAlignmentMax = 1 << 20;
// More than any file holds: a number above it is damage, below it may be a file that was cut short.
constexpr std::uint64_t kPlausibleBytes = std::uint64_t{1} << 50;

bool multiply(std::uint64_t a, std::uint64_t b, std::uint64_t& product) {
  return !__builtin_mul_overflow(a, b, &product);
}

bool is_power_of_two(std::uint64_t n) {
  return n != 0 && (n & (n - 1)) == 0;
}

constexpr std::string_view kFetchAgain = "Fetch it again.";

/// What a file without the magic probably is.
std::string_view guess(std::string_view begin) {
  if (begin.empty()) return "It is empty.";
  if (begin.starts_with("version https://git-lfs")) {
    return "It is a Git LFS pointer, not the model: run 'git lfs pull' where it came from.";
  }
  if (begin.starts_with("<!DOCTYPE") || begin.starts_with("<html") || begin.starts_with("<!doctype")) {
    return "It is an HTML page: the download went wrong.";
  }
  if (begin.starts_with("tjgg") || begin.starts_with("fmgg") || begin.starts_with("lmgg")) {
    return "It has the format that preceded GGUF: fetch a newer conversion of the model.";
  }
  if (begin.starts_with("PK\x03\x04"))
    return "It is a ZIP archive (perhaps PyTorch weights): convert the model to GGUF.";
  if (begin.size() > 8 && begin[8] == '{') return "It looks like safetensors: convert the model to GGUF.";
  return "Check the path, or convert the model to GGUF.";
}

}  // namespace

Status Parser::run() {
  if (read_header() && read_metadata() && read_alignment() && read_directory() && place_tensors()) return {};
  return fail(std::move(error_));
}

bool Parser::read_header() {
  const std::string_view begin(reinterpret_cast<const char*>(bytes_.data()),
                               std::min<std::size_t>(bytes_.size(), 64));
  if (!begin.starts_with(kMagic)) {
    if (!begin.empty() && kMagic.starts_with(begin)) return too_short("the magic number", kMagic.size());
    return refuse(ErrorCode::kCorrupt, "this is not a GGUF file", guess(begin));
  }
  position_ = kMagic.size();
  if (!read(reader_.version_, "the version")) return false;
  const std::uint32_t version = reader_.version_;
  if (version != 0 && (version & 0xffff) == 0) {
    return refuse(ErrorCode::kUnsupported, "the version is that of a big-endian GGUF file",
                  "zswarm reads little-endian ones: fetch or convert the model for x86.");
  }
  if (version == 1) {
    return refuse(ErrorCode::kUnsupported, "GGUF version 1 is not read",
                  "It was replaced in 2023: fetch a newer conversion of the model.");
  }
  if (version != 2 && version != 3) {
    return unsupported(fmt::format("GGUF version {} is not known (2 and 3 are)", version));
  }
  if (!read(tensor_count_, "the number of tensors") ||
      !read(metadata_count_, "the number of metadata entries"))
    return false;
  if (metadata_count_ > left() / kMetadataBytesMin) {
    return too_short(fmt::format("the metadata ({} entries)", metadata_count_),
                     std::min(metadata_count_, kPlausibleBytes) * kMetadataBytesMin);
  }
  if (tensor_count_ > left() / kTensorBytesMin) {
    return too_short(fmt::format("the directory of {} tensors", tensor_count_),
                     std::min(tensor_count_, kPlausibleBytes) * kTensorBytesMin);
  }
  return true;
}

bool Parser::read_metadata() {
  for (std::uint64_t i = 0; i < metadata_count_; ++i) {
    const std::size_t at = position_;
    std::string_view key;
    Value value;
    if (!read_string(key, "a metadata key")) return false;
    context_ = "metadata key";
    name_ = key;
    if (!read_value(value)) return false;
    context_ = {};
    if (!reader_.metadata_index_.emplace(key, reader_.metadata_.size()).second) {
      position_ = at;
      return corrupt(fmt::format("the metadata key '{}' occurs twice", printable(key)));
    }
    reader_.metadata_.emplace_back(key, value);
  }
  return true;
}

bool Parser::read_value(Value& value) {
  std::uint32_t type = 0;
  if (!read(type, "a metadata type")) return false;
  value.type_ = static_cast<ValueType>(type);
  if (value.type_ == ValueType::kArray) return read_array(value);
  if (value.type_ == ValueType::kString) {
    std::uint64_t length = 0;
    return read(length, "a string's length") && take(length, value.payload_, "a string");
  }
  const std::size_t width = scalar_bytes(value.type_);
  if (width == 0) return corrupt(fmt::format("{} is not a metadata type (0 to 12 are)", type));
  const std::size_t at = position_;
  if (!take(width, value.payload_, "a metadata value")) return false;
  return value.type_ != ValueType::kBool || check_bools(value.payload_, at);
}

bool Parser::read_array(Value& value) {
  std::uint32_t type = 0;
  if (!read(type, "an array's element type") || !read(value.count_, "an array's length")) return false;
  value.element_type_ = static_cast<ValueType>(type);
  if (value.element_type_ == ValueType::kArray) return unsupported("an array of arrays is not supported");
  const std::size_t begin = position_;
  if (value.element_type_ == ValueType::kString) {
    // Every string takes at least its length field; so the loop runs no longer than the file is.
    if (value.count_ > left() / sizeof(std::uint64_t)) {
      return too_short(fmt::format("an array of {} strings", value.count_),
                       std::min(value.count_, kPlausibleBytes) * sizeof(std::uint64_t));
    }
    std::span<const std::byte> text;
    for (std::uint64_t i = 0; i < value.count_; ++i) {
      std::uint64_t length = 0;
      if (!read(length, "a string's length") || !take(length, text, "a string of an array")) return false;
    }
    value.payload_ = bytes_.subspan(begin, position_ - begin);
    return true;
  }
  const std::size_t width = scalar_bytes(value.element_type_);
  if (width == 0) return corrupt(fmt::format("{} is not an element type (0 to 8 and 10 to 12 are)", type));
  std::uint64_t total = 0;
  if (!multiply(value.count_, width, total)) total = std::numeric_limits<std::uint64_t>::max();
  if (!take(total, value.payload_, fmt::format("an array of {} values", value.count_))) return false;
  return value.element_type_ != ValueType::kBool || check_bools(value.payload_, begin);
}

bool Parser::read_alignment() {
  const Value* value = reader_.find("general.alignment");
  if (value == nullptr) return true;
  const auto alignment = value->as_int();
  const std::size_t at = position_;
  position_ = static_cast<std::size_t>(value->payload_.data() - bytes_.data());
  if (!alignment) return corrupt("general.alignment is not an integer");
  const auto number = static_cast<std::uint64_t>(*alignment);
  if (*alignment < 0 || !is_power_of_two(number) || number < kAlignmentMin || number > kAlignmentMax) {
    return corrupt(fmt::format("general.alignment is {}; it must be a power of two from {} to {}", *alignment,
                               kAlignmentMin, kAlignmentMax));
  }
  position_ = at;
  reader_.alignment_ = number;
  return true;
}

bool Parser::read_directory() {
  for (std::uint64_t i = 0; i < tensor_count_; ++i) {
    const std::size_t at = position_;
    TensorInfo tensor;
    if (!read_string(tensor.name, "a tensor's name")) return false;
    context_ = "tensor";
    name_ = tensor.name;
    if (!read_tensor(tensor)) return false;
    context_ = {};
    if (!reader_.tensor_index_.emplace(tensor.name, reader_.tensors_.size()).second) {
      position_ = at;
      return corrupt(fmt::format("the tensor '{}' occurs twice", printable(tensor.name)));
    }
    reader_.tensors_.push_back(std::move(tensor));
  }
  return true;
}

bool Parser::read_tensor(TensorInfo& tensor) {
  Place place{0, 0, reader_.tensors_.size()};
  if (!read_dims(tensor, place.bytes)) return false;
  const std::size_t at = position_;
  if (!read(place.offset, "a tensor's offset")) return false;
  if (place.offset % reader_.alignment_ != 0) {
    position_ = at;
    return corrupt(fmt::format("the data offset {} is not a multiple of the alignment {}", place.offset,
                               reader_.alignment_));
  }
  places_.push_back(place);
  return true;
}

bool Parser::read_dims(TensorInfo& tensor, std::uint64_t& data_bytes) {
  std::size_t at = position_;
  std::uint32_t count = 0;
  if (!read(count, "a tensor's number of dimensions")) return false;
  if (count < 1 || count > kDimsMax) {
    position_ = at;
    return corrupt(fmt::format("{} dimensions; a tensor has 1 to {}", count, kDimsMax));
  }
  tensor.dims.resize(count);
  tensor.elements = 1;
  for (std::uint64_t& dim : tensor.dims) {
    at = position_;
    if (!read(dim, "a tensor's dimension")) return false;
    // ggml counts elements in int64.
    if (dim == 0 || !multiply(tensor.elements, dim, tensor.elements) ||
        tensor.elements > std::uint64_t{1} << 62) {
      position_ = at;
      return corrupt(dim == 0 ? std::string("a dimension is 0; each must be at least 1")
                              : fmt::format("dimension {} makes the number of elements overflow", dim));
    }
  }
  at = position_;
  std::uint32_t type = 0;
  if (!read(type, "a tensor's type")) return false;
  tensor.type = static_cast<TensorType>(type);
  const TensorTypeTraits* traits = tensor_type_traits(tensor.type);
  if (traits == nullptr) {
    position_ = at;
    return unsupported(fmt::format("tensor type {} is not known", type));
  }
  if (tensor.dims[0] % traits->block_elements != 0) {
    position_ = at;
    return corrupt(fmt::format("the first dimension {} is not a multiple of {}, the block length of {}",
                               tensor.dims[0], traits->block_elements, traits->name));
  }
  if (!multiply(tensor.elements / traits->block_elements, traits->block_bytes, data_bytes)) {
    position_ = at;
    return corrupt("the tensor's size overflows");
  }
  return true;
}

bool Parser::place_tensors() {
  if (places_.empty()) return true;  // a vocabulary only
  const std::uint64_t begin = (position_ + reader_.alignment_ - 1) / reader_.alignment_ * reader_.alignment_;
  std::sort(places_.begin(), places_.end(),
            [](const Place& a, const Place& b) { return a.offset < b.offset; });
  std::uint64_t free_from = 0;
  for (const Place& place : places_) {
    const TensorInfo& tensor = reader_.tensors_[place.tensor];
    if (place.offset < free_from) {
      return corrupt(fmt::format(
          "the tensor '{}' overlaps the one before it (offset {}, free from {}) in the data section",
          printable(tensor.name), place.offset, free_from));
    }
    if (__builtin_add_overflow(place.offset, place.bytes, &free_from) || free_from > kPlausibleBytes) {
      return corrupt(fmt::format("the tensor '{}' lies outside of any file (offset {}, {} bytes)",
                                 printable(tensor.name), place.offset, place.bytes));
    }
  }
  if (begin + free_from > bytes_.size()) {
    const std::uint64_t end = begin + free_from;
    position_ = bytes_.size();
    return refuse(
        ErrorCode::kCorrupt,
        fmt::format("the file is truncated: its last tensor '{}' ends at byte {}, {} bytes are missing",
                    printable(reader_.tensors_[places_.back().tensor].name), end, end - bytes_.size()),
        kFetchAgain);
  }
  for (const Place& place : places_)
    reader_.tensors_[place.tensor].data = bytes_.subspan(begin + place.offset, place.bytes);
  return true;
}

template <class T>
bool Parser::read(T& out, std::string_view what) {
  if (left() < sizeof(T)) return too_short(what, sizeof(T));
  std::memcpy(&out, bytes_.data() + position_, sizeof(T));
  position_ += sizeof(T);
  return true;
}

bool Parser::read_string(std::string_view& out, std::string_view what) {
  const std::size_t at = position_;
  std::uint64_t length = 0;
  std::span<const std::byte> text;
  if (!read(length, what) || !take(length, text, what)) return false;
  if (length > kNameBytesMax) {
    position_ = at;
    return corrupt(
        fmt::format("{} of {} bytes is longer than the format allows ({})", what, length, kNameBytesMax));
  }
  out = {reinterpret_cast<const char*>(text.data()), text.size()};
  return true;
}

bool Parser::take(std::uint64_t count, std::span<const std::byte>& out, std::string_view what) {
  if (count > left()) return too_short(what, count);
  out = bytes_.subspan(position_, count);
  position_ += count;
  return true;
}

bool Parser::check_bools(std::span<const std::byte> values, std::size_t at) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::to_integer<unsigned>(values[i]) <= 1) continue;
    position_ = at + i;
    return corrupt(fmt::format("a bool is {}; it must be 0 or 1", std::to_integer<unsigned>(values[i])));
  }
  return true;
}

bool Parser::refuse(ErrorCode code, std::string_view message, std::string_view advice) {
  const std::string where =
      context_.empty() ? std::string() : fmt::format(" ({} '{}')", context_, printable(name_));
  error_ = reader_.error(code, fmt::format("{} at byte {}{}. {}", message, position_, where, advice)).value();
  return false;
}

bool Parser::corrupt(std::string_view message) {
  return refuse(ErrorCode::kCorrupt, message,
                "The file is damaged or was written wrongly: fetch or convert it again.");
}

bool Parser::unsupported(std::string_view message) {
  return refuse(ErrorCode::kUnsupported, message,
                "Fetch another conversion of the model, or use a newer zswarm.");
}

bool Parser::too_short(std::string_view what, std::uint64_t needed) {
  if (needed >= kPlausibleBytes)
    return corrupt(fmt::format("{} claims {} bytes or more, which no file has", what, needed));
  return refuse(ErrorCode::kCorrupt,
                fmt::format("the file is truncated or damaged: {} needs {} bytes, {} are missing", what,
                            needed, needed - left()),
                kFetchAgain);
}

}  // namespace zswarm::gguf
