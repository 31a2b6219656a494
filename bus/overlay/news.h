// One piece of news as the broadcast carries it, and its name.
//
// The name is a hash of all that the news says, so nobody can put other content under a name that was
// announced. Hops and `via` change from link to link and are no part of it. News about a member (that it
// joined, left, died) have the member as origin and its incarnation as number: all who find a node dead say
// the same, and it travels once.
#pragma once

#include <cstdint>
#include <cstring>

#include "bus/base/bytes.h"
#include "bus/base/node_id.h"
#include "bus/wire/pack.h"

namespace zswarm::bus {

enum class NewsKind : std::uint8_t {
  kPayload = 0,  // number: random
  kAlive = 1,    // payload: instance, 8 bytes; it joined, or it refutes its death
  kDead = 2,
  kLeft = 3,
};

struct NewsId {
  ByteArray<16> bytes{};
  friend auto operator<=>(const NewsId&, const NewsId&) = default;
};

struct News {
  NewsKind kind = NewsKind::kPayload;
  NodeId origin;
  std::uint64_t number = 0;
  Bytes payload;
};

/// Judges payloads before they are passed on, so that forged ones get no further than one link: signatures
/// are the owner's business.
class NewsCheck {
 public:
  enum class Verdict : std::uint8_t {
    kPassOn,
    kKnown,    // had by another way; passed on for those who have not, on the share of whoever hands it on
    kUseless,  // out of date, or refused for a reason that its sender need not know
    kForged,   // its sender should have seen that, too
  };
  struct Judgement {
    Verdict verdict = Verdict::kPassOn;
    NodeId author{};  // whose share of the broadcast it counts on, where it is passed on; zeros: nobody's
  };
  virtual ~NewsCheck() = default;
  [[nodiscard]] virtual Judgement check(const News& news) = 0;
};

/// BLAKE2b-128 of kind, origin, number (big endian) and payload.
[[nodiscard]] NewsId news_id(const News& news);

/// Four bytes that stand for a node where a mistake costs only a superfluous copy.
[[nodiscard]] inline std::uint32_t short_name(const NodeId& id) {
  std::uint32_t name;
  std::memcpy(&name, id.bytes.data(), sizeof(name));
  return name;
}

}  // namespace zswarm::bus

template <>
struct std::hash<zswarm::bus::NewsId> {
  std::size_t operator()(const zswarm::bus::NewsId& id) const noexcept {
    std::size_t value;  // the bytes are a hash already
    std::memcpy(&value, id.bytes.data(), sizeof(value));
    return value;
  }
};
