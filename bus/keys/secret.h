// Bytes that nobody else may see: wiped when they go, moved and never copied by accident, without any way to
// print them.
//
// A move wipes its source; a copy must be asked for by name. Comparison takes the same time whatever the
// bytes are. The memory is ordinary memory: the operating system may write it to swap.
//
// One owner at a time, any thread.
#pragma once

#include <array>
#include <cstddef>
#include <ostream>
#include <string>
#include <utility>

#include "bus/base/bytes.h"

namespace zswarm::bus {

/// Makes libsodium ready. Every function of keys/ calls it; it costs nothing after the first time. Aborts if
/// the machine has no source of random numbers, since no key could be trusted then.
void ready_sodium();

/// Random bytes of the operating system, for keys and nonces. Never for protocol decisions: those draw from
/// base/random.h.
void fill_random(std::span<std::uint8_t> bytes);
[[nodiscard]] std::uint64_t random_u64();

/// In the same time for all contents of one length. Lengths are no secret.
[[nodiscard]] bool equal_in_constant_time(ByteView a, ByteView b);

/// Overwrites; the compiler cannot leave it out.
void wipe(std::span<std::uint8_t> bytes);

template <std::size_t N>
class Secret {
 public:
  Secret() = default;  // zeros
  ~Secret() { wipe(bytes_); }
  Secret(Secret&& other) noexcept : bytes_(other.bytes_) { wipe(other.bytes_); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      bytes_ = other.bytes_;
      wipe(other.bytes_);
    }
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;

  [[nodiscard]] static Secret random() {
    Secret secret;
    fill_random(secret.bytes_);
    return secret;
  }
  /// The first N bytes of `bytes`, which the caller has checked to be there.
  [[nodiscard]] static Secret from(std::span<const std::uint8_t, N> bytes) {
    Secret secret;
    std::copy(bytes.begin(), bytes.end(), secret.bytes_.begin());
    return secret;
  }
  [[nodiscard]] Secret copy() const { return from(bytes_); }

  /// For the functions that need it; whoever takes it keeps no copy.
  [[nodiscard]] const std::uint8_t* data() const { return bytes_.data(); }
  [[nodiscard]] std::uint8_t* data() { return bytes_.data(); }
  [[nodiscard]] ByteView view() const { return bytes_; }
  [[nodiscard]] static constexpr std::size_t size() { return N; }

  friend bool operator==(const Secret& a, const Secret& b) {
    return equal_in_constant_time(a.bytes_, b.bytes_);
  }

 private:
  ByteArray<N> bytes_{};
};

template <std::size_t N>
std::ostream& operator<<(std::ostream&, const Secret<N>&) = delete;

/// A string or byte vector with the same manners, for secrets whose length varies: the text of a token, the
/// contents of a key file. It is made from a finished container, so that growing leaves no copies behind.
template <class Container>
class Wiped {
 public:
  Wiped() = default;
  explicit Wiped(Container&& contents) : contents_(std::move(contents)) { wipe_container(contents); }
  ~Wiped() { wipe_container(contents_); }
  Wiped(Wiped&& other) noexcept : contents_(std::move(other.contents_)) { wipe_container(other.contents_); }
  Wiped& operator=(Wiped&& other) noexcept {
    if (this != &other) {
      wipe_container(contents_);
      contents_ = std::move(other.contents_);
      wipe_container(other.contents_);
    }
    return *this;
  }
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;

  [[nodiscard]] const Container& reveal() const { return contents_; }

 private:
  static void wipe_container(Container& contents) {
    contents.resize(contents.capacity());  // what a shorter text has left behind goes too
    wipe({reinterpret_cast<std::uint8_t*>(contents.data()), contents.size()});
    contents.clear();
  }
  Container contents_;
};

using SecretText = Wiped<std::string>;
using SecretBytes = Wiped<Bytes>;

template <class Container>
std::ostream& operator<<(std::ostream&, const Wiped<Container>&) = delete;

}  // namespace zswarm::bus
