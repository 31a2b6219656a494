// Any template with any values: compiling and rendering end within their limits, with text or with an error
// that says something. An input is a template and, after a line "---", the context as JSON.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kernels/base/error.h"
#include "kernels/chat/chat_template.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::string_view kSeparator = "\n---\n";
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = input.find(kSeparator);
  const auto compiled = zswarm::chat::ChatTemplate::compile(input.substr(0, cut));
  if (!compiled) {
    ZS_ASSERT(!compiled.error().message.empty());
    return 0;
  }
  zswarm::chat::RenderLimits limits;
  limits.fuel = 5'000;
  limits.max_output_bytes = 64u << 10;
  limits.now_unix_s = 1'751'374'923;
  const auto context =
      cut == std::string_view::npos ? std::string_view("{}") : input.substr(cut + kSeparator.size());
  const auto text = compiled->render(context, limits);
  if (text) {
    ZS_ASSERT(text->size() <= limits.max_output_bytes);
    const auto again = compiled->render(context, limits);
    ZS_ASSERT(again && *again == *text);
  } else {
    ZS_ASSERT(text.error().code != zswarm::ErrorCode::kInternal);
  }
  return 0;
}
