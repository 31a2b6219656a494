#include "node/federation/federation.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "bus/keys/sign.h"
#include "kernels/gguf/vocabulary.h"
#include "node/engine/request.h"
#include "node/federation/trace_json.h"
#include "node/network/bus_error.h"
#include "node/text_of_model.h"

namespace zswarm::node {

namespace {

constexpr std::size_t kTraced = 1024;
constexpr bus::Duration kLookEvery = std::chrono::milliseconds(250);
constexpr const char* kGone = "this node is shutting down: ask another one, or try again later";
constexpr bus::Duration kDeadline = std::chrono::hours(1);  // of a request that brings none

bus::ByteView bytes_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

ServedModel describe(const StoredModel& model, const ModelCard& card, bus::ByteView vocabulary_file) {
  ServedModel served;
  served.hash = bus::hash_of(bytes_of(model.file.file().bytes()));
  served.names = model.names;
  served.context_tokens = card.context_length;
  served.vocab_size = static_cast<std::uint32_t>(card.vocab_size);
  served.created_unix_s = static_cast<std::uint64_t>(std::max<std::int64_t>(card.created_unix_s, 0));
  served.vocabulary = bus::MemoryStore::of(vocabulary_file)->manifest();
  return served;
}

RequestLimits limits_of(const ModelCard& card) {
  return {.vocab_size = card.vocab_size,
          .context_tokens = card.context_length,
          .memory_tokens = card.context_length};
}

}  // namespace

Federation::Federation(FederationOptions options)
    : options_(std::move(options)),
      random_(options_.seed),
      renderer_(options_.chat_process),
      entry_(options_.entry, random_),
      attempts_(options_.local, [this] { wake(); }) {
  if (options_.local == nullptr) return;
  std::map<ModelHash, std::string> by_hash;
  const auto& stored = options_.local->store().models();
  const auto cards = options_.local->models();
  for (std::size_t i = 0; i < stored.size(); ++i) {
    vocabulary_files_.push_back(gguf::without_tensors(stored[i]->file));
    served_.push_back(describe(*stored[i], cards[i], bytes_of(vocabulary_files_.back())));
    texts_.emplace(served_.back().hash, stored[i]);
    vocabularies_.have(served_.back().hash);
    by_hash.emplace(served_.back().hash, stored[i]->card.id);
  }
  host_ = std::make_unique<Host>(*options_.local, std::move(by_hash), options_.host, [this] { wake(); });
  know_models();
}

Federation::~Federation() {
  close();
}

void Federation::set_describe(Describe describe) {
  const std::lock_guard lock(mutex_);
  describe_ = std::move(describe);
}

void Federation::begin(bus::Bus& bus) {
  const std::lock_guard lock(mutex_);
  bus_ = &bus;
}

void Federation::end() {
  Wishes left;
  {
    const std::lock_guard lock(mutex_);
    bus_ = nullptr;
    closed_ = true;
    left = std::exchange(wishes_, {});
  }
  const Error gone{ErrorCode::kUnavailable, kGone, {}};
  for (Asked& asked : left.asked) asked.sink(gone);
  for (auto& [question, sink] : left.questions) sink(fail(gone));
  stream_of_.clear();
  for (auto& [stream, told] : std::exchange(streams_, {})) told.sink(gone);
}

void Federation::close() {
  end();
  renderer_.close();
}

void Federation::wake() {
  const std::lock_guard lock(mutex_);
  if (bus_ != nullptr) bus_->post([](bus::Core&, const bus::Now&) {});
}

// --- The bus thread ---

void Federation::turn(bus::Core& core, const bus::Now& now) {
  if (!offered_) serve_local(core, now);
  for (const bus::CallNotice& notice : core.services().take_notices())
    if (host_) host_->on_notice(notice);
  if (host_) host_->turn(now.steady, core.services(), core.out());
  if (host_) load_teller_.turn(core, now, *options_.local, served_);
  take_wishes(core, now.steady);
  look_at_network(core, now.steady);
  fetch_vocabularies(core, now.steady);
  attempts_.take_news(now.steady, core, entry_);
  if (entry_.next_timer() <= now.steady) entry_.on_timer(now.steady);
  carry_out(core, now.steady);
}

bus::Time Federation::next_timer() const {
  const bus::Time host = host_ ? host_->next_timer() : bus::kNever;
  const bus::Time load = host_ ? load_teller_.next_timer() : bus::kNever;
  return std::min({host, load, entry_.next_timer(), look_due_});
}

void Federation::serve_local(bus::Core& core, const bus::Now& now) {
  offered_ = true;
  if (!host_) return;
  if (auto offered = host_->offer(core.services()); !offered) options_.log(offered.error().message);
  for (const auto& file : vocabulary_files_) core.chunks().offer(bus::MemoryStore::of(bytes_of(file)));
  vocabulary_files_.clear();
  if (auto told = Catalogue::publish(core, now, served_); !told) options_.log(told.error().message);
}

void Federation::take_wishes(bus::Core& core, bus::Time now) {
  Wishes wishes;
  {
    const std::lock_guard lock(mutex_);
    wishes = std::exchange(wishes_, {});
  }
  for (auto& [hash, text] : wishes.read) texts_[hash] = std::move(text);
  if (!wishes.read.empty()) know_models();
  for (auto& [question, sink] : wishes.questions) answer(core, question, sink);
  for (Asked& asked : wishes.asked) {
    std::string request_id = asked.request.request_id;
    auto stream = entry_.open(now, {.model = asked.model->hash,
                                    .what = std::move(asked.request),
                                    .owner = {},
                                    .priority = 0,
                                    .deadline = kDeadline,
                                    .labels = {},
                                    .vocab_size = asked.model->card.vocab_size});
    if (!stream) {
      asked.sink(std::move(stream.error()));
      continue;
    }
    streams_.emplace(*stream, Stream{asked.id, std::move(asked.sink)});
    stream_of_.emplace(asked.id, *stream);
    if (request_id.empty()) continue;
    traced_.emplace_back(std::move(request_id), *stream);
    if (traced_.size() > kTraced) traced_.pop_front();
  }
  for (const RequestId id : wishes.cancelled)
    if (const auto stream = stream_of_.find(id); stream != stream_of_.end())
      entry_.cancel(now, stream->second);
}

void Federation::look_at_network(bus::Core& core, bus::Time now) {
  const bool changed = catalogue_.refresh(core);
  if (!changed && now < look_due_) return;
  look_due_ = now + kLookEvery;
  if (changed) know_models();
  std::vector<NodeView> views;
  for (const auto& [id, models] : catalogue_.nodes()) {
    auto view = view_of(core, now, id);
    if (!view) continue;
    for (const ServedModel& model : models) view->models.push_back(model.hash);
    views.push_back(std::move(*view));
  }
  std::erase_if(hints_, [this](const auto& hint) { return !catalogue_.nodes().contains(hint.first); });
  entry_.set_nodes(now, std::move(views));
}

/// Nothing for one that does not live.
std::optional<NodeView> Federation::view_of(bus::Core& core, bus::Time now, const bus::NodeId& id) {
  NodeView view;
  view.id = id;
  view.here = id == core.id();
  if (view.here) {
    view.hint = load_teller_.last();
    view.hint_at = now;
    return view;
  }
  const bus::Member* member = core.members().find(id);
  if (member == nullptr || !bus::lives(member->state)) {
    entry_.on_gone(now, id);
    return std::nullopt;
  }
  view.suspected = member->state != bus::MemberState::kAlive;
  for (const auto& [name, value] : member->card.labels) view.labels[name] = value;
  if (member->hint.empty()) return view;
  auto& [at, hint] = hints_[id];
  if (at != member->hint_at) {
    auto read = read_hint(member->hint);
    at = member->hint_at;
    hint = read ? std::optional(std::move(*read)) : std::nullopt;  // of another version: as if there was none
  }
  view.hint = hint;
  view.hint_at = at;
  return view;
}

/// What can be spoken to, those of this node first, the rest by name.
void Federation::know_models() {
  std::map<ModelHash, std::shared_ptr<KnownModel>> by_hash;
  KnownModels::Models known;
  const auto learn = [&](const ServedModel& served, bool here) {
    const auto text = texts_.find(served.hash);
    if (text == texts_.end()) return;
    auto& model = by_hash[served.hash];
    if (!model) {
      model =
          std::make_shared<KnownModel>(KnownModel{served.hash, text->second->card, {}, text->second, here});
      model->card.id = served.names.front();
      model->card.context_length = served.context_tokens;
      model->card.created_unix_s = static_cast<std::int64_t>(served.created_unix_s);
      known.push_back(model);
    }
    model->card.context_length = std::max(model->card.context_length, served.context_tokens);
    for (const std::string& name : served.names)
      if (std::find(model->names.begin(), model->names.end(), name) == model->names.end())
        model->names.push_back(name);
  };
  for (const ServedModel& served : served_) learn(served, true);
  const auto own = static_cast<std::ptrdiff_t>(known.size());
  for (const auto& [id, models] : catalogue_.nodes())
    for (const ServedModel& served : models) learn(served, false);
  std::sort(known.begin() + own, known.end(), [](const auto& a, const auto& b) {
    return std::tie(a->card.id, a->hash) < std::tie(b->card.id, b->hash);
  });
  known_.set(std::move(known));
}

void Federation::fetch_vocabularies(bus::Core& core, bus::Time now) {
  if (look_due_ == now + kLookEvery) {  // just looked
    std::map<ModelHash, std::pair<const ServedModel*, std::vector<bus::NodeId>>> wanted;
    for (const auto& [id, models] : catalogue_.nodes()) {
      const bus::Member* member = core.members().find(id);
      if (member == nullptr || !bus::lives(member->state)) continue;
      for (const ServedModel& model : models) {
        if (texts_.contains(model.hash)) continue;
        auto& [described, sources] = wanted[model.hash];
        if (described == nullptr) described = &model;
        if (described->vocabulary == model.vocabulary) sources.push_back(id);
      }
    }
    for (const auto& [hash, want] : wanted) vocabularies_.want(now, core, *want.first, want.second);
  }
  for (Vocabularies::Arrived& arrived : vocabularies_.take_arrived(now, core)) {
    auto job = [this, arrived = std::move(arrived)](bool go) {
      if (!go) return;
      auto text = read_vocabulary(arrived.model, arrived.file);
      if (!text) return options_.log(text.error().message);
      {
        const std::lock_guard lock(mutex_);
        wishes_.read.emplace_back(arrived.model.hash, std::move(*text));
      }
      wake();
    };
    // Full or closed: the model is asked for again with the next start.
    if (!renderer_.post(std::move(job)))
      options_.log("too much is being read to learn another model's vocabulary");
  }
}

void Federation::carry_out(bus::Core& core, bus::Time now) {
  // Starting a try may fail at once, and then gives new effects; each of them uses up a node.
  for (auto effects = entry_.take_effects(); !effects.empty(); effects = entry_.take_effects()) {
    for (EntryEffect& effect : effects) {
      if (auto* start = std::get_if<StartAttempt>(&effect)) {
        const auto text = texts_.find(start->model);
        const std::string* local_name = text != texts_.end() ? &text->second->card.id : nullptr;
        attempts_.start(now, core, entry_, std::move(*start), local_name);
      } else if (const auto* stop = std::get_if<StopAttempt>(&effect)) {
        attempts_.stop(now, core, stop->attempt);
      } else if (auto* told = std::get_if<Tell>(&effect)) {
        tell(told->stream, std::move(told->event));
      }
    }
  }
}

void Federation::tell(StreamId stream, Event event) {
  const auto at = streams_.find(stream);
  if (at == streams_.end()) return;
  if (!std::holds_alternative<Finished>(event) && !std::holds_alternative<Error>(event))
    return at->second.sink(std::move(event));
  Stream ended = std::move(at->second);
  stream_of_.erase(ended.id);
  streams_.erase(at);
  ended.sink(std::move(event));
}

std::string Federation::models_json(const bus::Core& core) const {
  std::map<ModelHash, nlohmann::ordered_json> models;
  for (const auto& [id, served] : catalogue_.nodes()) {
    const bus::Member* member = core.members().find(id);
    const bool lives = id == core.id() || (member != nullptr && bus::lives(member->state));
    if (!lives) continue;
    for (const ServedModel& model : served) {
      auto& one = models[model.hash];
      if (one.is_null()) one = {{"id", model.names.front()}, {"hash", text_of(model.hash)}};
      one["nodes"].push_back(
          {{"node", id.text()}, {"names", model.names}, {"context_tokens", model.context_tokens}});
    }
  }
  auto list = nlohmann::ordered_json::array();
  for (auto& [hash, model] : models) list.push_back(std::move(model));
  return nlohmann::ordered_json{{"models", std::move(list)}}.dump();
}

void Federation::answer(bus::Core& core, const NetworkQuestion& question, const NetworkSink& sink) {
  if (question.what == NetworkQuestion::What::kModels) return sink(models_json(core));
  if (question.what != NetworkQuestion::What::kTrace) {
    Describe describe;
    bus::Bus* bus = nullptr;
    {
      const std::lock_guard lock(mutex_);
      describe = describe_;
      bus = bus_;
    }
    return sink(describe && bus != nullptr ? describe(question, *bus, core)
                                           : fail(ErrorCode::kUnavailable, kGone));
  }
  const auto at = std::find_if(traced_.rbegin(), traced_.rend(),
                               [&](const auto& traced) { return traced.first == question.request_id; });
  const Trace* trace = at != traced_.rend() ? entry_.trace_of(at->second) : nullptr;
  if (trace == nullptr)
    return sink(fail(
        ErrorCode::kNotFound,
        fmt::format("this node knows no request \"{}\": ask the entry that took it, soon after (it keeps "
                    "the latest {}); the id is the answer's header x-request-id",
                    printable(question.request_id), options_.entry.traces_max)));
  sink(trace_json(question.request_id, core.id(), *trace));
}

// --- Client: any thread ---

Result<RequestId> Federation::generate(GenerateRequest request, EventSink sink) {
  auto model = known_.find(request.model);
  if (!model) return fail(std::move(model.error()));
  const RequestLimits limits = limits_of((*model)->card);
  if (auto fine = check_generate(request, limits); !fine) return fail(std::move(fine.error()));
  // Nodes may have other limits of their own: the answer must not depend on them.
  if (!request.max_tokens)
    request.max_tokens = limits.context_tokens - static_cast<std::uint32_t>(request.prompt.size());
  const RequestId id = next_id_.fetch_add(1, std::memory_order_relaxed);
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return fail(ErrorCode::kUnavailable, kGone);
    wishes_.asked.push_back({id, std::move(*model), std::move(request), std::move(sink)});
  }
  wake();
  return id;
}

void Federation::cancel(RequestId id) {
  {
    const std::lock_guard lock(mutex_);
    wishes_.cancelled.push_back(id);
  }
  wake();
}

Status Federation::embed(EmbedRequest request, EmbedSink sink) {
  auto model = known_.find(request.model);
  if (!model) return fail(std::move(model.error()));
  if (!(*model)->here)
    return fail(ErrorCode::kUnsupported,
                "embeddings are computed by the node that is asked only: ask one that has the model",
                "model");
  request.model = (*model)->text->card.id;
  return options_.local->embed(std::move(request), std::move(sink));
}

Status Federation::ask_network(NetworkQuestion question, NetworkSink sink) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return fail(ErrorCode::kUnavailable, kGone);
    wishes_.questions.emplace_back(std::move(question), std::move(sink));
  }
  wake();
  return {};
}

std::vector<ModelCard> Federation::models() const {
  std::vector<ModelCard> cards;
  for (const auto& model : known_.all()) cards.push_back(model->card);
  return cards;
}

Result<ModelCard> Federation::model(std::string_view name) const {
  auto model = known_.find(name);
  if (!model) return fail(std::move(model.error()));
  return (*model)->card;
}

std::vector<ModelStats> Federation::stats() const {
  return options_.local != nullptr ? options_.local->stats() : std::vector<ModelStats>();
}

Readiness Federation::readiness() const {
  if (options_.local != nullptr) return options_.local->readiness();
  return known_.all().empty() ? Readiness::kLoading : Readiness::kReady;
}

Result<std::vector<TokenId>> Federation::tokenize(std::string_view model, std::string_view text,
                                                  bool add_special, bool parse_special) const {
  auto found = known_.find(model);
  if (!found) return fail(std::move(found.error()));
  return (*found)->text->tokenizer->encode(text, {add_special, parse_special});
}

Result<std::string> Federation::detokenize(std::string_view model, const std::vector<TokenId>& tokens) const {
  auto found = known_.find(model);
  if (!found) return fail(std::move(found.error()));
  return text_of_tokens(*(*found)->text, tokens);
}

Result<std::string> Federation::token_bytes(std::string_view model, TokenId token) const {
  auto found = known_.find(model);
  if (!found) return fail(std::move(found.error()));
  return (*found)->text->tokenizer->token_bytes(token, true);
}

Status Federation::render(RenderRequest request, RenderSink sink) {
  auto found = known_.find(request.model);
  if (!found) return fail(std::move(found.error()));
  return renderer_.render((*found)->text, std::move(request), std::move(sink));
}

}  // namespace zswarm::node
