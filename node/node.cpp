#include "node/node.h"

#include <fmt/format.h>

#include <system_error>
#include <thread>
#include <utility>

#include "node/machine.h"
#include "node/text_of_model.h"

namespace zswarm::node {

namespace {

ComputeOptions compute_options(const NodeOptions& options) {
  ComputeOptions compute;
  compute.threads = options.threads > 0 ? options.threads : physical_cores();
  compute.engine = options.engine;
  compute.kv_memory_bytes = options.kv_memory_bytes;
  compute.progress = options.progress;
  return compute;
}

}  // namespace

struct Node::Threads {
  std::vector<std::thread> all;
};

Result<std::unique_ptr<Node>> Node::start(NodeOptions options) {
  auto store = ModelStore::open(options.models, options.models_dir);
  if (!store) return fail(std::move(store.error()));
  std::unique_ptr<Node> node(new Node(std::move(*store), options));
  if (auto ok = node->start_threads(); !ok) return fail(std::move(ok.error()));
  return node;
}

Status Node::start_threads() {
  Team& team = compute_.team();
  auto& threads = threads_->all;
  try {
    for (std::size_t member = 1; member < team.size(); ++member) {
      threads.emplace_back([&team, member] { team.serve(member); });
    }
    threads.emplace_back([this] { renderer_.run(); });
    threads.emplace_back(
        [this] { compute_.run(); });  // last: it relies on its helpers, and stops them at its end
  } catch (const std::system_error& error) {
    team.stop();
    return fail(ErrorCode::kIo,
                fmt::format("cannot start {} threads: {}", team.size() + 1, printable(error.what())));
  }
  return {};
}

Node::Node(ModelStore store, const NodeOptions& options)
    : store_(std::move(store)),
      compute_(store_, compute_options(options)),
      renderer_(options.chat_process),
      threads_(std::make_unique<Threads>()) {}

Node::~Node() {
  stop(0);
}

void Node::stop(double grace_s) {
  compute_.stop(grace_s);
  renderer_.close();
  for (std::thread& thread : threads_->all) thread.join();
  threads_->all.clear();
}

Result<std::shared_ptr<const StoredModel>> Node::stored(std::string_view model) const {
  auto index = store_.find(model);
  if (!index) return fail(std::move(index.error()));
  return store_.models()[*index];
}

Result<Engine*> Node::engine(std::string_view model) const {
  auto index = store_.find(model);
  if (!index) return fail(std::move(index.error()));
  return compute_.engine(*index);
}

Result<RequestId> Node::generate(GenerateRequest request, EventSink sink) {
  auto found = engine(request.model);
  if (!found) return fail(std::move(found.error()));
  const RequestId id = next_id_.fetch_add(1, std::memory_order_relaxed);
  if (auto ok = (*found)->submit(id, std::move(request), std::move(sink)); !ok)
    return fail(std::move(ok.error()));
  return id;
}

Status Node::embed(EmbedRequest request, EmbedSink sink) {
  auto found = engine(request.model);
  if (!found) return fail(std::move(found.error()));
  return (*found)->embed(next_id_.fetch_add(1, std::memory_order_relaxed), std::move(request),
                         std::move(sink));
}

void Node::cancel(RequestId id) {
  for (Engine* engine : compute_.engines()) engine->cancel(id);
}

ModelCard Node::card(std::size_t index) const {
  ModelCard card = store_.models()[index]->card;
  card.context_length = compute_.context_tokens(index);
  return card;
}

std::vector<ModelCard> Node::models() const {
  std::vector<ModelCard> cards;
  for (std::size_t i = 0; i < store_.models().size(); ++i) cards.push_back(card(i));
  return cards;
}

Result<ModelCard> Node::model(std::string_view name) const {
  auto index = store_.find(name);
  if (!index) return fail(std::move(index.error()));
  return card(*index);
}

std::vector<ModelStats> Node::stats() const {
  std::vector<ModelStats> all;
  for (const Engine* engine : compute_.engines()) all.push_back(engine->stats());
  return all;
}

Result<std::vector<TokenId>> Node::tokenize(std::string_view model, std::string_view text, bool add_special,
                                            bool parse_special) const {
  auto found = stored(model);
  if (!found) return fail(std::move(found.error()));
  return (*found)->tokenizer->encode(text, {add_special, parse_special});
}

Result<std::string> Node::detokenize(std::string_view model, const std::vector<TokenId>& tokens) const {
  auto found = stored(model);
  if (!found) return fail(std::move(found.error()));
  return text_of_tokens(**found, tokens);
}

Result<std::string> Node::token_bytes(std::string_view model, TokenId token) const {
  auto found = stored(model);
  if (!found) return fail(std::move(found.error()));
  return (*found)->tokenizer->token_bytes(token, true);
}

Status Node::render(RenderRequest request, RenderSink sink) {
  auto found = stored(request.model);
  if (!found) return fail(std::move(found.error()));
  return renderer_.render(std::move(*found), std::move(request), std::move(sink));
}

}  // namespace zswarm::node
