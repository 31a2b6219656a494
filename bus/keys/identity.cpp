#include "bus/keys/identity.h"

#include <algorithm>
#include <filesystem>
#include <limits>

#include "bus/keys/private_file.h"

namespace zswarm::bus {
namespace {

constexpr std::string_view kIdentityKind = "identity";
constexpr std::size_t kSeedBytes = 32;
constexpr std::size_t kContentsBytes = kSeedBytes + 8;

SecretBytes contents_of(const Secret<kSeedBytes>& seed, std::uint64_t incarnation) {
  Bytes contents;
  contents.reserve(kContentsBytes);
  contents.insert(contents.end(), seed.view().begin(), seed.view().end());
  for (int shift = 56; shift >= 0; shift -= 8)
    contents.push_back(static_cast<std::uint8_t>(incarnation >> shift));
  return SecretBytes(std::move(contents));
}

/// Makes the file if there is none. Of two that do so at one time one wins, and both read its file.
Status make_if_missing(const std::filesystem::path& path) {
  if (const auto read = read_private_file(path, kIdentityKind);
      read || read.error().code != ErrorCode::kNotFound)
    return {};
  const SecretBytes contents = contents_of(Secret<kSeedBytes>::random(), 0);
  auto made = write_private_file(path, kIdentityKind, contents.reveal(), WriteMode::kCreate);
  if (!made && made.error().code == ErrorCode::kBusy) return {};
  return made;
}

}  // namespace

Identity Identity::from_seed(const Secret<32>& seed, std::uint64_t incarnation) {
  Identity identity{SignKeyPair::from_seed(seed), CurveKeyPair::from_seed(seed), incarnation, {}};
  identity.id = node_id_of(identity.sign.public_key);
  return identity;
}

Result<Identity> start_identity(const DataFolder& folder) {
  const std::filesystem::path path = folder.path() / "identity";
  if (auto made = make_if_missing(path); !made) return tl::unexpected(made.error());
  const auto contents = read_private_file(path, kIdentityKind);
  if (!contents) return tl::unexpected(contents.error());
  const ByteView bytes = contents->reveal();
  std::uint64_t incarnation = 0;
  for (const std::uint8_t byte : bytes.subspan(std::min(bytes.size(), kSeedBytes)))
    incarnation = incarnation << 8 | byte;
  if (bytes.size() != kContentsBytes ||
      incarnation > std::numeric_limits<std::uint64_t>::max() - kIncarnationsPerStart) {
    return fail(ErrorCode::kMalformed, shown_path(path) + ": this identity was made by a faulty program; " +
                                           "remove it to start with a new one.");
  }
  const auto seed = Secret<kSeedBytes>::from(bytes.first<kSeedBytes>());
  incarnation += kIncarnationsPerStart;
  const SecretBytes counted = contents_of(seed, incarnation);
  if (auto kept = write_private_file(path, kIdentityKind, counted.reveal(), WriteMode::kReplace); !kept)
    return tl::unexpected(kept.error());
  return Identity::from_seed(seed, incarnation);
}

}  // namespace zswarm::bus
