// https://platform.openai.com/docs/api-reference/chat/object and /chat/streaming
#include "gateway/openai/answer_format.h"
#include "kernels/base/utf8.h"

namespace zswarm::gateway {
namespace {

// A token may be part of a character: its text is shown as far as it goes, its bytes exactly.
template <class Token>
Json token_json(const Token& token) {
  Json out;
  out["token"] = utf8::sanitized(token.bytes);
  out["logprob"] = finite_logprob(token.logprob);
  Json bytes = Json::array();
  for (const char byte : token.bytes) bytes.push_back(static_cast<unsigned char>(byte));
  out["bytes"] = std::move(bytes);
  return out;
}

Json logprobs_json(const std::vector<node::TokenLogprob>& logprobs) {
  Json content = Json::array();
  for (const auto& token : logprobs) {
    Json entry = token_json(token);
    Json top = Json::array();
    for (const auto& alternative : token.top) top.push_back(token_json(alternative));
    entry["top_logprobs"] = std::move(top);
    content.push_back(std::move(entry));
  }
  Json out;
  out["content"] = std::move(content);
  out["refusal"] = nullptr;
  return out;
}

class ChatFormat final : public AnswerFormat {
 public:
  explicit ChatFormat(AnswerHead head) : head_(std::move(head)) {}

  std::string opening(std::size_t index, const EchoedPrompt*) override {
    Json delta;
    delta["role"] = "assistant";
    delta["content"] = "";
    delta["refusal"] = nullptr;
    return chunk(index, std::move(delta), nullptr, nullptr);
  }

  std::string delta(std::size_t index, const std::string& text,
                    const std::vector<node::TokenLogprob>& logprobs) override {
    Json delta;
    delta["content"] = text;
    return chunk(index, std::move(delta), head_.logprobs ? logprobs_json(logprobs) : Json(), nullptr);
  }

  std::string closing(std::size_t index, node::FinishReason reason) override {
    return chunk(index, Json::object(), nullptr, finish_reason_name(reason));
  }

  std::string usage_chunk(const Usage& usage) override {
    Json out = head_json("chat.completion.chunk");
    out["choices"] = Json::array();
    out["usage"] = usage_json(usage);
    return to_text(out);
  }

  std::string whole(const std::vector<Choice>& choices, const Usage& usage) override {
    Json out = head_json("chat.completion");
    Json list = Json::array();
    for (std::size_t i = 0; i < choices.size(); ++i) {
      Json choice;
      choice["index"] = i;
      choice["message"] = {{"role", "assistant"}, {"content", choices[i].text}, {"refusal", nullptr}};
      choice["logprobs"] = head_.logprobs ? logprobs_json(choices[i].logprobs) : Json();
      choice["finish_reason"] = finish_reason_name(choices[i].reason);
      list.push_back(std::move(choice));
    }
    out["choices"] = std::move(list);
    out["usage"] = usage_json(usage);
    return to_text(out);
  }

 private:
  [[nodiscard]] Json head_json(const char* object) const {
    Json out;
    out["id"] = head_.id;
    out["object"] = object;
    out["created"] = head_.created_unix_s;
    out["model"] = head_.model;
    out["system_fingerprint"] = system_fingerprint();
    return out;
  }

  [[nodiscard]] std::string chunk(std::size_t index, Json delta, Json logprobs, Json reason) const {
    Json choice;
    choice["index"] = index;
    choice["delta"] = std::move(delta);
    choice["logprobs"] = std::move(logprobs);
    choice["finish_reason"] = std::move(reason);
    Json out = head_json("chat.completion.chunk");
    out["choices"] = Json::array({std::move(choice)});
    if (head_.include_usage) out["usage"] = nullptr;
    return to_text(out);
  }

  const AnswerHead head_;
};

}  // namespace

std::unique_ptr<AnswerFormat> chat_format(AnswerHead head) {
  return std::make_unique<ChatFormat>(std::move(head));
}

}  // namespace zswarm::gateway
