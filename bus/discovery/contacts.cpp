#include "bus/discovery/contacts.h"

#include <algorithm>

namespace zswarm::bus {
namespace {

/// A quarter more or less, so that nodes that began together do not go on together.
Duration jittered(Random& random, Duration d) {
  return d * 3 / 4 + Duration(random.below(static_cast<std::size_t>(d.count() / 2) + 1));
}

}  // namespace

Contacts::Contacts(ContactsConfig config, std::vector<Endpoint> bootstrap, std::vector<Endpoint> remembered,
                   std::uint64_t seed)
    : config_(config),
      bootstrap_(std::move(bootstrap)),
      remembered_(std::move(remembered)),
      random_(seed),
      gap_(config.again) {
  if (bootstrap_.size() > config_.bootstrap_max) bootstrap_.resize(config_.bootstrap_max);
  std::erase_if(remembered_, [&](const Endpoint& address) {
    return std::find(bootstrap_.begin(), bootstrap_.end(), address) != bootstrap_.end();
  });
  if (remembered_.size() > kRememberedMax) remembered_.resize(kRememberedMax);
}

std::vector<Endpoint> Contacts::due(Time now, std::size_t neighbours) {
  const bool alone = neighbours == 0;
  if (alone != alone_) {
    alone_ = alone;
    gap_ = config_.again;
    round_at_ = alone ? now : now + jittered(random_, config_.in_touch_every);
    remembered_at_ = now;
    next_remembered_ = 0;
  }
  std::vector<Endpoint> asked;
  if (round_at_ <= now && alone) {
    asked = bootstrap_;
    round_at_ = now + jittered(random_, gap_);
    gap_ = std::min(gap_ * 2, config_.again_most);
  } else if (round_at_ <= now) {
    if (!bootstrap_.empty()) asked.push_back(bootstrap_[random_.below(bootstrap_.size())]);
    round_at_ = now + jittered(random_, config_.in_touch_every);
  }
  if (alone && remembered_at_ <= now) {
    const std::size_t end = std::min(next_remembered_ + config_.remembered_at_once, remembered_.size());
    asked.insert(asked.end(), remembered_.begin() + static_cast<std::ptrdiff_t>(next_remembered_),
                 remembered_.begin() + static_cast<std::ptrdiff_t>(end));
    // After the last of them a pause as between rounds, and again from the first.
    const bool all = end == remembered_.size();
    next_remembered_ = all ? 0 : end;
    remembered_at_ = now + (all ? jittered(random_, gap_) : config_.remembered_every);
  }
  return asked;
}

Time Contacts::next_timer() const {
  if (bootstrap_.empty() && remembered_.empty()) return kNever;
  return alone_ ? std::min(round_at_, remembered_at_) : round_at_;
}

void Contacts::leave_out(const Endpoint& address) {
  std::erase(bootstrap_, address);
  std::erase(remembered_, address);
  next_remembered_ = 0;
}

}  // namespace zswarm::bus
