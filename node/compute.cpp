#include "node/compute.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <new>
#include <utility>

#include "node/machine.h"

namespace zswarm::node {

namespace {

const Error kShuttingDown{
    ErrorCode::kUnavailable, "this node is shutting down: ask another one, or try again later", {}};
constexpr RequestId kWarmUp = 0;  // clients' requests begin at 1

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Without a limit by the user: a quarter of the memory, shared by the models, but not more than 16 whole
/// contexts each. Pages take memory when they are first used.
std::uint32_t default_pages(std::uint64_t page_bytes, std::uint32_t context_tokens, std::size_t models) {
  const std::uint64_t affordable = memory_bytes() / 4 / models / page_bytes;
  return static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(affordable, 1, 16ull * pages_for(context_tokens)));
}

}  // namespace

Compute::Compute(const ModelStore& store, ComputeOptions options)
    : options_(std::move(options)), team_(options_.threads) {
  const std::size_t models = store.models().size();
  for (const auto& stored : store.models()) {
    auto slot = std::make_unique<Slot>();
    slot->stored = stored.get();
    const model::Config& config = stored->config;
    std::uint32_t context = config.context_length;
    if (options_.engine.context_tokens > 0) context = std::min(context, options_.engine.context_tokens);
    const std::uint64_t page_bytes = model::KvCache::page_bytes(config, {0, config.layers});
    if (options_.kv_memory_bytes > 0) {
      const std::uint64_t pages = options_.kv_memory_bytes / models / page_bytes;
      slot->pages = static_cast<std::uint32_t>(
          std::min<std::uint64_t>(pages, std::numeric_limits<std::int32_t>::max()));
    } else {
      slot->pages = default_pages(page_bytes, context, models);
    }
    slot->context_tokens = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(context, std::uint64_t{slot->pages} * kPageTokens));
    slots_.push_back(std::move(slot));
  }
}

Compute::~Compute() = default;

Result<Engine*> Compute::engine(std::size_t index) const {
  if (Engine* engine = slots_[index]->serving.load(std::memory_order_acquire)) return engine;
  const std::lock_guard lock(mutex_);
  if (readiness_ == Readiness::kDraining) return fail(kShuttingDown);
  if (readiness_ == Readiness::kFailed)
    return fail(ErrorCode::kUnavailable, "the model could not be loaded: " + failure_.message);
  return fail(ErrorCode::kUnavailable, "the model is being loaded: try again in a moment");
}

std::vector<Engine*> Compute::engines() const {
  std::vector<Engine*> engines;
  for (const auto& slot : slots_) {
    if (Engine* engine = slot->serving.load(std::memory_order_acquire)) engines.push_back(engine);
  }
  return engines;
}

Readiness Compute::readiness() const {
  const std::lock_guard lock(mutex_);
  return readiness_;
}

Status Compute::wait_ready() const {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return readiness_ != Readiness::kLoading; });
  if (readiness_ == Readiness::kFailed) return fail(failure_);
  if (readiness_ == Readiness::kDraining) return fail(kShuttingDown);
  return {};
}

void Compute::run() {
  for (auto& slot : slots_) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) break;
    }
    if (auto ok = load(*slot); !ok) settle(Readiness::kFailed, ok.error());
  }
  settle(Readiness::kReady, {});
  serve();
  team_.stop();
}

Status Compute::load(Slot& slot) {
  const StoredModel& stored = *slot.stored;
  const std::string file = printable(stored.path.string(), 4096);
  try {
    model::LoadOptions load_options;
    if (options_.progress) {
      load_options.progress = [&](std::uint64_t done, std::uint64_t total) {
        options_.progress(stored.card.id, done, total);
      };
    }
    auto model = model::Model::load(stored.file, team_, load_options);
    if (!model) return fail(std::move(model.error()));
    slot.model = std::move(*model);
    if (slot.pages == 0) {
      return fail(
          ErrorCode::kOutOfMemory,
          fmt::format("{}: the limit of {} bytes for the KV cache holds no page of {} bytes: allow more",
                      file, options_.kv_memory_bytes,
                      model::KvCache::page_bytes(stored.config, slot.model->layers())));
    }
    auto cache = model::KvCache::create(stored.config, slot.model->layers(), slot.pages);
    if (!cache) return fail(std::move(cache.error()));
    slot.cache = std::move(*cache);
    slot.engine = std::make_unique<Engine>(stored.card.id, *slot.model, *slot.cache, *stored.tokenizer, team_,
                                           options_.engine, [this] { ring(); });
    return generate_one_token(slot);
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::kOutOfMemory,
                fmt::format("{}: there is not enough memory to load this model", file));
  }
}

/// A model counts as ready when it has really answered. Touches all weights too, so that the first client
/// does not wait for it.
Status Compute::generate_one_token(Slot& slot) {
  GenerateRequest request;
  request.prompt = {slot.stored->tokenizer->bos().value_or(0)};
  request.sampling.temperature = 0;
  request.max_tokens = 1;
  request.ignore_eos = true;
  Status outcome = fail(ErrorCode::kInternal, "no token came");
  auto sink = [&outcome](Event event) {
    if (std::holds_alternative<Finished>(event)) outcome = {};
    if (auto* error = std::get_if<Error>(&event)) outcome = fail(*error);
  };
  if (auto ok = slot.engine->submit(kWarmUp, std::move(request), sink); !ok) return ok;
  while (slot.engine->step()) {
  }
  slot.engine->clear_stats();
  if (outcome) slot.serving.store(slot.engine.get(), std::memory_order_release);
  return outcome;
}

void Compute::serve() {
  for (;;) {
    bool stopping = false;
    double stop_at_s = 0;
    {
      const std::lock_guard lock(mutex_);
      stopping = stopping_;
      stop_at_s = stop_at_s_;
    }
    if (stopping) {  // closed before this round's steps, so that they see all that ever came in
      for (Engine* engine : engines()) engine->close(kShuttingDown);
    }
    bool busy = false;
    for (Engine* engine : engines()) busy |= engine->step();
    if (stopping && (!busy || now_s() >= stop_at_s)) break;
    if (!busy) wait_for_ring();
  }
  for (Engine* engine : engines()) engine->abort_all(kShuttingDown);
}

void Compute::stop(double grace_s) {
  {
    const std::lock_guard lock(mutex_);
    const double at_s = now_s() + grace_s;
    stop_at_s_ = stopping_ ? std::min(stop_at_s_, at_s) : at_s;
    stopping_ = true;
    if (readiness_ != Readiness::kFailed) readiness_ = Readiness::kDraining;
  }
  changed_.notify_all();
  for (Engine* engine : engines()) engine->close(kShuttingDown);
  ring();
}

void Compute::ring() {
  const std::lock_guard lock(mutex_);
  rung_ = true;
  changed_.notify_all();
}

void Compute::wait_for_ring() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return rung_; });
  rung_ = false;
}

/// The first outcome counts.
void Compute::settle(Readiness readiness, Error failure) {
  const std::lock_guard lock(mutex_);
  if (readiness_ != Readiness::kLoading) return;
  readiness_ = readiness;
  failure_ = std::move(failure);
  changed_.notify_all();
}

}  // namespace zswarm::node
