#include "bus/keys/sealed_token.h"

#include <sodium.h>

#include <string>

namespace zswarm::bus {

static_assert(kMaxSealedTokenBytes == kMaxTokenBytes + crypto_box_SEALBYTES);

Result<Bytes> seal_token(const Token& token, const CurvePublicKey& to) {
  ready_sodium();
  const SecretText text = token.text();
  Bytes sealed(text.reveal().size() + crypto_box_SEALBYTES);
  const ByteView plain = bytes_of(text.reveal());
  if (crypto_box_seal(sealed.data(), plain.data(), plain.size(), to.data()) != 0)
    return fail(ErrorCode::kRefused, "a token cannot be sealed to a CURVE key that is no good key");
  return sealed;
}

Result<Token> open_sealed_token(ByteView sealed, const CurveKeyPair& own) {
  ready_sodium();
  if (sealed.size() < crypto_box_SEALBYTES || sealed.size() > kMaxSealedTokenBytes)
    return fail(ErrorCode::kMalformed, "a sealed token is too short or too long");
  std::string plain(sealed.size() - crypto_box_SEALBYTES, '\0');
  const int opened = crypto_box_seal_open(reinterpret_cast<unsigned char*>(plain.data()), sealed.data(),
                                          sealed.size(), own.public_key.data(), own.secret_key.data());
  const SecretText text(std::move(plain));
  if (opened != 0) return fail(ErrorCode::kRefused, "a sealed token was sealed to another node's key");
  return parse_token(text.reveal());
}

}  // namespace zswarm::bus
