// What the tests of the ledger share: signers from a seed, moments, entries that are signed by hand.
#pragma once

#include <string>
#include <utility>

#include "bus/ledger/store.h"

namespace zswarm::bus::test {

/// Keys from a seed: the operator has seed 0, nodes the others.
inline const SignKeyPair& signer(std::uint8_t seed) {
  static const std::vector<SignKeyPair> all = [] {
    std::vector<SignKeyPair> v;
    for (std::uint8_t i = 0; i < 16; ++i) {
      ByteArray<32> bytes{};
      bytes[0] = i;
      v.push_back(SignKeyPair::from_seed(Secret<32>::from(std::span<const std::uint8_t, 32>(bytes))));
    }
    return v;
  }();
  return all.at(seed);
}

inline NodeId id_of(std::uint8_t seed) {
  return node_id_of(signer(seed).public_key);
}

inline constexpr std::int64_t kStartMs = 1'800'000'000'000;

inline Now at_ms(std::int64_t ms) {
  return {{std::chrono::milliseconds(ms)}, {kStartMs + ms}};
}

inline LedgerOptions options() {
  LedgerOptions options;
  options.network = {'n', 'e', 't'};
  options.operator_key = signer(0).public_key;
  return options;
}

inline std::string node_key(std::uint8_t seed, std::string_view name) {
  return "node/" + id_of(seed).text() + "/" + std::string(name);
}

inline Bytes epoch_value(std::uint64_t epoch, std::string_view rest = "") {
  Bytes value;
  for (int shift = 56; shift >= 0; shift -= 8) value.push_back(static_cast<std::uint8_t>(epoch >> shift));
  value.insert(value.end(), rest.begin(), rest.end());
  return value;
}

/// Signed, without asking whether anybody would take it. `ms` from kStartMs.
inline Entry signed_entry(std::uint8_t author, std::string key, std::int64_t ms, Bytes value,
                          bool erased = false) {
  Entry entry;
  entry.key = std::move(key);
  entry.value = std::move(value);
  entry.erased = erased;
  entry.stamp = Hlc::at(kStartMs + ms);
  sign_entry(entry, signer(author), options().network);
  return entry;
}

inline Bytes bytes_from(std::string_view text) {
  return {text.begin(), text.end()};
}

}  // namespace zswarm::bus::test
