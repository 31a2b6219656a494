#include "node/renderer.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "node/render.h"

namespace zswarm::node {

namespace {

constexpr std::chrono::seconds kRenderDeadline{5};  // templates take milliseconds, if they end at all

}  // namespace

Status Renderer::render(std::shared_ptr<const StoredModel> model, RenderRequest request, RenderSink sink) {
  if (!request.chat_template && !model->chat_template) {
    return fail(ErrorCode::kNotFound,
                fmt::format("the model \"{}\" has no chat template: use completions, or send a template",
                            printable(model->card.id)));
  }
  auto context = with_special_tokens(request.context_json, model->special_tokens);
  if (!context) return fail(std::move(context.error()));
  auto job = [this, own = std::move(request.chat_template), model = std::move(model),
              context = std::move(*context), sink = std::move(sink)](bool go) {
    if (go) {
      sink(process_->render(own ? *own : *model->chat_template, context, kRenderDeadline));
    } else {
      sink(fail(ErrorCode::kUnavailable, "this node is shutting down: ask another one, or try again later"));
    }
  };
  if (!jobs_.put(std::move(job)))
    return fail(ErrorCode::kUnavailable, "too many chat templates are being rendered: try again later");
  return {};
}

void Renderer::run() {
  process_ = std::make_unique<ChatProcess>(options_);
  jobs_.run();
  process_.reset();
}

}  // namespace zswarm::node
