// The signing key of a network's operator: made with its first token, kept by who made it, never sent. It
// signs what concerns the network as a whole: revocations and new epochs.
//
// A file "operator-ID.key" in the data folder (private_file.h), ID being the first 8 bytes of the public
// key's hash as base32; its contents are the seed [32]. So one person can keep several networks, and the file
// of a token is found by the key that stands in it. No lock is needed: files are made once and never change.
#pragma once

#include <filesystem>

#include "bus/base/error.h"
#include "bus/keys/sign.h"

namespace zswarm::bus {

[[nodiscard]] std::filesystem::path operator_key_path(const std::filesystem::path& folder,
                                                      const SignPublicKey& key);

/// Makes a key pair and its file; the folder is made too.
[[nodiscard]] Result<SignKeyPair> make_operator_key(const std::filesystem::path& folder);

/// The key pair that belongs to a token's operator key. kNotFound: this is not where the network was made.
[[nodiscard]] Result<SignKeyPair> load_operator_key(const std::filesystem::path& folder,
                                                    const SignPublicKey& key);

}  // namespace zswarm::bus
