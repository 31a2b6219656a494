#include "bus/zmq/names.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <mutex>

#include "bus/zmq/interfaces.h"

namespace zswarm::bus {
namespace {

std::string text_of(const addrinfo& found) {
  char text[INET6_ADDRSTRLEN];
  if (found.ai_family == AF_INET) {
    const auto& address = reinterpret_cast<const sockaddr_in*>(found.ai_addr)->sin_addr;
    return inet_ntop(AF_INET, &address, text, sizeof text) == nullptr ? "" : text;
  }
  if (found.ai_family != AF_INET6) return {};
  const auto& address = reinterpret_cast<const sockaddr_in6*>(found.ai_addr)->sin6_addr;
  if (IN6_IS_ADDR_LINKLOCAL(&address)) return {};  // of no use without its interface
  return inet_ntop(AF_INET6, &address, text, sizeof text) == nullptr ? "" : text;
}

}  // namespace

/// What the C library's threads read and write until the query is done; it must not move or go before.
struct Names::Query {
  explicit Query(std::string name) : host(std::move(name)) {
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    request.ar_name = host.c_str();
    request.ar_request = &hints;
  }
  ~Query() {
    if (request.ar_result != nullptr) freeaddrinfo(request.ar_result);
  }
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  [[nodiscard]] std::vector<std::string> addresses() const {
    std::vector<std::string> texts;
    for (const addrinfo* a = request.ar_result; a != nullptr && texts.size() < kAddressesMax;
         a = a->ai_next) {
      std::string text = text_of(*a);
      if (!text.empty() && std::find(texts.begin(), texts.end(), text) == texts.end())
        texts.push_back(std::move(text));
    }
    return texts;
  }

  const std::string host;
  addrinfo hints{};
  gaicb request{};
};

Names::Names() = default;

Names::~Names() {
  for (auto& [host, entry] : entries_) abandon(std::move(entry.query));
}

void Names::abandon(std::unique_ptr<Query> query) {
  // One that a thread of the C library is at work on cannot be called back, and must not go before that is
  // done. Such queries wait here for the next one that is given up, or the end of the process; they are few,
  // at most one for each name that no server answers. Never destroyed, since threads may outlast main().
  static std::mutex mutex;
  static auto& left = *new std::vector<std::unique_ptr<Query>>;
  const std::lock_guard lock(mutex);
  std::erase_if(left, [](const auto& old) { return gai_error(&old->request) != EAI_INPROGRESS; });
  if (!query || gai_error(&query->request) != EAI_INPROGRESS) return;
  if (gai_cancel(&query->request) == EAI_NOTCANCELED) left.push_back(std::move(query));
}

void Names::ask(const std::string& host, Entry& entry) {
  entry.query = std::make_unique<Query>(host);
  gaicb* list[] = {&entry.query->request};
  // Without memory or threads the name stays unknown for a while, like one that is not found.
  if (getaddrinfo_a(GAI_NOWAIT, list, 1, nullptr) != 0) {
    entry.query.reset();
    entry.known = true;
    return;
  }
  waiting_ += 1;
}

void Names::make_room() {
  if (entries_.size() < kMost) return;
  const auto oldest = std::min_element(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
    return a.second.asked < b.second.asked;
  });
  if (oldest->second.query) waiting_ -= 1;
  abandon(std::move(oldest->second.query));
  entries_.erase(oldest);
}

std::optional<std::vector<std::string>> Names::find(Time now, const std::string& host) {
  if (is_address(host)) return std::vector<std::string>{host};
  if (!entries_.contains(host)) make_room();
  Entry& entry = entries_[host];
  entry.asked = now;
  if (!entry.query && entry.until <= now) {
    entry.until = now + kKeepUnknown;
    ask(host, entry);
  }
  if (!entry.known) return std::nullopt;
  return entry.addresses;
}

std::vector<std::string> Names::poll(Time now) {
  std::vector<std::string> found;
  if (waiting_ == 0) return found;
  for (auto& [host, entry] : entries_) {
    if (!entry.query) continue;
    const int state = gai_error(&entry.query->request);
    if (state == EAI_INPROGRESS) continue;
    waiting_ -= 1;
    auto addresses = state == 0 ? entry.query->addresses() : std::vector<std::string>();
    entry.query.reset();
    entry.until = now + (addresses.empty() ? kKeepUnknown : kKeep);
    // An answer that fails later on does not undo what was known.
    if (!addresses.empty() || !entry.known) entry.addresses = std::move(addresses);
    entry.known = true;
    found.push_back(host);
  }
  return found;
}

}  // namespace zswarm::bus
