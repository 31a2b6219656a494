// zswarm chat: a conversation with a model in the terminal; in a pipe, one question and its answer.
//
// Ctrl-C ends the answer that streams, a second one (or one at the prompt, or Ctrl-D) the program.
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "kernels/base/utf8.h"
#include "tools/answer.h"
#include "tools/command.h"
#include "tools/event_queue.h"
#include "tools/files.h"
#include "tools/output.h"
#include "tools/rendered.h"
#include "tools/signals.h"

namespace zswarm::tools {

namespace {

struct ChatOptions {
  AnswerOptions answer;
  std::string system;
};

constexpr std::size_t kMaxQuestionBytes = std::size_t{8} << 20;

constexpr std::string_view kHelp =
    "/clear begins a new conversation, /exit ends (as Ctrl-D does), Ctrl-C ends the answer.\n"
    "A line that ends with a backslash goes on in the next one.\n";

class Chat {
 public:
  Chat(node::Client& client, const ChatOptions& options) : client_(client), options_(options) { clear(); }

  void clear() {
    messages_ = nlohmann::ordered_json::array();
    if (!options_.system.empty()) add("system", options_.system);
  }

  /// Asks and streams the answer; both join the conversation. After an error the conversation is as before.
  Result<Answer> ask(const std::string& question, const std::function<void(const std::string&)>& show) {
    const auto before = messages_;
    add("user", question);
    auto answer = answer_messages(show);
    if (answer) {
      add("assistant", answer->text);
    } else {
      messages_ = before;
    }
    return answer;
  }

  /// Ends the answer that streams, if one does. Any thread.
  bool cancel() {
    const std::lock_guard lock(mutex_);
    if (!running_) return false;
    client_.cancel(*running_);
    return true;
  }

 private:
  void add(std::string_view role, std::string_view content) {
    messages_.push_back({{"role", role}, {"content", utf8::sanitized(content)}});
  }

  Result<Answer> answer_messages(const std::function<void(const std::string&)>& show) {
    auto prompt = rendered(
        client_, nlohmann::ordered_json{{"messages", messages_}, {"add_generation_prompt", true}}.dump());
    if (!prompt) return fail(std::move(prompt.error()));
    // The template has written BOS itself where the model wants one.
    auto tokens = client_.tokenize({}, *prompt, false, true);
    if (!tokens) return fail(std::move(tokens.error()));
    auto answer = generate_answer(client_, std::move(*tokens), options_.answer, show,
                                  [this](node::RequestId id) { set_running(id); });
    set_running(std::nullopt);
    return answer;
  }

  void set_running(std::optional<node::RequestId> id) {
    const std::lock_guard lock(mutex_);
    running_ = id;
  }

  node::Client& client_;
  const ChatOptions& options_;
  nlohmann::ordered_json messages_;
  std::mutex mutex_;
  std::optional<node::RequestId> running_;  // guarded by mutex_
};

void show_piece(const std::string& piece) {
  put(piece);
  flush();
}

/// One line, or several that end with a backslash; nothing at the end of input.
std::optional<std::string> read_question() {
  std::string question, line;
  const char* prompt = "> ";
  do {
    put(prompt);
    flush();
    if (!std::getline(std::cin, line)) return std::nullopt;
    if (!question.empty()) question.back() = '\n';
    question += line;
    prompt = "… ";
  } while (question.ends_with('\\'));
  return question;
}

int converse(Chat& chat) {
  put("Say something; /help tells more.\n");
  while (const auto question = read_question()) {
    if (question->find_first_not_of(" \t\r\n") == std::string::npos) continue;
    if (*question == "/exit" || *question == "/bye") return kDone;
    if (*question == "/clear") {
      chat.clear();
    } else if (question->starts_with('/')) {
      put(kHelp);
    } else if (const auto answer = chat.ask(*question, show_piece); answer) {
      put(fmt::format("\n\x1b[2m{}\x1b[0m\n", speed_line(*answer)));
    } else if (answer.error().code == ErrorCode::kCancelled) {
      put("\n[ended]\n");
    } else {
      put("\n");
      flush();
      report(answer.error());
      if (answer.error().code == ErrorCode::kContextLength) put("/clear begins a new conversation.\n");
    }
  }
  put("\n");
  flush();
  return kDone;
}

int answer_once(Chat& chat, bool as_json) {
  auto question = read_text({}, kMaxQuestionBytes);
  if (!question) return report(question.error());
  while (!question->empty() && (question->back() == '\n' || question->back() == '\r'))
    question->pop_back();  // echo's
  if (question->find_first_not_of(" \t\r\n") == std::string::npos) {
    return report_usage("There is no question on standard input.");
  }
  const auto answer = chat.ask(*question, as_json ? [](const std::string&) {} : show_piece);
  if (!as_json) show_piece("\n");
  if (!answer) return report(answer.error());
  if (as_json) {
    put_json(answer_json(*answer));
  } else {
    std::fputs((speed_line(*answer) + "\n").c_str(), stderr);
  }
  return kDone;
}

int chat(const ChatOptions& options) {
  const auto node = start_node(options.answer);
  if (!node) return report(node.error());
  if (const auto card = (*node)->model({}); card && !card->has_chat_template) {
    return report(
        fmt::format("{}: this model has no chat template; zswarm generate goes on with a plain text.",
                    shown(options.answer.model)));
  }
  Chat chat(**node, options);
  if (isatty(STDIN_FILENO) != 1) return answer_once(chat, options.answer.json);

  StopSignals::instance().set_handler([&chat](int number, int) {
    if (number == SIGINT && chat.cancel()) return true;
    // At the prompt the main thread sits in a read that nothing else ends.
    std::fputs("\n", stderr);
    std::_Exit(kDone);
  });
  const int status = converse(chat);
  StopSignals::instance().set_handler({});
  return status;
}

}  // namespace

void add_chat(CLI::App& app, Action& action) {
  auto options = std::make_shared<ChatOptions>();
  CLI::App* command = app.add_subcommand("chat", "Talk to a model in the terminal");
  add_answer_options(*command, options->answer);
  command->add_option("--system", options->system, "What the model is told first");
  command->add_flag("--json", options->answer.json,
                    "With a question on standard input: print one JSON object at the end");
  command->footer(
      "Example:\n  zswarm chat model.gguf --temp 0.5\n  echo 'What is a swarm?' | zswarm chat model.gguf "
      "--seed 1");
  command->callback([options, &action] { action = [options] { return chat(*options); }; });
}

}  // namespace zswarm::tools
