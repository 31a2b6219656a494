#include "bus/zmq/connection_table.h"

namespace zswarm::bus {

std::optional<ConnectionTable::Open> ConnectionTable::opened(Time now, const Name& name, const Ends& ends) {
  closed(name);  // its end was missed: a descriptor is one connection at a time
  const std::uint64_t number = ++last_number_;
  entries_[name] = {ends, number, now, false};
  Counts& counts = origins_[ends.origin];
  counts.strangers.emplace(number, name);
  strangers_.emplace(number, name);
  if (counts.strangers.size() > limits_.strangers_of_origin)
    return remove(entries_.find(counts.strangers.begin()->second));
  if (strangers_.size() > limits_.strangers || entries_.size() > limits_.all)
    return remove(entries_.find(strangers_.begin()->second));
  return std::nullopt;
}

std::optional<ConnectionTable::Open> ConnectionTable::proved(const Name& name) {
  const auto at = entries_.find(name);
  if (at == entries_.end() || at->second.proved) return std::nullopt;
  Counts& counts = origins_[at->second.ends.origin];
  if (counts.proved >= limits_.of_origin) return remove(at);
  at->second.proved = true;
  counts.strangers.erase(at->second.number);
  strangers_.erase(at->second.number);
  ++counts.proved;
  return std::nullopt;
}

std::vector<ConnectionTable::Open> ConnectionTable::ripen(Time now) {
  std::vector<Open> surplus;
  while (!strangers_.empty()) {
    const Name name = strangers_.begin()->second;
    if (now - entries_.at(name).since <= limits_.handshake) break;
    if (auto open = proved(name)) surplus.push_back(*open);
  }
  return surplus;
}

void ConnectionTable::closed(const Name& name) {
  if (const auto at = entries_.find(name); at != entries_.end()) (void)remove(at);
}

void ConnectionTable::closed_all(std::uint8_t socket) {
  for (auto at = entries_.lower_bound(Name{socket, -1}); at != entries_.end() && at->first.socket == socket;)
    (void)remove(at++);
}

const Ends* ConnectionTable::find(const Name& name) const {
  const auto at = entries_.find(name);
  return at == entries_.end() ? nullptr : &at->second.ends;
}

ConnectionTable::Open ConnectionTable::remove(Entries::iterator at) {
  Open open{at->first, at->second.ends};
  const auto origin = origins_.find(open.ends.origin);
  if (at->second.proved) {
    --origin->second.proved;
  } else {
    origin->second.strangers.erase(at->second.number);
    strangers_.erase(at->second.number);
  }
  if (origin->second.proved == 0 && origin->second.strangers.empty()) origins_.erase(origin);
  entries_.erase(at);
  return open;
}

}  // namespace zswarm::bus
