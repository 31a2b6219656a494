#include "gateway/generate/generation.h"

namespace zswarm::gateway {
namespace {

// About what an event costs in memory until it is written.
std::size_t event_bytes(const node::Event& event) {
  constexpr std::size_t kEntry = 64;
  std::size_t bytes = kEntry;
  const auto add = [&](const std::vector<node::TokenLogprob>& tokens) {
    for (const auto& token : tokens) bytes += kEntry * (1 + token.top.size()) + token.bytes.size();
  };
  if (const auto* delta = std::get_if<node::Delta>(&event)) {
    bytes += delta->text.size() + delta->tokens.size() * sizeof(node::TokenId);
    add(delta->logprobs);
  } else if (const auto* scored = std::get_if<node::PromptScored>(&event)) {
    add(scored->tokens);
  }
  return bytes;
}

}  // namespace

// What the engine's thread holds on to. `owner` is read and written on the loop thread only.
struct Generation::Channel {
  Generation* owner;
};

Generation::Generation(Context& context, std::vector<node::GenerateRequest> requests)
    : context_(context), signal_(context.loop_io), channel_(std::make_shared<Channel>(Channel{this})) {
  answers_.reserve(requests.size());
  for (auto& request : requests) answers_.push_back({std::move(request), std::nullopt, false});
  context_.generations.insert(this);
}

Generation::~Generation() {
  context_.generations.erase(this);
  channel_->owner = nullptr;
  for (const Answer& answer : answers_) {
    if (answer.id) context_.client.cancel(*answer.id);
  }
}

Status Generation::start() {
  if (Status first = start_one(); !first) return first;
  start_more();
  return {};
}

Status Generation::start_one() {
  const std::size_t index = started_;
  // Called on the engine's thread. Posting before generate() has returned is fine: the loop gets to it later.
  auto sink = [channel = channel_, loop = context_.loop, index](node::Event event) {
    const std::size_t bytes = event_bytes(event);
    auto carried = std::make_shared<node::Event>(std::move(event));
    loop->post([channel, carried, index, bytes] {
      if (channel->owner) channel->owner->receive(index, std::move(*carried), bytes);
    });
  };
  // The request stays here until the engine has taken it: a full queue is tried again later.
  auto id = context_.client.generate(answers_[index].request, std::move(sink));
  if (!id) return fail(id.error());
  answers_[index].id = *id;
  answers_[index].request = {};
  ++started_;
  ++running_;
  return {};
}

void Generation::start_more() {
  while (halt_ == Halt::kNone && started_ < answers_.size() &&
         running_ < context_.limits.at_once_per_request) {
    const Status status = start_one();
    if (status) continue;
    // A queue that is full has room again when one of ours ends; other refusals, and a full queue that holds
    // none of ours, are news.
    if (status.error().code == ErrorCode::kUnavailable && running_ > 0) return;
    news_.push_back({News{started_, status.error()}, 0});
    answers_[started_].ended = true;
    ++started_;
    ++ended_;
  }
}

void Generation::receive(std::size_t index, node::Event event, std::size_t bytes) {
  if (answers_[index].ended || halt_ != Halt::kNone) return;
  const bool last = std::holds_alternative<node::Finished>(event) || std::holds_alternative<Error>(event);
  news_.push_back({News{index, std::move(event)}, bytes});
  backlog_bytes_ += bytes;
  if (last) end_answer(index);
  if (backlog_bytes_ > context_.limits.stream_backlog_bytes) halt(Halt::kTooSlow);
  signal_.notify();
}

void Generation::end_answer(std::size_t index) {
  answers_[index].ended = true;
  answers_[index].id.reset();
  --running_;
  ++ended_;
  start_more();
}

void Generation::finish(std::size_t index) {
  std::erase_if(news_, [&](const auto& entry) {
    if (entry.first.index != index) return false;
    backlog_bytes_ -= entry.second;
    return true;
  });
  const Answer& answer = answers_[index];
  if (answer.ended) return;
  if (answer.id) context_.client.cancel(*answer.id);
  end_answer(index);
}

void Generation::halt(Halt reason) {
  if (halt_ != Halt::kNone) return;
  halt_ = reason;
  for (Answer& answer : answers_) {
    if (answer.id) context_.client.cancel(*answer.id);
    answer.id.reset();
  }
  signal_.notify();
}

std::optional<Generation::News> Generation::next_if_ready() {
  if (halt_ != Halt::kNone || news_.empty()) return std::nullopt;
  News news = std::move(news_.front().first);
  backlog_bytes_ -= news_.front().second;
  news_.pop_front();
  return news;
}

asio::awaitable<std::optional<Generation::News>> Generation::next() {
  while (halt_ == Halt::kNone && news_.empty() && ended_ < answers_.size()) co_await signal_.wait();
  co_return next_if_ready();
}

}  // namespace zswarm::gateway
