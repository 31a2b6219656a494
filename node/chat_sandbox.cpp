// The template process itself: the child's side of node/chat_process.h.
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>
#include <list>
#include <string>
#include <utility>

#include "node/chat_process.h"
#include "node/chat_wire.h"

namespace zswarm::node {
namespace {

constexpr std::size_t kKeptTemplates = 32;
constexpr std::size_t kKeptSourceBytes = 4u << 20;
constexpr rlim_t kStackBytes =
    64u << 20;  // deep templates recurse in the engine; an overflow ends this process only

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
#else
constexpr bool kSanitized = false;
#endif

void limit(decltype(RLIMIT_AS) resource, rlim_t soft) {
  rlimit now{};
  getrlimit(resource, &now);
  const rlim_t hard = now.rlim_max;
  const rlim_t value = hard == RLIM_INFINITY ? soft : std::min(soft, hard);
  const rlimit wanted{value, resource == RLIMIT_CPU || resource == RLIMIT_STACK ? hard : value};
  setrlimit(resource, &wanted);
}

void restrict_this_process(std::size_t memory_bytes) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  prctl(PR_SET_DUMPABLE, 0);
  tzset();  // reads the time zone's file while files can still be opened
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, 0);
  limit(RLIMIT_STACK, kStackBytes);
  if (!kSanitized) {
    limit(RLIMIT_NOFILE, 0);
    limit(RLIMIT_NPROC, 0);
    if (memory_bytes > 0) {
      limit(RLIMIT_AS, memory_bytes);
    }
  }
}

/// From now on the process may take `seconds` of processor time, then SIGXCPU ends it: also if nobody waits
/// for it any more.
void limit_processor_time(std::uint32_t seconds) {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  limit(RLIMIT_CPU, static_cast<rlim_t>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + 1 + seconds);
}

bool read_all(int fd, char* bytes, std::size_t count) {
  while (count > 0) {
    const ssize_t got = read(fd, bytes, count);
    if (got == 0 || (got < 0 && errno != EINTR)) {
      return false;
    }
    if (got > 0) {
      bytes += got;
      count -= static_cast<std::size_t>(got);
    }
  }
  return true;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = write(fd, bytes.data(), bytes.size());
    if (sent < 0 && errno != EINTR) {
      return false;
    }
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  return true;
}

/// Compiled templates by their source, the last used first.
class TemplateCache {
 public:
  Result<const chat::ChatTemplate*> get(std::string_view source) {
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
      if (entry->first == source) {
        entries_.splice(entries_.begin(), entries_, entry);
        return &entry->second;
      }
    }
    auto compiled = chat::ChatTemplate::compile(source);
    if (!compiled) {
      return fail(std::move(compiled.error()));
    }
    source_bytes_ += source.size();
    entries_.emplace_front(std::string(source), std::move(*compiled));
    while (entries_.size() > kKeptTemplates || (source_bytes_ > kKeptSourceBytes && entries_.size() > 1)) {
      source_bytes_ -= entries_.back().first.size();
      entries_.pop_back();
    }
    return &entries_.front().second;
  }

 private:
  std::list<std::pair<std::string, chat::ChatTemplate>> entries_;
  std::size_t source_bytes_ = 0;
};

Result<std::string> render(TemplateCache& cache, const chat_wire::RequestHead& head, std::string_view body) {
  const auto compiled = cache.get(body.substr(0, head.source_bytes));
  if (!compiled) {
    return fail(compiled.error());
  }
  chat::RenderLimits limits;
  limits.fuel = head.fuel;
  limits.max_output_bytes = head.max_output_bytes;
  limits.now_unix_s = head.now_unix_s;
  return (*compiled)->render(body.substr(head.source_bytes), limits);
}

bool answer(int fd, const Result<std::string>& result) {
  const std::string& text = result ? *result : result.error().message;
  chat_wire::ReplyHead head;
  head.ok = result ? 1 : 0;
  head.code = result ? 0 : static_cast<std::uint32_t>(result.error().code);
  head.text_bytes = text.size();
  std::string message(reinterpret_cast<const char*>(&head), sizeof head);
  message.append(text);
  return write_all(fd, message);
}

}  // namespace

int chat_sandbox_main(int socket_fd, std::size_t memory_bytes) {
  signal(SIGPIPE, SIG_IGN);
  restrict_this_process(memory_bytes);
  TemplateCache cache;
  chat_wire::RequestHead head;
  while (read_all(socket_fd, reinterpret_cast<char*>(&head), sizeof head)) {
    const std::size_t size = std::size_t{head.source_bytes} + head.context_bytes;
    if (size > chat_wire::kMaxRequestBytes) {
      return 2;
    }
    limit_processor_time(head.cpu_s);
    std::string body(size, '\0');
    if (!read_all(socket_fd, body.data(), size) || !answer(socket_fd, render(cache, head, body))) {
      return 1;
    }
  }
  return 0;
}

std::optional<int> run_if_chat_sandbox(int argc, char** argv) {
  if (argc != 3 || std::strcmp(argv[1], "template-sandbox") != 0) {
    return std::nullopt;
  }
  const std::string_view text = argv[2];
  std::size_t memory_bytes = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), memory_bytes);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) {
    return 2;
  }
  return chat_sandbox_main(STDIN_FILENO, memory_bytes);
}

}  // namespace zswarm::node
