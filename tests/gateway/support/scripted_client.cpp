#include "tests/gateway/support/scripted_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "kernels/base/utf8.h"

namespace zswarm::test {
namespace {

// The template of this model: "<role>content" per message, as a chat template would, and two words that make
// it fail.
Result<std::string> rendered(const node::RenderRequest& request) {
  const auto context = nlohmann::ordered_json::parse(request.context_json);
  const std::string source = request.chat_template.value_or("default");
  if (source == "refuse") return fail(ErrorCode::kInvalidArgument, "the template says: roles must alternate");
  if (source == "endless") return fail(ErrorCode::kDeadline, "the chat template ran too long");
  if (source == "context") return request.context_json;
  std::string out;
  for (const auto& message : context["messages"]) {
    out += fmt::format("<{}>", message["role"].get<std::string>());
    if (!message.contains("content")) continue;
    if (message["content"].is_string()) out += message["content"].get<std::string>();
    if (!message["content"].is_array()) continue;
    for (const auto& part : message["content"]) out += part.value("text", "");
  }
  if (context["add_generation_prompt"].get<bool>()) out += "<assistant>";
  return out;
}

}  // namespace

ScriptedClient::ScriptedClient(Script script) : script_(std::move(script)), thread_([this] { serve(); }) {}

ScriptedClient::~ScriptedClient() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

Result<node::RequestId> ScriptedClient::generate(node::GenerateRequest request, node::EventSink sink) {
  if (auto card = model(request.model); !card) return fail(card.error());
  const std::lock_guard lock(mutex_);
  if (jobs_.size() >= script_.queue) return fail(ErrorCode::kUnavailable, "the queue is full");
  if (request.prompt.size() + request.max_tokens.value_or(1) > script_.context_length) {
    return fail(ErrorCode::kContextLength, "prompt and answer do not fit the model's context");
  }
  Job job;
  job.text = script_.answer ? script_.answer(request) : "Hello, world.";
  const std::string whole = job.text;
  for (const std::string& stop : request.stop)
    job.text = job.text.substr(0, std::min(job.text.find(stop), job.text.size()));
  const std::size_t most = request.max_tokens.value_or(script_.context_length);
  job.stopped = job.text.size() <= most;
  job.text = job.text.substr(0, most);
  job.text.resize(job.text.size() - utf8::incomplete_tail(job.text));
  job.due = std::chrono::steady_clock::now() + script_.per_token;
  seen_.push_back(request);
  job.request = std::move(request);
  job.sink = std::move(sink);
  const node::RequestId id = next_id_++;
  jobs_.emplace(id, std::move(job));
  changed_.notify_all();
  return id;
}

Status ScriptedClient::embed(node::EmbedRequest request, node::EmbedSink sink) {
  const std::lock_guard lock(mutex_);
  calls_.push_back([tokens = std::move(request.tokens), sink = std::move(sink)] {
    float sum = 0;
    for (const auto token : tokens) sum += static_cast<float>(token);
    sink(std::vector<float>{static_cast<float>(tokens.size()), sum, 0.5f});
  });
  changed_.notify_all();
  return {};
}

void ScriptedClient::cancel(node::RequestId id) {
  const std::lock_guard lock(mutex_);
  const auto it = jobs_.find(id);
  if (it == jobs_.end()) return;
  it->second.cancelled = true;
  ++cancelled_;
  changed_.notify_all();
}

std::vector<node::ModelCard> ScriptedClient::models() const {
  node::ModelCard card{"scripted", "A script", 1'700'000'000, script_.context_length,
                       kVocab,     true,       std::nullopt};
  node::ModelCard other = card;
  other.id = "org/other model";
  other.has_chat_template = false;
  other.bos = kBos;
  return {card, other};
}

Result<node::ModelCard> ScriptedClient::model(std::string_view name) const {
  for (const auto& card : models()) {
    if (name.empty() || card.id == name) return card;
  }
  return fail(ErrorCode::kNotFound, "no such model", "model");
}

std::vector<node::ModelStats> ScriptedClient::stats() const {
  const std::lock_guard lock(mutex_);
  node::ModelStats stats;
  stats.id = "scripted";
  stats.requests = seen_.size();
  stats.requests_cancelled = cancelled_;
  stats.running = static_cast<std::uint32_t>(jobs_.size());
  stats.kv_pages = 100;
  stats.kv_pages_used = stats.running;
  return {stats};
}

node::Readiness ScriptedClient::readiness() const {
  const std::lock_guard lock(mutex_);
  return readiness_;
}

Result<std::vector<node::TokenId>> ScriptedClient::tokenize(std::string_view, std::string_view text,
                                                            bool add_special, bool) const {
  std::vector<node::TokenId> ids;
  if (add_special) ids.push_back(kBos);
  for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
  return ids;
}

Result<std::string> ScriptedClient::detokenize(std::string_view,
                                               const std::vector<node::TokenId>& tokens) const {
  std::string out;
  for (const auto token : tokens) {
    if (token < 256) out += static_cast<char>(token);
  }
  return out;
}

Result<std::string> ScriptedClient::token_bytes(std::string_view, node::TokenId token) const {
  if (token < 256) return std::string(1, static_cast<char>(token));
  return std::string(token == kBos ? "<s>" : token == kEos ? "</s>" : "<|im_start|>");
}

Status ScriptedClient::render(node::RenderRequest request, node::RenderSink sink) {
  if (request.model == "org/other model" && !request.chat_template)
    return fail(ErrorCode::kNotFound, "no chat template");
  const std::lock_guard lock(mutex_);
  last_context_ = request.context_json;
  calls_.push_back([request = std::move(request), sink = std::move(sink)] { sink(rendered(request)); });
  changed_.notify_all();
  return {};
}

void ScriptedClient::set_readiness(node::Readiness readiness) {
  const std::lock_guard lock(mutex_);
  readiness_ = readiness;
}

std::vector<node::GenerateRequest> ScriptedClient::seen() const {
  const std::lock_guard lock(mutex_);
  return seen_;
}

std::string ScriptedClient::last_context() const {
  const std::lock_guard lock(mutex_);
  return last_context_;
}

std::size_t ScriptedClient::running() const {
  const std::lock_guard lock(mutex_);
  return jobs_.size();
}

std::size_t ScriptedClient::cancelled() const {
  const std::lock_guard lock(mutex_);
  return cancelled_;
}

bool ScriptedClient::wait_for(const std::function<bool()>& condition,
                              std::chrono::milliseconds deadline) const {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!condition()) {
    std::unique_lock lock(mutex_);
    if (changed_.wait_until(
            lock, std::min(end, std::chrono::steady_clock::now() + std::chrono::milliseconds(20))) ==
            std::cv_status::timeout &&
        std::chrono::steady_clock::now() >= end) {
      lock.unlock();
      return condition();
    }
  }
  return true;
}

node::TokenLogprob ScriptedClient::logprob(const node::GenerateRequest& request, unsigned char byte) const {
  node::TokenLogprob out;
  out.token = byte;
  out.bytes = std::string(1, static_cast<char>(byte));
  out.logprob = -0.5f - static_cast<float>(byte) / 256;
  for (int i = 0; i < request.sampling.top_logprobs; ++i) {
    const auto other = static_cast<unsigned char>(byte + i);
    out.top.push_back({other, out.logprob - static_cast<float>(i), std::string(1, static_cast<char>(other))});
  }
  return out;
}

// Emits what comes next for `job`; false when it has ended. Sinks are called by the caller, without the lock.
bool ScriptedClient::step(node::RequestId, Job& job, std::vector<std::function<void()>>& calls) {
  const auto emit = [&](node::Event event) {
    calls.push_back([sink = job.sink, event = std::move(event)] { sink(event); });
  };
  if (job.cancelled) return emit(Error{ErrorCode::kCancelled, "cancelled", ""}), false;
  if (job.request.score_prompt && !job.scored) {
    job.scored = true;
    node::PromptScored scored;
    for (std::size_t i = 1; i < job.request.prompt.size(); ++i) {
      scored.tokens.push_back(logprob(job.request, static_cast<unsigned char>(job.request.prompt[i])));
    }
    emit(std::move(scored));
    return true;
  }
  if (job.done >= script_.fail_after_tokens)
    return emit(Error{ErrorCode::kInternal, "the engine broke", ""}), false;
  if (job.done < job.text.size()) {
    // One character: all its tokens become visible together.
    const auto length = utf8::decode(std::string_view(job.text).substr(job.done)).length;
    node::Delta delta;
    delta.first_token = static_cast<std::uint32_t>(job.done);
    delta.text = job.text.substr(job.done, length);
    for (const char c : delta.text) {
      delta.tokens.push_back(static_cast<unsigned char>(c));
      if (job.request.sampling.top_logprobs >= 0)
        delta.logprobs.push_back(logprob(job.request, static_cast<unsigned char>(c)));
    }
    job.done += length;
    emit(std::move(delta));
    return true;
  }
  node::Finished finished;
  finished.reason = job.stopped ? node::FinishReason::kStop : node::FinishReason::kLength;
  finished.prompt_tokens = static_cast<std::uint32_t>(job.request.prompt.size());
  finished.completion_tokens = static_cast<std::uint32_t>(job.done) + (job.stopped ? 1 : 0);
  finished.cached_tokens = 2;
  emit(finished);
  return false;
}

void ScriptedClient::serve() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    std::vector<std::function<void()>> calls;
    while (!calls_.empty()) {
      calls.push_back(std::move(calls_.front()));
      calls_.pop_front();
    }
    const auto now = std::chrono::steady_clock::now();
    auto next = now + std::chrono::hours(1);
    for (auto it = jobs_.begin(); it != jobs_.end();) {
      Job& job = it->second;
      if (job.cancelled || job.due <= now) {
        job.due = now + script_.per_token;
        if (!step(it->first, job, calls)) {
          it = jobs_.erase(it);
          continue;
        }
      }
      next = std::min(next, job.due);
      ++it;
    }
    if (!calls.empty()) {
      lock.unlock();
      changed_.notify_all();
      for (const auto& call : calls) call();
      lock.lock();
    } else if (!stopping_) {
      changed_.wait_until(lock, next);
    }
  }
}

}  // namespace zswarm::test
