// Who may call: the keys of --api-keys.
//
// Keys are kept as keyed hashes of equal length, and a caller's key is compared with all of them in constant
// time, so neither the time of an answer nor a memory dump tells much about a key. Immutable after load();
// any thread.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/error.h"

namespace zswarm::gateway {

class ApiKeys {
 public:
  /// One key per line, "admin KEY" for one that may also see the network's token and topology; blank lines
  /// and what follows '#' are left out, as are spaces around a key. kIo if the file cannot be read,
  /// kInvalidArgument if it holds no key or a line that could never match (names the line, not its text).
  static Result<ApiKeys> load(const std::string& file);

  /// The same from the file's contents; `name` is for messages.
  static Result<ApiKeys> parse(std::string_view text, std::string_view name);

  /// `authorization` is the header's value: "Bearer KEY".
  [[nodiscard]] bool allows(std::string_view authorization) const;

  /// The same for those marked `admin`.
  [[nodiscard]] bool allows_admin(std::string_view authorization) const;

  [[nodiscard]] std::size_t size() const { return known_.size(); }

 private:
  using Hash = std::array<unsigned char, 32>;
  ApiKeys();
  struct Known {
    Hash hash;
    unsigned admin = 0;  // or 1
  };
  struct Match {
    unsigned any = 0, admin = 0;
  };
  [[nodiscard]] Hash hash(std::string_view key) const;
  [[nodiscard]] Match match(std::string_view authorization) const;

  Hash secret_{};  // random, of this process: a hash says nothing to anybody else
  std::vector<Known> known_;
};

}  // namespace zswarm::gateway
