#include "node/network/saved_token.h"

#include "bus/keys/operator_key.h"
#include "bus/keys/private_file.h"
#include "node/network/bus_error.h"

namespace zswarm::node {

namespace {

constexpr std::string_view kFile = "token", kKind = "token";
constexpr std::size_t kMaxTextBytes = 2048;  // in base32 once more, it still is below kMaxPrivateFileBytes

Result<ChosenToken> new_network(const bus::DataFolder& folder) {
  const auto operator_keys = bus::make_operator_key(folder.path());
  if (!operator_keys) return fail(from_bus(operator_keys.error()));
  ChosenToken chosen;
  chosen.token.secret = bus::Secret<32>::random();
  chosen.token.operator_key = operator_keys->public_key;
  chosen.origin = ChosenToken::Origin::kMade;
  return chosen;
}

Result<ChosenToken> choose(const bus::DataFolder& folder, std::optional<bus::Token> given,
                           std::optional<bus::Token> kept, bus::WallTime now) {
  using Origin = ChosenToken::Origin;
  if (!given) {
    if (!kept) return new_network(folder);
    return ChosenToken{std::move(*kept), Origin::kFolder};
  }
  const bool member = kept && kept->operator_key == given->operator_key;
  if (member && kept->epoch > given->epoch) return ChosenToken{std::move(*kept), Origin::kNewer};
  if (!member || kept->epoch != given->epoch) {
    // Who joined before the expiry stays.
    if (auto valid = bus::check_expiry(*given, now); !valid) return fail(from_bus(std::move(valid.error())));
  }
  return ChosenToken{std::move(*given), Origin::kGiven};
}

}  // namespace

Result<ChosenToken> choose_token(const bus::DataFolder& folder, std::optional<bus::Token> given,
                                 bus::WallTime now) {
  auto kept = load_token(folder.path());
  if (!kept) return fail(std::move(kept.error()));
  auto chosen = choose(folder, std::move(given), std::move(*kept), now);
  if (!chosen) return chosen;
  if (auto saved = save_token(folder.path(), chosen->token); !saved) return fail(std::move(saved.error()));
  return chosen;
}

Result<std::optional<bus::Token>> load_token(const std::filesystem::path& folder) {
  const auto contents = bus::read_private_file(folder / kFile, kKind);
  if (!contents) {
    if (contents.error().code == bus::ErrorCode::kNotFound) return std::optional<bus::Token>();
    return fail(from_bus(contents.error()));
  }
  const bus::Bytes& bytes = contents->reveal();
  auto token = bus::parse_token({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!token) return fail(from_bus(token.error()));
  return std::optional(std::move(*token));
}

Status save_token(const std::filesystem::path& folder, const bus::Token& token) {
  // A private file is small; of many long addresses the first ones are kept, beside what was remembered.
  bus::Token kept = token.copy();
  bus::SecretText text = kept.text();
  while (text.reveal().size() > kMaxTextBytes && !kept.bootstrap.empty()) {
    kept.bootstrap.pop_back();
    text = kept.text();
  }
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(text.reveal().data());
  auto written =
      bus::write_private_file(folder / kFile, kKind, {bytes, text.reveal().size()}, bus::WriteMode::kReplace);
  if (!written) return fail(from_bus(std::move(written.error())));
  return {};
}

}  // namespace zswarm::node
