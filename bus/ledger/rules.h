// Who may write which key, and which of two entries with one key stays.
//
// The first part of a key says who may write it:
//   node/<id>/…              the node <id> alone
//   network/…                the operator alone; in cell 0, held by every cell, without end of life
//   network/revoked/<id>     a value there shuts the author <id> out of the ledger; erasing it lets it in
//   again model/<hash>/<node>[/…]  the node <node> alone: what it holds of that model placement/<model> any
//   member. The value begins with the epoch, 8 bytes big endian, above 0 and at
//                            most the entry's own stamp: so nobody can take the last epoch that there is. The
//                            higher epoch stays, whatever the stamps say. Such a key is not erased: an epoch
//                            without stages says that there is no placement.
//   job/<creator>/<job>[/…]  the node <creator> alone
//   <other>/<id>/…           the node <id> alone: programs may add names of their own
// <id>, <node> and <creator> are node ids as text, in the one form that NodeId::text() gives.
//
// Of two entries with one key the one stays that is greater by (epoch, stamp, author's id, hash). That is a
// total order that looks at nothing but the two entries, so every order of arrival ends with the same one.
// The epoch is 0 outside placement/. The hash decides only if an author signs two contents with one stamp.
//
// Pure functions.
#pragma once

#include <optional>

#include "bus/ledger/entry.h"

namespace zswarm::bus {

/// kRefused unless the entry's author may write its key.
[[nodiscard]] Status check_right(const Entry& entry, const NodeId& author, const SignPublicKey& operator_key);

/// Entries of the operator have no end of life.
[[nodiscard]] bool is_permanent(std::string_view key);

/// The node that network/revoked/<id> speaks of.
[[nodiscard]] std::optional<NodeId> revoked_node(std::string_view key);

/// 0 outside placement/.
[[nodiscard]] std::uint64_t epoch_of(std::string_view key, ByteView value);

struct Precedence {
  std::uint64_t epoch = 0;
  Hlc stamp;
  NodeId author;
  Hash hash{};

  friend auto operator<=>(const Precedence&, const Precedence&) = default;
};

}  // namespace zswarm::bus
