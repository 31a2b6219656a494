// Renders chat templates in a child process with hard limits on memory, processor time and wall-clock time.
//
// A template comes with a model file or a request: it is a program by a stranger. kernels/chat bounds its
// steps and its text, but only a process bounds memory and stack for certain. The child is this same program,
// started again with a hidden argument; it opens no file, holds no other descriptor than its socket, and dies
// with its parent. If a template kills it or overstays, the caller gets an error, and the next rendering
// starts a fresh child.
//
// Threads: one owner thread calls render(), which blocks; asserted. The kernel ends the child when the thread
// that started it ends.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "kernels/base/error.h"
#include "kernels/chat/chat_template.h"

namespace zswarm::node {

struct ChatProcessOptions {
  std::vector<std::string> command = {"/proc/self/exe",
                                      "template-sandbox"};  // must call run_if_chat_sandbox first
  std::size_t memory_bytes = 512u << 20;                    // of address space, the program itself included
};

class ChatProcess {
 public:
  explicit ChatProcess(ChatProcessOptions options = {});
  ~ChatProcess();  // ends the child
  ChatProcess(const ChatProcess&) = delete;
  ChatProcess& operator=(const ChatProcess&) = delete;

  /// Renders `source` with `context_json` as ChatTemplate::render does, within `deadline` of wall-clock time
  /// (at least 1 ms). Compiled templates are kept in the child. Errors as ChatTemplate's, and: kTooLarge if
  /// the template used up its memory, kDeadline if its time, kTooLarge if source and context are over 64 MiB,
  /// kIo if no child can be started.
  [[nodiscard]] Result<std::string> render(std::string_view source, std::string_view context_json,
                                           std::chrono::milliseconds deadline,
                                           const chat::RenderLimits& limits = {});

  /// The child's process id while one runs.
  [[nodiscard]] std::optional<pid_t> child() const { return pid_; }

 private:
  using Clock = std::chrono::steady_clock;

  Status start();
  void stop();
  Status send(std::string_view bytes, Clock::time_point deadline);
  Status receive(char* bytes, std::size_t count, Clock::time_point deadline);
  Result<std::string> exchange(std::string_view source, std::string_view context_json,
                               const chat::RenderLimits& limits, Clock::time_point deadline);
  tl::unexpected<Error> ended();  // what the child's death means

  ChatProcessOptions options_;
  std::optional<pid_t> pid_;
  int socket_ = -1;
  std::optional<std::thread::id> owner_;
};

/// The child's whole life: sets its limits, then renders what comes over `socket_fd` until the other end
/// closes. Returns the exit status. `memory_bytes` limits the address space; 0 leaves it (under
/// AddressSanitizer and ThreadSanitizer it is always left).
int chat_sandbox_main(int socket_fd, std::size_t memory_bytes);

/// For main(): runs the sandbox and returns its exit status if the arguments ask for it, as
/// ChatProcessOptions::command does: `PROGRAM template-sandbox BYTES`.
std::optional<int> run_if_chat_sandbox(int argc, char** argv);

}  // namespace zswarm::node
