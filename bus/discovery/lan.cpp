#include "bus/discovery/lan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace zswarm::bus {
namespace {

std::int64_t skew_ms(const Now& now, const Beacon& beacon) {
  return std::abs(now.wall.ms - beacon.time.ms);
}

Duration random_part(Random& random, Duration whole) {
  return Duration(random.below(static_cast<std::size_t>(whole.count()) + 1));
}

}  // namespace

Lan::Lan(LanConfig config, const NodeId& self, std::uint64_t instance, std::uint64_t seed)
    : config_(config), self_(self), instance_(instance), random_(seed), gap_(config.seek_first) {}

void Lan::on_beacon(const Now& now, const Around& around, const Beacon& beacon, const std::string& host,
                    bool lives) {
  if (beacon.node == self_) return on_own(now, beacon);
  Node* node = note(now, beacon, host);
  if (node == nullptr) return;
  tell_skew(now, beacon);
  if (beacon.seeking) {
    if (around.neighbours > 0) answer_later(now.steady, around);
  } else {
    heard_ += 1;
    answers_heard_ += 1;
  }
  if (lives && around.neighbours > 0) {
    node->attempts = 0;
    node->again = Duration::zero();
    node->not_before = now.steady;
  } else {
    consider_contact(now.steady, around, beacon.node, *node);
  }
}

Lan::Node* Lan::note(const Now& now, const Beacon& beacon, const std::string& host) {
  std::vector<Endpoint> places;
  if (beacon.port != 0) places.push_back({host, beacon.port});
  places.insert(places.end(), beacon.endpoints.begin(), beacon.endpoints.end());

  const auto known = nodes_.find(beacon.node);
  const bool same = known != nodes_.end() && known->second.instance == beacon.instance;
  if (same && beacon.time <= known->second.last) {
    // The same call over another interface shows another way to the node.
    if (beacon.time == known->second.last && merge_places(known->second, places))
      known->second.not_before = std::min(known->second.not_before, now.steady + config_.next_place);
    return nullptr;
  }
  const bool old = skew_ms(now, beacon) > config_.skew_ms_max ||
                   (known != nodes_.end() && !same && beacon.time <= known->second.last);
  if (old && !old_allowance_.take(now.steady, 1)) return nullptr;
  if (known == nodes_.end()) make_room();
  Node& node = nodes_[beacon.node];
  if (!same) node = Node{};
  node.instance = beacon.instance;
  node.last = beacon.time;
  node.heard = now.steady;
  // What it says now goes first.
  std::swap(node.places, places);
  merge_places(node, places);
  return &node;
}

bool Lan::merge_places(Node& node, const std::vector<Endpoint>& more) const {
  const std::size_t before = node.places.size();
  for (const Endpoint& place : more) {
    const bool known = std::find(node.places.begin(), node.places.end(), place) != node.places.end();
    if (!known && node.places.size() < config_.places_max) node.places.push_back(place);
  }
  return node.places.size() > before;
}

void Lan::make_room() {
  if (nodes_.size() < config_.nodes_max) return;
  nodes_.erase(std::min_element(nodes_.begin(), nodes_.end(), [](const auto& a, const auto& b) {
    return a.second.heard < b.second.heard;
  }));
}

void Lan::on_own(const Now& now, const Beacon& beacon) {
  const bool twin = beacon.instance != instance_ && skew_ms(now, beacon) <= config_.skew_ms_max;
  if (!twin || now.steady - twin_told_ < config_.told_again) return;
  twin_told_ = now.steady;
  effects_.emplace_back(
      Notice{fmt::format("another process on this LAN speaks as this node, {}: each needs a data folder of "
                         "its own; a copied one makes two nodes with one identity.",
                         self_.text())});
}

void Lan::tell_skew(const Now& now, const Beacon& beacon) {
  const std::int64_t skew = skew_ms(now, beacon);
  if (skew <= config_.skew_ms_told || now.steady - skew_told_ < config_.told_again) return;
  skew_told_ = now.steady;
  effects_.emplace_back(
      Notice{fmt::format("the clocks of node {} and of this machine are {} s apart: set them, since the "
                         "ledger takes nothing from more than 5 s ahead.",
                         beacon.node.text(), skew / 1000)});
}

void Lan::answer_later(Time now, const Around& around) {
  answers_heard_ = 0;
  if (answer_at_ != kNever) return;
  const Duration wait = std::clamp(Duration(std::chrono::milliseconds(around.members)),
                                   config_.answer_wait_min, config_.answer_wait_max);
  answer_at_ = std::max(now + random_part(random_, wait), last_call_ + config_.answer_gap);
}

void Lan::consider_contact(Time now, const Around& around, const NodeId& id, Node& node) {
  if (node.places.empty() || now < node.not_before) return;
  if (around.neighbours == 0) {
    if (!seeker_contacts_.take(now, 1)) return;
  } else {
    const double members = static_cast<double>(std::max<std::size_t>(around.members, 1));
    if (random_.real() >= static_cast<double>(config_.contacts_wanted) / members) return;
    if (!member_contacts_.take(now, 1)) return;
  }
  effects_.emplace_back(Contact{id, node.places[node.attempts % node.places.size()]});
  node.attempts += 1;
  if (node.attempts >= node.places.size()) {
    node.again = std::clamp(node.again * 2, config_.contact_again, config_.contact_again_most);
    node.not_before = now + node.again;
  } else {
    node.not_before = now + config_.next_place;
  }
}

void Lan::call(Time now, bool seeking) {
  last_call_ = now;
  effects_.emplace_back(Call{seeking});
}

void Lan::begin_interval(Time now) {
  heard_ = 0;
  call_at_ = now + config_.interval / 2 + random_part(random_, config_.interval / 2);
  interval_end_ = now + config_.interval;
}

void Lan::on_timer(Time now, const Around& around) {
  const bool seeking = around.neighbours == 0;
  if (seeking != seeking_) {
    seeking_ = seeking;
    answer_at_ = kNever;
    gap_ = config_.seek_first;
    call_at_ = now;
    interval_end_ = kNever;
    if (!seeking) begin_interval(now);
  }
  if (answer_at_ <= now) {
    answer_at_ = kNever;
    if (answers_heard_ < config_.answers_enough) call(now, false);
  }
  if (call_at_ <= now && seeking) {
    call(now, true);
    // A fifth to either side, so that nodes that began together do not go on together.
    call_at_ = now + gap_ * 4 / 5 + random_part(random_, gap_ * 2 / 5);
    gap_ = std::min(gap_ * 2, config_.seek_most);
  } else if (call_at_ <= now) {
    call_at_ = kNever;
    const bool called = last_call_ >= interval_end_ - config_.interval;
    if (heard_ < config_.enough && !called) call(now, false);
  }
  if (interval_end_ <= now) begin_interval(now);
}

void Lan::on_new_interface(Time now) {
  gap_ = config_.seek_first;
  heard_ = 0;
  last_call_ = Time{Duration::min() / 2};
  const Time soon = seeking_ ? now : now + random_part(random_, std::chrono::milliseconds(500));
  call_at_ = std::min(call_at_, soon);
}

Time Lan::next_timer() const {
  return std::min({call_at_, answer_at_, interval_end_});
}

}  // namespace zswarm::bus
