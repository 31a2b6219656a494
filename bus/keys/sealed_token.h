// The token of a new epoch on its way to one member: libsodium's sealed box to the member's CURVE key, so
// that it can lie where everybody reads it. Who sealed it shows nowhere: the entry of the ledger around it is
// signed.
//
//   sealed  crypto_box_seal of the token's text (keys/token.h): 48 bytes longer than that
//
// Whoever has the member's CURVE secret key and has kept the box can open it later, too. Pure functions; any
// thread.
#pragma once

#include "bus/base/bytes.h"
#include "bus/base/error.h"
#include "bus/keys/curve.h"
#include "bus/keys/token.h"

namespace zswarm::bus {

inline constexpr std::size_t kMaxSealedTokenBytes = kMaxTokenBytes + 48;

/// kRefused if the key is no good key (small order).
[[nodiscard]] Result<Bytes> seal_token(const Token& token, const CurvePublicKey& to);

/// kRefused if it was sealed to another key or changed since; else as parse_token().
[[nodiscard]] Result<Token> open_sealed_token(ByteView sealed, const CurveKeyPair& own);

}  // namespace zswarm::bus
