// https://platform.openai.com/docs/api-reference/completions/object
#include "gateway/openai/answer_format.h"
#include "gateway/openai/legacy_logprobs.h"

namespace zswarm::gateway {
namespace {

class CompletionFormat final : public AnswerFormat {
 public:
  CompletionFormat(AnswerHead head, std::size_t choices) : head_(std::move(head)), logprobs_(choices) {}

  std::string opening(std::size_t index, const EchoedPrompt* echoed) override {
    if (!echoed) return {};
    logprobs_[index].add_prompt(echoed->tokens, echoed->text);
    return chunk(index, echoed->text, taken(index), nullptr);
  }

  std::string delta(std::size_t index, const std::string& text,
                    const std::vector<node::TokenLogprob>& logprobs) override {
    logprobs_[index].add(logprobs);
    return chunk(index, text, taken(index), nullptr);
  }

  std::string closing(std::size_t index, node::FinishReason reason) override {
    return chunk(index, "", nullptr, finish_reason_name(reason));
  }

  std::string usage_chunk(const Usage& usage) override {
    Json out = head_json();
    out["choices"] = Json::array();
    out["usage"] = usage_json(usage);
    return to_text(out);
  }

  std::string whole(const std::vector<Choice>& choices, const Usage& usage) override {
    Json out = head_json();
    Json list = Json::array();
    for (std::size_t i = 0; i < choices.size(); ++i) {
      std::string text = choices[i].text;
      if (const auto& echoed = choices[i].echoed) {
        logprobs_[i].add_prompt(echoed->tokens, echoed->text);
        text.insert(0, echoed->text);
      }
      logprobs_[i].add(choices[i].logprobs);
      list.push_back(choice_json(i, text, taken(i), finish_reason_name(choices[i].reason)));
    }
    out["choices"] = std::move(list);
    out["usage"] = usage_json(usage);
    return to_text(out);
  }

 private:
  [[nodiscard]] Json taken(std::size_t index) { return head_.logprobs ? logprobs_[index].take() : Json(); }

  [[nodiscard]] Json head_json() const {
    Json out;
    out["id"] = head_.id;
    out["object"] = "text_completion";
    out["created"] = head_.created_unix_s;
    out["model"] = head_.model;
    out["system_fingerprint"] = system_fingerprint();
    return out;
  }

  [[nodiscard]] static Json choice_json(std::size_t index, const std::string& text, Json logprobs,
                                        Json reason) {
    Json choice;
    choice["text"] = text;
    choice["index"] = index;
    choice["logprobs"] = std::move(logprobs);
    choice["finish_reason"] = std::move(reason);
    return choice;
  }

  [[nodiscard]] std::string chunk(std::size_t index, const std::string& text, Json logprobs,
                                  Json reason) const {
    Json out = head_json();
    out["choices"] = Json::array({choice_json(index, text, std::move(logprobs), std::move(reason))});
    if (head_.include_usage) out["usage"] = nullptr;
    return to_text(out);
  }

  const AnswerHead head_;
  std::vector<LegacyLogprobs> logprobs_;  // per choice
};

}  // namespace

std::unique_ptr<AnswerFormat> completion_format(AnswerHead head, std::size_t choices) {
  return std::make_unique<CompletionFormat>(std::move(head), choices);
}

}  // namespace zswarm::gateway
