#include "node/dispatch/node_table.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace zswarm::node {

namespace {

// News of what we sent may not be in a hint that came this soon after.
constexpr bus::Duration kHintLag = std::chrono::milliseconds(200);
constexpr double kWeightMax = 1000;
// Small times are mostly accidents of scheduling.
constexpr double kLatenessFloorS = 0.05;

double seconds(bus::Duration d) {
  return static_cast<double>(d.count()) * 1e-6;
}

double weight_of(const Labels& labels) {
  const auto label = labels.find("weight");
  if (label == labels.end()) return 1;
  int weight = 1;
  const std::string& text = label->second;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), weight);
  return read.ec == std::errc() ? std::clamp<double>(weight, 1, kWeightMax) : 1;
}

bool has_labels(const Labels& labels, const Labels& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& label) {
    const auto at = labels.find(label.first);
    return at != labels.end() && at->second == label.second;
  });
}

}  // namespace

void NodeTable::set(bus::Time now, std::vector<NodeView> nodes) {
  std::map<bus::NodeId, NodeView> before;
  for (auto& [id, node] : nodes_)
    if (node.view) before.emplace(id, *std::exchange(node.view, std::nullopt));
  for (auto& [key, place] : places_) place.listed = false;
  for (NodeView& view : nodes) {
    for (const ModelHash& model : view.models) places_[{model, view.id}].listed = true;
    const bus::NodeId id = view.id;
    // Hints come by their own way too: the latest counts.
    const auto old = before.find(id);
    if (old != before.end() && old->second.hint && (!view.hint || view.hint_at < old->second.hint_at)) {
      view.hint = std::move(old->second.hint);
      view.hint_at = old->second.hint_at;
    }
    nodes_[id].view = std::move(view);
    note_hint(id);
  }
  std::erase_if(places_,
                [](const auto& entry) { return !entry.second.listed && entry.second.own_open == 0; });
  std::erase_if(nodes_, [&](const auto& entry) {
    if (entry.second.view || entry.second.breaker.state(now) == Breaker::State::kOpen) return false;
    return std::none_of(places_.begin(), places_.end(),
                        [&](const auto& p) { return p.first.node == entry.first; });
  });
}

void NodeTable::set_hint(bus::Time now, const bus::NodeId& id, Hint hint) {
  const auto node = nodes_.find(id);
  if (node == nodes_.end() || !node->second.view) return;
  node->second.view->hint = std::move(hint);
  node->second.view->hint_at = now;
  note_hint(id);
}

/// A hint counts what came to the node before it.
void NodeTable::note_hint(const bus::NodeId& id) {
  Node& node = nodes_.at(id);
  const NodeView& view = *node.view;
  if (!view.hint || node.hint_noted == view.hint_at) return;
  node.hint_noted = view.hint_at;
  for (const ModelHash& model : view.models) {
    const auto at = places_.find({model, id});
    if (at == places_.end()) continue;
    Place& place = at->second;
    std::erase_if(place.since,
                  [&](const Sent& sent) { return sent.at + view.rtt + kHintLag <= view.hint_at; });
    place.ended_since = 0;
  }
}

void NodeTable::remove(const bus::NodeId& id) {
  const auto node = nodes_.find(id);
  if (node == nodes_.end()) return;
  node->second.view.reset();
  for (auto& [key, place] : places_)
    if (key.node == id) place.listed = false;
}

std::size_t NodeTable::serving(const ModelHash& model, const Labels& labels, std::size_t most) const {
  std::size_t count = 0;
  for (auto at = places_.lower_bound({model, {}}); at != places_.end() && at->first.model == model; ++at) {
    if (!at->second.listed) continue;
    const Node& node = nodes_.at(at->first.node);
    if (node.view && has_labels(node.view->labels, labels) && ++count == most) break;
  }
  return count;
}

const ModelLoad* NodeTable::load_of(const NodeView& view, const ModelHash& model) {
  if (!view.hint) return nullptr;
  const std::uint64_t key = model_key(model);
  for (const ModelLoad& load : view.hint->models)
    if (load.model == key) return &load;
  return nullptr;
}

LoadNow NodeTable::load_now(bus::Time now, const NodeView& view, const ModelLoad& load, const Place& place) {
  LoadNow out;
  const double age_s = seconds(std::max(now - view.hint_at, bus::Duration(0)));
  out.places = std::max<double>(load.places, 1);
  out.prefill_tps = load.prefill_tps;
  out.decode_tps = load.decode_tps;
  out.service_s = load.service_s;
  out.cores_load = view.hint->cores_load;
  // What waited then has been let in meanwhile, at the node's own pace; what it lets in runs.
  const double left = load.service_s > 0 ? age_s * out.places / load.service_s : 0;
  const double since = static_cast<double>(place.since.size());
  double present = std::max(0.0, load.running + load.waiting - left * (load.waiting > 0 ? 1 : 0));
  // Our own are known better than any hint knows them.
  present = std::max({present - place.ended_since, 0.0}) + since;
  present = std::max(present, static_cast<double>(place.own_open));
  out.running = std::min(present, out.places);
  out.waiting = present - out.running;
  out.waiting_tokens = std::max(0.0, load.waiting_tokens - age_s * load.prefill_tps);
  for (const Sent& sent : place.since)
    out.waiting_tokens += std::max(0.0, sent.prompt_tokens - seconds(now - sent.at) * load.prefill_tps);
  return out;
}

void NodeTable::candidates(bus::Time now, const Wish& wish, std::vector<Candidate>& out) const {
  out.clear();
  for (auto at = places_.lower_bound({wish.model, {}}); at != places_.end() && at->first.model == wish.model;
       ++at) {
    const auto& [key, place] = *at;
    if (!place.listed || now < place.busy_until) continue;
    const Node& node = nodes_.at(key.node);
    if (!node.view || node.view->suspected || !node.breaker.admits(now)) continue;
    const NodeView& view = *node.view;
    if ((view.hint && view.hint->draining) || !has_labels(view.labels, wish.labels) ||
        wish.excluded(key.node))
      continue;
    Candidate candidate;
    candidate.id = key.node;
    candidate.standby = view.hint && view.hint->standby;
    candidate.rtt_s = view.here ? 0 : seconds(view.rtt);
    candidate.own_open = place.own_open;
    candidate.lateness = place.lateness;
    candidate.first_token_s = place.first_token_s;
    candidate.weight = weight_of(view.labels);
    const ModelLoad* load = load_of(view, wish.model);
    if (load != nullptr) candidate.load = load_now(now, view, *load, place);
    candidate.cached_tokens = wish.cached_tokens(key.node, load == nullptr ? nullptr : &load->cached);
    out.push_back(std::move(candidate));
  }
}

bool NodeTable::started(bus::Time now, const PlaceKey& key, AttemptId attempt, std::uint32_t prompt_tokens) {
  Place& place = places_.at(key);
  place.own_open += 1;
  place.since.push_back({attempt, now, prompt_tokens});
  return nodes_.at(key.node).breaker.on_start(now);
}

void NodeTable::ended(const PlaceKey& key, AttemptId attempt) {
  const auto at = places_.find(key);
  ZS_ASSERT(at != places_.end() && at->second.own_open > 0);
  Place& place = at->second;
  place.own_open -= 1;
  const auto sent = std::find_if(place.since.begin(), place.since.end(),
                                 [&](const Sent& s) { return s.attempt == attempt; });
  if (sent != place.since.end()) {
    place.since.erase(sent);
  } else {
    place.ended_since += 1;
  }
}

void NodeTable::busy(bus::Time now, const PlaceKey& key) {
  const auto at = places_.find(key);
  if (at == places_.end()) return;
  Place& place = at->second;
  if (now < place.busy_until) return;  // several refusals at once are one
  // It stays calm for as long as it was left alone before it counts as new.
  const bool again = now - place.busy_until < place.busy_for;
  place.busy_for = again ? std::min(place.busy_for * 2, kBusyMax) : kBusyMin;
  place.busy_until = now + place.busy_for;
}

void NodeTable::first_token(const PlaceKey& key, double seen_s, double expected_s) {
  const auto at = places_.find(key);
  if (at == places_.end()) return;
  Place& place = at->second;
  const double ratio = (seen_s + kLatenessFloorS) / (expected_s + kLatenessFloorS);
  place.lateness = std::clamp(place.lateness + (ratio - place.lateness) / 5, kLatenessMin, kLatenessMax);
  place.first_token_s =
      place.first_token_s == 0 ? seen_s : place.first_token_s + (seen_s - place.first_token_s) / 5;
}

Breaker::State NodeTable::quarantine(bus::Time now, const bus::NodeId& id) const {
  const auto node = nodes_.find(id);
  return node == nodes_.end() ? Breaker::State::kClosed : node->second.breaker.state(now);
}

std::size_t NodeTable::open() const {
  std::size_t open = 0;
  for (const auto& [key, place] : places_) open += place.own_open;
  return open;
}

}  // namespace zswarm::node
