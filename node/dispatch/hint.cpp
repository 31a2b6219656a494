#include "node/dispatch/hint.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "bus/wire/pack.h"

namespace zswarm::node {

namespace {

constexpr std::uint64_t kHintFormat = 1, kDrainingFlag = 1, kStandbyFlag = 2, kHintFlags = 3;
constexpr double kThousand = 1000;
// Room for elements of later versions.
constexpr std::size_t kHintElements = 32;
constexpr bus::PackLimits kHintLimits{.elements = kHintElements, .depth = 4, .bytes = kHintBytes};

/// In thousandths. What is no number or negative is unknown.
std::uint64_t thousandths(double value, double most) {
  if (!(value > 0)) return 0;
  return static_cast<std::uint64_t>(std::llround(std::min(value, most) * kThousand));
}

double read_thousandths(bus::Reader& reader, double most) {
  return static_cast<double>(reader.uint(static_cast<std::uint64_t>(most * kThousand))) / kThousand;
}

void write_load(bus::Writer& writer, const ModelLoad& load) {
  writer.array(11).uint(load.model);
  for (const std::uint32_t requests : {load.running, load.waiting, load.places})
    writer.uint(std::min(requests, kLoadRequests));
  writer.uint(std::min(load.waiting_tokens, kLoadTokens));
  writer.uint(thousandths(load.prefill_tps, kRateMax)).uint(thousandths(load.decode_tps, kRateMax));
  writer.uint(thousandths(load.service_s, kServiceMax)).uint(std::min(load.free_pages, kLoadPages));
  writer.uint(load.cached.stride).bin(load.cached.bits);
}

bus::Bytes packed(const Hint& hint, std::span<const ModelLoad> models) {
  bus::Writer writer(4);
  writer.uint(kHintFormat).uint((hint.draining ? kDrainingFlag : 0) | (hint.standby ? kStandbyFlag : 0));
  writer.uint(thousandths(hint.cores_load, kCoresLoadMax)).array(static_cast<std::uint32_t>(models.size()));
  for (const ModelLoad& load : models) write_load(writer, load);
  return writer.take();
}

ModelLoad read_load(bus::Reader reader) {
  ModelLoad load;
  load.model = reader.uint();
  for (std::uint32_t* requests : {&load.running, &load.waiting, &load.places})
    *requests = static_cast<std::uint32_t>(reader.uint(kLoadRequests));
  load.waiting_tokens = static_cast<std::uint32_t>(reader.uint(kLoadTokens));
  load.prefill_tps = read_thousandths(reader, kRateMax);
  load.decode_tps = read_thousandths(reader, kRateMax);
  load.service_s = read_thousandths(reader, kServiceMax);
  load.free_pages = static_cast<std::uint32_t>(reader.uint(kLoadPages));
  load.cached.stride = static_cast<std::uint32_t>(reader.uint(kStrideMax));
  const bus::ByteView bits = reader.bin(kDigestBytes);
  load.cached.bits.assign(bits.begin(), bits.end());
  if (!std::has_single_bit(load.cached.stride) || load.running > load.places) reader.fault();
  if (load.cached.bits.empty() || is_overfull(load.cached)) load.cached = {};
  return load;
}

}  // namespace

std::uint64_t model_key(const ModelHash& model) {
  std::uint64_t key = 0;
  for (std::size_t i = 0; i < sizeof(key); ++i) key = key << 8 | model[i];
  return key;
}

bus::Bytes write_hint(const Hint& hint) {
  std::vector<ModelLoad> models(
      hint.models.begin(),
      hint.models.begin() + static_cast<std::ptrdiff_t>(std::min(hint.models.size(), kHintModels)));
  for (ModelLoad& load : models) {
    load.running = std::min(load.running, load.places);
    if (load.cached.bits.size() > kDigestBytes || !std::has_single_bit(load.cached.stride) ||
        load.cached.stride > kStrideMax)
      load.cached = {};
  }
  bus::Bytes bytes = packed(hint, models);
  while (bytes.size() > kHintBytes) {
    const auto largest = std::max_element(models.begin(), models.end(), [](const auto& a, const auto& b) {
      return a.cached.bits.size() < b.cached.bits.size();
    });
    ZS_ASSERT(!largest->cached.bits.empty());  // without digests the largest hint fits
    halve(largest->cached);
    bytes = packed(hint, models);
  }
  return bytes;
}

Result<Hint> read_hint(bus::ByteView bytes) {
  if (bytes.size() > kHintBytes)
    return fail(ErrorCode::kCorrupt, "a load hint is longer than a node may tell");
  auto reader = bus::Reader::of_bytes(bytes, kHintLimits);
  const std::uint64_t format = reader.uint();
  if (reader.ok() && format != kHintFormat)
    return fail(ErrorCode::kUnsupported, "a load hint is of another version");
  const std::uint64_t flags = reader.uint(kHintFlags);
  Hint hint;
  hint.draining = (flags & kDrainingFlag) != 0;
  hint.standby = (flags & kStandbyFlag) != 0;
  hint.cores_load = read_thousandths(reader, kCoresLoadMax);
  bus::Reader models = reader.array(kHintModels);
  while (models.left() > 0) hint.models.push_back(read_load(models.array(kHintElements)));
  if (!reader.ok())
    return fail(ErrorCode::kCorrupt, "a load hint has a field that is missing or out of range");
  return hint;
}

}  // namespace zswarm::node
