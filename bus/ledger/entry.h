// One entry of the ledger: a key, its value or the mark that it was erased, when, by whom, signed.
//
// As bytes, a msgpack array of exactly seven elements:
//   [cell: uint32, key: str, kind: 0 value | 1 erased, value: bin, stamp: uint64, author: bin 32, signature:
//   bin 64]
// The author is the public Ed25519 key itself, so an entry can be checked by whoever meets it. What is signed
// (purpose "zswarm ledger entry", keys/sign.h) is the msgpack array
//   [network: bin, cell, key, kind, value, stamp, author]
// with every element in its shortest form; the network's id keeps an entry from being replayed in another
// network by a node that is a member of both. An entry's hash is the 32-byte BLAKE2b of the same array; the
// signature is not a part of it, since an author can make many signatures for one content.
//
// Decoding checks forms and limits, not rights: rules.h has those. Values only; no I/O.
#pragma once

#include <cstdint>
#include <string>

#include "bus/base/bytes.h"
#include "bus/base/error.h"
#include "bus/base/node_id.h"
#include "bus/keys/sign.h"
#include "bus/ledger/hlc.h"

namespace zswarm::bus {

inline constexpr std::size_t kMaxKeyBytes = 256;
inline constexpr std::size_t kMaxValueBytes = 16 * 1024;
inline constexpr std::size_t kMaxNetworkBytes = 64;
/// Key, value, 32 + 64 bytes of author and signature, and what msgpack adds.
inline constexpr std::size_t kMaxEntryBytes = kMaxKeyBytes + kMaxValueBytes + 160;

struct Entry {
  std::uint32_t cell = 0;
  std::string key;
  Bytes value;  // empty if erased
  bool erased = false;
  Hlc stamp;
  SignPublicKey author{};
  Signature signature{};

  friend bool operator==(const Entry&, const Entry&) = default;
};

/// Parts of printable ASCII between single slashes, two parts at least.
[[nodiscard]] Status check_key(std::string_view key);

[[nodiscard]] Bytes encode_entry(const Entry& entry);
[[nodiscard]] Result<Entry> decode_entry(ByteView bytes);

/// What is signed and hashed, for the network of this id.
[[nodiscard]] Bytes signed_bytes(const Entry& entry, ByteView network);

/// Fills in author and signature.
void sign_entry(Entry& entry, const SignKeyPair& keys, ByteView network);
[[nodiscard]] Signature sign_bytes(const SignKeyPair& keys, ByteView signed_bytes);
[[nodiscard]] bool is_signed_by_author(const Entry& entry, ByteView signed_bytes);

}  // namespace zswarm::bus
