#include "kernels/chat/chat_template.h"

#include <fmt/format.h>

#include <ctime>

#include "kernels/chat/bridge/include/zswarm_chat.h"

namespace zswarm::chat {
namespace {

/// What the bridge wrote, freed when it goes out of scope.
struct BridgeText {
  zs_chat_text text{nullptr, 0};

  BridgeText() = default;
  BridgeText(const BridgeText&) = delete;
  BridgeText& operator=(const BridgeText&) = delete;
  ~BridgeText() { zs_chat_text_free(text); }

  [[nodiscard]] std::string copy() const {
    return text.data == nullptr ? std::string{} : std::string(text.data, text.data + text.len);
  }
};

const std::uint8_t* bytes(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

tl::unexpected<Error> failure(std::int32_t status, std::string message) {
  switch (status) {
    case ZS_CHAT_REFUSED:
      return fail(ErrorCode::kInvalidArgument, std::move(message));
    case ZS_CHAT_INVALID:
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("The chat template can't be used: {}.", printable(message, 400)));
    case ZS_CHAT_TOO_LARGE:
      return fail(ErrorCode::kTooLarge, "The chat template makes a text that is too large.");
    case ZS_CHAT_OUT_OF_FUEL:
      return fail(ErrorCode::kDeadline, "The chat template took too many steps.");
    default:
      return fail(ErrorCode::kInternal,
                  fmt::format("The chat template could not be rendered: {}.", printable(message, 400)));
  }
}

}  // namespace

struct ChatTemplate::Handle {
  zs_chat_template* compiled = nullptr;

  Handle() = default;
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { zs_chat_template_free(compiled); }
};

ChatTemplate::ChatTemplate(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

Result<ChatTemplate> ChatTemplate::compile(std::string_view source) {
  auto handle = std::make_unique<Handle>();
  BridgeText message;
  const std::int32_t status = zs_chat_compile(bytes(source), source.size(), &handle->compiled, &message.text);
  if (status != ZS_CHAT_OK) {
    return failure(status, message.copy());
  }
  return ChatTemplate(std::move(handle));
}

Result<std::string> ChatTemplate::render(std::string_view context_json, const RenderLimits& limits) const {
  const zs_chat_limits given{limits.fuel, limits.max_output_bytes,
                             limits.now_unix_s.value_or(std::time(nullptr))};
  BridgeText out;
  const std::int32_t status =
      zs_chat_render(handle_->compiled, bytes(context_json), context_json.size(), &given, &out.text);
  if (status != ZS_CHAT_OK) {
    return failure(status, out.copy());
  }
  return out.copy();
}

}  // namespace zswarm::chat
