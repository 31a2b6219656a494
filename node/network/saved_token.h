// Which network a data folder belongs to: the token of its last run, kept in the private file "token".
//
// A folder belongs to one network at a time. A token that is given wins over the one that is kept, except an
// older epoch of the same network: the network has changed its token since (rotation), and this node was
// told. Blocking; for the start of a program and for rotations.
#pragma once

#include <optional>

#include "bus/keys/data_folder.h"
#include "bus/keys/token.h"
#include "kernels/base/error.h"

namespace zswarm::node {

struct ChosenToken {
  enum class Origin : std::uint8_t {
    kGiven,   // as given; the folder remembers it from now on
    kNewer,   // of a later epoch than the one given
    kFolder,  // none was given
    kMade,    // none was given and none kept: a new network, whose operator's key is in the folder
  };
  bus::Token token;
  Origin origin = Origin::kGiven;
};

/// kInvalidArgument if the token has expired and this folder was no member before; otherwise what reading and
/// writing private files can say.
[[nodiscard]] Result<ChosenToken> choose_token(const bus::DataFolder& folder, std::optional<bus::Token> given,
                                               bus::WallTime now);

/// The token kept in a folder, by a node that runs or has run there.
[[nodiscard]] Result<std::optional<bus::Token>> load_token(const std::filesystem::path& folder);

[[nodiscard]] Status save_token(const std::filesystem::path& folder, const bus::Token& token);

}  // namespace zswarm::node
