// Renders a model's own Jinja chat template as Hugging Face transformers renders it.
//
// The engine is the crate minijinja, made to behave as Jinja2 does, behind the C interface in
// bridge/include/zswarm_chat.h; this header is the C++ face of it. Everything crosses as JSON text (UTF-8),
// so that no value types are shared between the languages. Rendering is bounded in steps (fuel), nesting,
// output, and what is built on the way to it. That keeps a template from running for ever, but memory and
// stack are bounded for certain only by the process that runs it: node/chat_process.h renders in a child with
// hard limits; programs that render templates from strangers use that.
//
// A ChatTemplate is immutable after compile(); any thread may render.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kernels/base/error.h"

namespace zswarm::chat {

struct RenderLimits {
  std::size_t max_output_bytes = 8u << 20;
  std::uint64_t fuel = 20'000'000;         // instructions of the template machine
  std::optional<std::int64_t> now_unix_s;  // what strftime_now() shows; absent: the system's clock
};

class ChatTemplate {
 public:
  /// kInvalidArgument with the template's line if it does not parse.
  static Result<ChatTemplate> compile(std::string_view source);

  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();

  /// `context_json`: an object with what transformers hands to a template: messages, tools (null if absent),
  /// add_generation_prompt, bos_token, eos_token, and any further variables. Key order is kept.
  /// Adapts messages: keys that are null are left out; function.arguments (a JSON string) is given as the
  /// object it holds, and as the string only where the object makes the template fail; content parts are
  /// given as they are, and joined (with nothing between them) only where the template fails on them, drops
  /// them, or prints the list. kInvalidArgument with the template's own words if it refuses
  /// (raise_exception), or with its line if it fails; kTooLarge, kDeadline for limits.
  [[nodiscard]] Result<std::string> render(std::string_view context_json,
                                           const RenderLimits& limits = {}) const;

 private:
  struct Handle;
  explicit ChatTemplate(std::unique_ptr<Handle> handle);
  std::unique_ptr<Handle> handle_;
};

}  // namespace zswarm::chat
