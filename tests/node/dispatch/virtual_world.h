// Nodes and entries under one virtual clock, with all that happens to machines: kills with and without a
// word, restarts, freezes, cut links, stale hints. Watches what each client is told against the undisturbed
// answer (hash_answer.h).
//
// One seed gives one trace: trace_hash() covers every effect of every entry, in order.
#pragma once

#include <fmt/format.h>

#include <memory>

#include "tests/node/dispatch/virtual_node.h"

namespace zswarm::test {

struct VirtualWorldConfig {
  std::size_t nodes = 16, entries = 4;
  std::uint64_t seed = 1;
  VirtualNode::Speed speed;
  std::function<Conduct(std::size_t node)> conduct = [](std::size_t) { return Conduct::kHonest; };
  std::function<double(std::size_t node)> slowness = [](std::size_t) { return 1.0; };  // stragglers: above 1
  bus::Duration hint_every = std::chrono::seconds(1), hint_delay_max = std::chrono::milliseconds(300);
  node::EntryConfig entry;
};

class VirtualWorld {
 public:
  struct Client {
    node::GenerateRequest asked;
    std::unique_ptr<HashAnswer> expected;
    std::string text_told, text_expected;
    std::vector<node::TokenLogprob> logprobs_told, logprobs_expected;
    std::size_t tokens = 0, scored = 0, ends = 0;
    std::optional<Error> error;
    bus::Time opened, last_token, ended;
    bus::Duration longest_gap{0}, first_token{0};
  };

  explicit VirtualWorld(const VirtualWorldConfig& config) : config_(config), random_(config.seed) {
    for (std::size_t i = 0; i < config.nodes; ++i) {
      nodes_.emplace_back();
      nodes_[i].id.bytes[0] = static_cast<std::uint8_t>(i >> 8);
      nodes_[i].id.bytes[1] = static_cast<std::uint8_t>(i);
      revive(i);
      tell_hints(i);
    }
    for (std::size_t i = 0; i < config.entries; ++i) {
      auto& entry = *entries_.emplace_back(std::make_unique<EntryHere>(random_.next()));
      entry.entry = std::make_unique<node::Entry>(config.entry, entry.random);
      show_nodes(i);
    }
  }

  VirtualClock clock;
  std::vector<std::string> faults;  // of the entries: what must not be
  node::ModelHash model{1, 2, 3};

  // --- What happens to machines ---

  /// With a word: connections are reset. Without: nothing is heard any more until membership notices.
  void kill(std::size_t n, bool with_a_word, bus::Duration noticed_after) {
    if (!nodes_[n].node) return;
    nodes_[n].life += 1;
    graveyard_.push_back(std::move(nodes_[n].node));
    nodes_[n].stalled.clear();
    for (std::size_t e = 0; e < entries_.size(); ++e) {
      if (with_a_word) {
        for (const std::uint64_t call : calls_at(e, n)) {
          clock.after(link(e, n), [this, e, call] {
            on_entry(e, [&](node::Entry& entry) {
              entry.on_failed(clock.now(), call, {ErrorCode::kUnavailable, "connection reset", {}});
            });
          });
        }
      }
      clock.after(noticed_after, [this, e, n, life = nodes_[n].life] {
        if (nodes_[n].life != life) return;  // it is back already
        show_nodes(e);
        on_entry(e, [&](node::Entry& entry) { entry.on_gone(clock.now(), nodes_[n].id); });
      });
    }
  }
  void revive(std::size_t n) {
    Node& here = nodes_[n];
    if (here.node) return;
    here.life += 1;
    here.frozen = false;
    VirtualNode::Speed speed = config_.speed;
    speed.prefill_tps /= config_.slowness(n);
    speed.decode_tps /= config_.slowness(n);
    here.node = std::make_unique<VirtualNode>(
        clock, speed, config_.conduct(n), random_.next(),
        [this, n, life = here.life](Said said) { from_node(n, life, std::move(said)); });
    for (std::size_t e = 0; e < entries_.size(); ++e)
      clock.after(std::chrono::milliseconds(500), [this, e] { show_nodes(e); });
  }
  /// What it would say and hear meanwhile, it says and hears when it goes on.
  void freeze(std::size_t n, bus::Duration time) {
    if (!nodes_[n].node || nodes_[n].frozen) return;
    nodes_[n].frozen = true;
    clock.after(time, [this, n, life = nodes_[n].life] {
      Node& node = nodes_[n];
      if (node.life != life) return;
      node.frozen = false;
      for (auto& late : std::exchange(node.stalled, {})) late();
    });
  }
  void cut(std::size_t entry, std::size_t n, bus::Duration time) {
    nodes_[n].cut_until[entry] = clock.now() + time;
  }

  // --- What clients do ---

  std::optional<node::StreamId> ask(std::size_t e, node::EntryRequest request) {
    std::optional<node::StreamId> id;
    const node::GenerateRequest asked = request.what;
    request.model = model;
    request.vocab_size = HashAnswer::kVocab;
    on_entry(e, [&](node::Entry& entry) {
      auto opened = entry.open(clock.now(), std::move(request));
      if (!opened) return void(++refused);
      id = *opened;
      Client& client = entries_[e]->clients[*id];
      client.asked = asked;
      client.expected = std::make_unique<HashAnswer>(asked);
      client.opened = client.last_token = clock.now();
    });
    return id;
  }
  [[nodiscard]] node::Entry& entry(std::size_t e) { return *entries_[e]->entry; }
  void on_entry(std::size_t e, const std::function<void(node::Entry&)>& action) {
    action(*entries_[e]->entry);
    carry_out(e);
  }

  // --- The end ---

  [[nodiscard]] const std::map<node::StreamId, Client>& clients(std::size_t e) const {
    return entries_[e]->clients;
  }
  [[nodiscard]] std::size_t entries() const { return entries_.size(); }
  [[nodiscard]] std::uint64_t trace_hash() const { return hash_; }
  [[nodiscard]] std::uint64_t tokens_computed(std::size_t n) const {
    return nodes_[n].node ? nodes_[n].node->tokens_computed() : 0;
  }
  /// Whatever is still in a table is a leak.
  void check_all_ended() {
    for (std::size_t e = 0; e < entries_.size(); ++e) {
      const node::Entry& entry = *entries_[e]->entry;
      if (entry.streams() + entry.attempts() + entry.waiting() + entry.nodes().open() != 0)
        faults.push_back(
            fmt::format("entry {} still has {} streams and {} tries", e, entry.streams(), entry.attempts()));
      if (entry.next_timer() != bus::kNever) faults.push_back("a timer is still set");
      for (const auto& [id, client] : entries_[e]->clients)
        if (client.ends != 1) faults.push_back(fmt::format("stream {} has {} ends", id, client.ends));
    }
    for (const Node& node : nodes_)
      if (node.node && !node.frozen && node.node->works() != 0)
        faults.push_back("a node computes for nobody");
  }
  std::size_t refused = 0, most_waiting = 0, most_tries_of_one = 0;

 private:
  struct Node {
    bus::NodeId id;
    std::unique_ptr<VirtualNode> node;  // none: dead
    std::uint64_t life = 0;
    bool frozen = false;
    std::vector<std::function<void()>> stalled;
    std::map<std::size_t, bus::Time> cut_until;  // by entry
  };
  struct EntryHere {
    explicit EntryHere(std::uint64_t seed) : random(seed) {}
    bus::Random random;
    std::unique_ptr<node::Entry> entry;
    bus::Time armed = bus::kNever;
    std::map<node::StreamId, Client> clients;
    std::map<node::AttemptId, std::size_t> calls;  // at which node
  };

  // Calls are numbered per entry; a node sees them with the entry's number in front.
  static std::uint64_t call_of(std::size_t e, node::AttemptId attempt) {
    return std::uint64_t{e} << 40 | attempt;
  }

  [[nodiscard]] bus::Duration link(std::size_t e, std::size_t n) const {
    return std::chrono::microseconds(300 + (e * 7919 + n * 104'729) % 3000);
  }
  [[nodiscard]] std::vector<std::uint64_t> calls_at(std::size_t e, std::size_t n) const {
    std::vector<std::uint64_t> calls;
    for (const auto& [attempt, node] : entries_[e]->calls)
      if (node == n) calls.push_back(attempt);
    return calls;
  }
  [[nodiscard]] bool is_cut(std::size_t e, std::size_t n) const {
    const auto at = nodes_[n].cut_until.find(e);
    return at != nodes_[n].cut_until.end() && clock.now() < at->second;
  }
  [[nodiscard]] std::size_t number_of(const bus::NodeId& id) const {
    return std::size_t{id.bytes[0]} << 8 | id.bytes[1];
  }

  void show_nodes(std::size_t e) {
    std::vector<node::NodeView> views;
    for (std::size_t n = 0; n < nodes_.size(); ++n) {
      if (!nodes_[n].node) continue;
      node::NodeView view;
      view.id = nodes_[n].id;
      view.rtt = link(e, n) * 2;
      view.models = {model};
      const auto known = hints_.find({e, n});
      if (known != hints_.end()) view.hint = known->second.first, view.hint_at = known->second.second;
      views.push_back(std::move(view));
    }
    on_entry(e, [&](node::Entry& entry) { entry.set_nodes(clock.now(), std::move(views)); });
  }
  void tell_hints(std::size_t n) {
    clock.after(config_.hint_every + std::chrono::microseconds(random_.below(100'000)),
                [this, n] { tell_hints(n); });
    if (!nodes_[n].node || nodes_[n].frozen || clock.now() > hints_until) return;
    const bus::Bytes bytes = node::write_hint(nodes_[n].node->hint(model));
    for (std::size_t e = 0; e < entries_.size(); ++e) {
      const auto delay = bus::Duration(
          static_cast<std::int64_t>(random_.below(static_cast<std::size_t>(config_.hint_delay_max.count()))));
      clock.after(delay, [this, e, n, bytes] {
        auto hint = node::read_hint(bytes);
        if (!hint) return faults.push_back(hint.error().message);
        hints_[{e, n}] = {*hint, clock.now()};
        on_entry(e, [&](node::Entry& entry) { entry.set_hint(clock.now(), nodes_[n].id, std::move(*hint)); });
      });
    }
  }
  /// Runs something at a node: at once, when it goes on, or never.
  void to_node(std::size_t n, std::uint64_t life, std::function<void(VirtualNode&)> action) {
    Node& node = nodes_[n];
    if (node.life != life || !node.node) return;
    if (node.frozen) return node.stalled.push_back([this, n, life, action] { to_node(n, life, action); });
    action(*node.node);
  }
  void from_node(std::size_t n, std::uint64_t life, Said said) {
    Node& node = nodes_[n];
    if (node.life != life) return;
    if (node.frozen) return node.stalled.push_back([this, n, life, said] { from_node(n, life, said); });
    const std::size_t e = said.call >> 40;
    if (is_cut(e, n)) return;
    clock.after(link(e, n), [this, e, said = std::move(said)] {
      const node::AttemptId attempt = said.call & ((std::uint64_t{1} << 40) - 1);
      on_entry(e, [&](node::Entry& entry) {
        if (const auto* progress = std::get_if<node::Progress>(&said.news))
          entry.on_beat(clock.now(), attempt, *progress);
        if (const auto* event = std::get_if<node::Event>(&said.news))
          entry.on_event(clock.now(), attempt, *event);
      });
    });
  }
  void carry_out(std::size_t e) {
    EntryHere& here = *entries_[e];
    for (node::EntryEffect& effect : here.entry->take_effects()) {
      if (auto* start = std::get_if<node::StartAttempt>(&effect)) {
        begin(e, *start);
      } else if (const auto* stop = std::get_if<node::StopAttempt>(&effect)) {
        note(stop->attempt);
        const auto at = here.calls.find(stop->attempt);
        if (at == here.calls.end()) continue;
        const std::size_t n = at->second;
        here.calls.erase(at);
        // A connection that is cut ends its calls at the node too, sooner or later.
        clock.after(link(e, n), [this, n, life = nodes_[n].life, call = call_of(e, stop->attempt)] {
          to_node(n, life, [call](VirtualNode& node) { node.stop(call); });
        });
      } else {
        told(e, std::get<node::Tell>(effect));
      }
    }
    most_waiting = std::max(most_waiting, here.entry->waiting());
    const bus::Time next = here.entry->next_timer();
    if (next >= here.armed) return;
    here.armed = next;
    clock.at(next, [this, e, next] {
      if (entries_[e]->armed != next) return;
      entries_[e]->armed = bus::kNever;
      on_entry(e, [&](node::Entry& entry) { entry.on_timer(clock.now()); });
    });
  }
  void begin(std::size_t e, node::StartAttempt& start) {
    const std::size_t n = number_of(start.node);
    note(start.attempt << 16 | n);
    entries_[e]->calls[start.attempt] = n;
    if (is_cut(e, n)) return;
    clock.after(link(e, n), [this, e, n, life = nodes_[n].life, call = call_of(e, start.attempt),
                             what = std::move(start.what)] {
      if (!nodes_[n].node) {  // nobody listens there
        clock.after(link(e, n), [this, e, call] {
          on_entry(e, [&](node::Entry& entry) {
            entry.on_failed(clock.now(), call & ((std::uint64_t{1} << 40) - 1),
                            {ErrorCode::kUnavailable, "unreachable", {}});
          });
        });
        return;
      }
      to_node(n, life, [this, call, what](VirtualNode& node) { node.start(call, model, what); });
    });
  }
  void told(std::size_t e, node::Tell& tell) {
    const auto at = entries_[e]->clients.find(tell.stream);
    note(tell.stream << 8 | tell.event.index());
    if (at == entries_[e]->clients.end()) return faults.push_back("news before the stream is known");
    Client& client = at->second;
    const auto wrong = [&](const char* what) {
      faults.push_back(fmt::format("stream {} of entry {}: {}", tell.stream, e, what));
    };
    if (client.ends > 0) wrong("news after the end");
    if (const auto* delta = std::get_if<node::Delta>(&tell.event)) {
      if (delta->first_token != client.expected->tokens()) wrong("a token is missing or told twice");
      for (const node::TokenId token : delta->tokens) {
        if (client.expected->ended()) return wrong("tokens beyond the answer");
        const node::Delta right = client.expected->step();
        if (token != right.tokens[0]) wrong("another token");
        client.text_expected += right.text;
        client.logprobs_expected.insert(client.logprobs_expected.end(), right.logprobs.begin(),
                                        right.logprobs.end());
      }
      client.text_told += delta->text;
      client.logprobs_told.insert(client.logprobs_told.end(), delta->logprobs.begin(), delta->logprobs.end());
      if (client.text_told != client.text_expected) wrong("another text");
      if (client.logprobs_told.size() != client.logprobs_expected.size()) wrong("other log-probabilities");
      if (client.tokens == 0) client.first_token = clock.now() - client.opened;
      if (client.tokens > 0)
        client.longest_gap = std::max(client.longest_gap, clock.now() - client.last_token);
      client.last_token = clock.now();
      client.tokens += delta->tokens.size();
      note(static_cast<std::uint64_t>(delta->tokens.back()));
    } else if (std::holds_alternative<node::PromptScored>(tell.event)) {
      if (client.scored++ > 0 || client.tokens > 0 || !client.asked.score_prompt)
        wrong("scores out of place");
    } else {
      client.ends += 1;
      client.ended = clock.now();
      if (const auto* error = std::get_if<Error>(&tell.event)) {
        client.error = *error;
      } else {
        if (!client.expected->ended()) wrong("the end before the end");
        if (client.asked.score_prompt && client.asked.delivered.empty() && client.scored != 1)
          wrong("no scores");
      }
    }
  }
  void note(std::uint64_t value) {
    hash_ =
        (hash_ ^ value ^ static_cast<std::uint64_t>(clock.now().since_start.count())) * 0x9e3779b97f4a7c15ull;
    hash_ ^= hash_ >> 31;
  }

  VirtualWorldConfig config_;
  bus::Random random_;
  std::vector<Node> nodes_;
  std::vector<std::unique_ptr<VirtualNode>> graveyard_;  // what they had planned still refers to them
  std::vector<std::unique_ptr<EntryHere>> entries_;
  std::map<std::pair<std::size_t, std::size_t>, std::pair<node::Hint, bus::Time>>
      hints_;  // latest, by entry and node
  std::uint64_t hash_ = 0;

 public:
  bus::Time hints_until = bus::kNever;
};

}  // namespace zswarm::test
