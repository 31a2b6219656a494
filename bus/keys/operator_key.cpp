#include "bus/keys/operator_key.h"

#include "bus/base/base32.h"
#include "bus/keys/data_folder.h"
#include "bus/keys/private_file.h"

namespace zswarm::bus {
namespace {

constexpr std::string_view kOperatorKeyKind = "operator key";
constexpr std::size_t kIdBytes = 8;

}  // namespace

std::filesystem::path operator_key_path(const std::filesystem::path& folder, const SignPublicKey& key) {
  const Hash hash = hash_of(key);
  return folder / ("operator-" + base32_text(ByteView(hash).first(kIdBytes)) + ".key");
}

Result<SignKeyPair> make_operator_key(const std::filesystem::path& folder) {
  if (auto made = make_private_folder(folder); !made) return tl::unexpected(made.error());
  const auto seed = Secret<32>::random();
  SignKeyPair keys = SignKeyPair::from_seed(seed);
  const auto path = operator_key_path(folder, keys.public_key);
  if (auto kept = write_private_file(path, kOperatorKeyKind, seed.view(), WriteMode::kCreate); !kept)
    return tl::unexpected(kept.error());
  return keys;
}

Result<SignKeyPair> load_operator_key(const std::filesystem::path& folder, const SignPublicKey& key) {
  const auto path = operator_key_path(folder, key);
  const auto contents = read_private_file(path, kOperatorKeyKind);
  if (!contents && contents.error().code == ErrorCode::kNotFound) {
    return fail(ErrorCode::kNotFound,
                shown_path(path) + ": the operator key of this network is not here; run " +
                    "this where zswarm token new was run, or give its folder with --data.");
  }
  if (!contents) return tl::unexpected(contents.error());
  if (contents->reveal().size() == Secret<32>::size()) {
    const auto seed = Secret<32>::from(ByteView(contents->reveal()).first<Secret<32>::size()>());
    SignKeyPair keys = SignKeyPair::from_seed(seed);
    if (keys.public_key == key) return keys;
  }
  return fail(ErrorCode::kMalformed, shown_path(path) + ": this is the operator key of another network.");
}

}  // namespace zswarm::bus
