#include "node/chat_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "node/chat_wire.h"

namespace zswarm::node {
namespace {

constexpr std::string_view kTookTooLong = "The chat template took too long to render.";

/// How posix_spawn shall start the child: a process group of its own (Ctrl-C is for the node), default
/// signals, and no descriptor but the socket as standard input.
class SpawnSetup {
 public:
  explicit SpawnSetup(int socket) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_adddup2(&actions_, socket, STDIN_FILENO);
    posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    posix_spawnattr_init(&attributes_);
    sigset_t all;
    sigset_t none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(&attributes_,
                             POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  }
  ~SpawnSetup() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;

  /// 0 or an errno.
  int spawn(pid_t& pid, std::vector<std::string> arguments, std::vector<std::string> environment) {
    const auto pointers = [](std::vector<std::string>& texts) {
      std::vector<char*> result;
      for (auto& text : texts) result.push_back(text.data());
      result.push_back(nullptr);
      return result;
    };
    return posix_spawn(&pid, arguments.front().c_str(), &actions_, &attributes_, pointers(arguments).data(),
                       pointers(environment).data());
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

/// What the child needs of our environment; the rest may hold tokens.
std::vector<std::string> child_environment() {
  std::vector<std::string> kept;
  for (const char* name : {"TZ", "LD_LIBRARY_PATH"}) {
    if (const char* value = std::getenv(name)) {
      kept.push_back(fmt::format("{}={}", name, value));
    }
  }
  return kept;
}

std::string errno_text() {
  return std::strerror(errno);
}

}  // namespace

ChatProcess::ChatProcess(ChatProcessOptions options) : options_(std::move(options)) {
  ZS_ASSERT(!options_.command.empty());
}

ChatProcess::~ChatProcess() {
  stop();
}

Status ChatProcess::start() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return fail(ErrorCode::kIo, fmt::format("No socket for the template process: {}.", errno_text()));
  }
  auto arguments = options_.command;
  arguments.push_back(std::to_string(options_.memory_bytes));
  pid_t pid = 0;
  const int status = SpawnSetup(ends[1]).spawn(pid, std::move(arguments), child_environment());
  close(ends[1]);
  if (status != 0) {
    close(ends[0]);
    return fail(ErrorCode::kIo,
                fmt::format("The template process could not be started: {}.", std::strerror(status)));
  }
  pid_ = pid;
  socket_ = ends[0];
  fcntl(socket_, F_SETFL, O_NONBLOCK);
  return {};
}

void ChatProcess::stop() {
  if (socket_ >= 0) {
    close(socket_);
    socket_ = -1;
  }
  if (pid_) {
    kill(*pid_, SIGKILL);
    while (waitpid(*pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    pid_.reset();
  }
}

tl::unexpected<Error> ChatProcess::ended() {
  int status = 0;
  if (pid_) {
    // Its end of the socket is closed: it is dead, or about to be.
    while (waitpid(*pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_.reset();
  }
  stop();
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) {
    return fail(ErrorCode::kDeadline, std::string(kTookTooLong));
  }
  if (WIFSIGNALED(status)) {
    return fail(ErrorCode::kTooLarge, "The chat template used too much memory.");
  }
  return fail(ErrorCode::kInternal,
              fmt::format("The template process ended with status {}.", WEXITSTATUS(status)));
}

namespace {

/// Waits until the socket is ready; false when the time is over.
bool wait_until(int socket, short events, std::chrono::steady_clock::time_point deadline) {
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      return false;
    }
    pollfd waiting{socket, events, 0};
    const int ready = poll(&waiting, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 60'000)));
    if (ready > 0) {
      return true;
    }
    if (ready < 0 && errno != EINTR) {
      return false;
    }
  }
}

}  // namespace

Status ChatProcess::send(std::string_view bytes, Clock::time_point deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      if (!wait_until(socket_, POLLOUT, deadline)) {
        return fail(ErrorCode::kDeadline, std::string(kTookTooLong));
      }
    } else if (errno != EINTR) {
      return ended();
    }
  }
  return {};
}

Status ChatProcess::receive(char* bytes, std::size_t count, Clock::time_point deadline) {
  while (count > 0) {
    const ssize_t got = recv(socket_, bytes, count, 0);
    if (got > 0) {
      bytes += got;
      count -= static_cast<std::size_t>(got);
    } else if (got < 0 && errno == EAGAIN) {
      if (!wait_until(socket_, POLLIN, deadline)) {
        return fail(ErrorCode::kDeadline, std::string(kTookTooLong));
      }
    } else if (got == 0 || errno != EINTR) {
      return ended();
    }
  }
  return {};
}

Result<std::string> ChatProcess::exchange(std::string_view source, std::string_view context_json,
                                          const chat::RenderLimits& limits, Clock::time_point deadline) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(deadline - Clock::now()).count();
  chat_wire::RequestHead head;
  head.source_bytes = static_cast<std::uint32_t>(source.size());
  head.context_bytes = static_cast<std::uint32_t>(context_json.size());
  head.fuel = limits.fuel;
  head.max_output_bytes = std::min(limits.max_output_bytes, chat_wire::kMaxReplyBytes);
  head.now_unix_s = limits.now_unix_s.value_or(std::time(nullptr));
  head.cpu_s = static_cast<std::uint32_t>(std::clamp<std::int64_t>(seconds, 1, 3600));
  std::string message(reinterpret_cast<const char*>(&head), sizeof head);
  message.append(source).append(context_json);
  if (auto sent = send(message, deadline); !sent) {
    return fail(std::move(sent.error()));
  }
  chat_wire::ReplyHead reply;
  if (auto got = receive(reinterpret_cast<char*>(&reply), sizeof reply, deadline); !got) {
    return fail(std::move(got.error()));
  }
  if (reply.text_bytes > chat_wire::kMaxReplyBytes ||
      reply.code > static_cast<std::uint32_t>(ErrorCode::kInternal)) {
    return fail(ErrorCode::kInternal, "The template process answered with something that is no answer.");
  }
  std::string text(reply.text_bytes, '\0');
  if (auto got = receive(text.data(), text.size(), deadline); !got) {
    return fail(std::move(got.error()));
  }
  if (reply.ok != 1) {
    return fail(static_cast<ErrorCode>(reply.code), std::move(text));
  }
  return text;
}

Result<std::string> ChatProcess::render(std::string_view source, std::string_view context_json,
                                        std::chrono::milliseconds deadline,
                                        const chat::RenderLimits& limits) {
  ZS_ASSERT(owner_.value_or(std::this_thread::get_id()) == std::this_thread::get_id());
  owner_ = std::this_thread::get_id();
  if (source.size() + context_json.size() > chat_wire::kMaxRequestBytes) {
    return fail(ErrorCode::kTooLarge, "The chat template and its messages are too large.");
  }
  const auto end = Clock::now() + std::max(deadline, std::chrono::milliseconds(1));
  if (!pid_) {
    if (auto started = start(); !started) {
      return fail(std::move(started.error()));
    }
  }
  auto text = exchange(source, context_json, limits, end);
  const bool broken =
      !text && (text.error().code == ErrorCode::kInternal || text.error().message == kTookTooLong);
  if (broken) {
    stop();  // the child may still be at it: the next rendering gets a fresh one
  }
  return text;
}

}  // namespace zswarm::node
