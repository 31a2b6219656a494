#include "bus/ledger/entry.h"

#include <algorithm>

#include "bus/wire/pack.h"

namespace zswarm::bus {
namespace {

constexpr std::string_view kPurpose = "zswarm ledger entry";
constexpr std::uint32_t kElements = 7;

Writer& write_content(Writer& writer, const Entry& entry) {
  return writer.uint(entry.cell)
      .text(entry.key)
      .uint(entry.erased ? 1 : 0)
      .bin(entry.value)
      .uint(entry.stamp.packed)
      .bin(entry.author);
}

}  // namespace

Status check_key(std::string_view key) {
  if (key.size() > kMaxKeyBytes)
    return fail(ErrorCode::kTooLarge, "a key of the ledger is longer than 256 bytes");
  const bool printable = std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c <= '~'; });
  const bool whole_parts = !key.empty() && key.front() != '/' && key.back() != '/' &&
                           key.find("//") == std::string_view::npos &&
                           key.find('/') != std::string_view::npos;
  if (printable && whole_parts) return {};
  return fail(ErrorCode::kMalformed,
              "a key of the ledger is two or more parts of printable ASCII with slashes between");
}

Bytes encode_entry(const Entry& entry) {
  Writer writer(kElements);
  return write_content(writer, entry).bin(entry.signature).take();
}

Result<Entry> decode_entry(ByteView bytes) {
  if (bytes.size() > kMaxEntryBytes) return fail(ErrorCode::kTooLarge, "an entry of the ledger is too large");
  Reader reader = Reader::of_bytes(bytes, {.elements = kElements, .depth = 1, .bytes = kMaxValueBytes});
  const bool exact = reader.left() == kElements;
  Entry entry;
  entry.cell = static_cast<std::uint32_t>(reader.uint(std::numeric_limits<std::uint32_t>::max()));
  entry.key = reader.text(kMaxKeyBytes);
  entry.erased = reader.uint(1) == 1;
  const ByteView value = reader.bin(kMaxValueBytes);
  entry.value.assign(value.begin(), value.end());
  entry.stamp = {reader.uint(Hlc::kMax)};
  entry.author = reader.fixed<32>();
  entry.signature = reader.fixed<64>();
  if (!exact || !reader.ok() || (entry.erased && !entry.value.empty()))
    return fail(ErrorCode::kMalformed, "bytes are not an entry of the ledger");
  if (const Status key = check_key(entry.key); !key) return tl::unexpected(key.error());
  return entry;
}

Bytes signed_bytes(const Entry& entry, ByteView network) {
  ZS_BUS_ASSERT(network.size() <= kMaxNetworkBytes);
  Writer writer(kElements);
  writer.bin(network);
  return write_content(writer, entry).take();
}

void sign_entry(Entry& entry, const SignKeyPair& keys, ByteView network) {
  entry.author = keys.public_key;
  entry.signature = sign_bytes(keys, signed_bytes(entry, network));
}

Signature sign_bytes(const SignKeyPair& keys, ByteView signed_bytes) {
  return sign(keys, kPurpose, signed_bytes);
}

bool is_signed_by_author(const Entry& entry, ByteView signed_bytes) {
  return signature_fits(entry.author, kPurpose, signed_bytes, entry.signature);
}

}  // namespace zswarm::bus
