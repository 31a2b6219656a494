// Where a person's token comes from: the value of --token, ZSWARM_TOKEN or TOKEN.
//
//   zsw1…        the token itself
//   -            standard input, to its end
//   FILE         a file that holds the token and nothing else; ./FILE if its name begins like a token
//
// A token on the command line is seen by everybody on the machine (ps); a file or standard input is not.
// Blocking; for the start of a program. A message names a file, but never repeats a value that could be a
// mistyped token.
#pragma once

#include <string_view>

#include "bus/base/error.h"
#include "bus/keys/token.h"

namespace zswarm::bus {

/// Errors as parse_token(), with the file's name in front; kNotFound, kIo and kTooLarge for what cannot be
/// read.
[[nodiscard]] Result<Token> read_token(std::string_view value);

}  // namespace zswarm::bus
