#include "tools/local_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <nlohmann/json.hpp>
#include <thread>
#include <zmq.hpp>

#include "bus/keys/descriptor.h"
#include "tools/files.h"

namespace zswarm::tools {

namespace {

constexpr std::int64_t kMaxRequestBytes = 64 << 10;
constexpr std::int64_t kMaxAnswerBytes = 64 << 20;  // a status with every member
constexpr int kHandshakeMs = 2000;
constexpr std::string_view kScheme = "ipc://";

/// ZeroMQ's address of the socket. Paths of sockets are short (108 bytes), those of folders are not: the
/// folder is reached through its descriptor, which must stay open until the socket is bound or connected.
Result<std::pair<bus::Descriptor, std::string>> address_in(const std::filesystem::path& folder) {
  bus::Descriptor opened(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!opened.open()) return fail(ErrorCode::kNotFound, fmt::format("There is no folder {}.", shown(folder)));
  std::string address = fmt::format("{}/proc/self/fd/{}/node.sock", kScheme, opened.number());
  return std::pair(std::move(opened), std::move(address));
}

/// Without it a request to a node that has been killed would wait for an answer.
bool somebody_listens(std::string_view address) {
  sockaddr_un place{};
  place.sun_family = AF_UNIX;
  address.remove_prefix(kScheme.size());
  address.copy(place.sun_path, sizeof(place.sun_path) - 1);
  const bus::Descriptor probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return probe.open() &&
         connect(probe.number(), reinterpret_cast<const sockaddr*>(&place), sizeof(place)) == 0;
}

std::string text_of(const nlohmann::ordered_json& value) {
  return value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string answer_to(const LocalServer::Handler& handler, const zmq::message_t& message) {
  const auto request = nlohmann::json::parse(message.to_string_view(), nullptr, false);
  if (request.is_discarded() || !request.is_object())
    return text_of({{"error", "This is no request in JSON."}});
  auto result = handler(request);
  if (!result) return text_of({{"error", result.error().message}});
  return text_of({{"result", std::move(*result)}});
}

void limit_socket(zmq::socket_t& socket, std::int64_t max_message) {
  socket.set(zmq::sockopt::maxmsgsize, max_message);
  socket.set(zmq::sockopt::handshake_ivl, kHandshakeMs);
  socket.set(zmq::sockopt::linger, 0);
}

}  // namespace

struct LocalServer::Thread {
  bus::Descriptor folder;
  zmq::context_t context;
  zmq::socket_t socket{context, zmq::socket_type::rep};
  Handler handler;
  std::thread thread;

  void serve() {
    try {
      for (zmq::message_t request;;) {
        if (!socket.recv(request)) continue;
        const std::string answer = answer_to(handler, request);
        socket.send(zmq::buffer(answer));
      }
    } catch (const zmq::error_t& error) {
      if (error.num() != ETERM) throw;  // anything but the context's shutdown is a bug
    }
    socket.close();
  }
};

LocalServer::LocalServer(std::unique_ptr<Thread> thread) : thread_(std::move(thread)) {}

Result<std::unique_ptr<LocalServer>> LocalServer::start(const std::filesystem::path& folder,
                                                        Handler handler) {
  auto address = address_in(folder);
  if (!address) return fail(std::move(address.error()));
  auto thread = std::make_unique<Thread>();
  thread->folder = std::move(address->first);
  thread->handler = std::move(handler);
  limit_socket(thread->socket, kMaxRequestBytes);
  try {
    thread->socket.bind(address->second);
  } catch (const zmq::error_t& error) {
    return fail(ErrorCode::kIo,
                fmt::format("The socket in {} cannot be opened: {}.", shown(folder), error.what()));
  }
  thread->thread = std::thread([server = thread.get()] { server->serve(); });
  return std::unique_ptr<LocalServer>(new LocalServer(std::move(thread)));
}

LocalServer::~LocalServer() {
  thread_->context.shutdown();
  thread_->thread.join();
}

Result<nlohmann::json> ask_local_node(const std::filesystem::path& folder,
                                      const nlohmann::ordered_json& request,
                                      std::chrono::milliseconds patience) {
  auto address = address_in(folder);
  if (!address || !somebody_listens(address->second)) {
    return fail(
        ErrorCode::kNotFound,
        fmt::format(
            "No node runs with the data folder {}. Start one (zswarm worker, or zswarm run MODEL --p2p), or "
            "name its folder with --data.",
            shown(folder)));
  }
  try {
    zmq::context_t context;
    zmq::socket_t socket(context, zmq::socket_type::req);
    limit_socket(socket, kMaxAnswerBytes);
    socket.set(zmq::sockopt::rcvtimeo, static_cast<int>(patience.count()));
    socket.set(zmq::sockopt::sndtimeo, static_cast<int>(patience.count()));
    socket.connect(address->second);
    zmq::message_t answer;
    const std::string text = text_of(request);
    if (!socket.send(zmq::buffer(text)) || !socket.recv(answer))
      return fail(ErrorCode::kUnavailable, "The node does not answer; try again.");
    auto read = nlohmann::json::parse(answer.to_string_view(), nullptr, false);
    if (!read.is_object()) return fail(ErrorCode::kCorrupt, "The node's answer cannot be read.");
    if (const auto error = read.find("error"); error != read.end())
      return fail(ErrorCode::kInvalidArgument,
                  error->is_string() ? error->get<std::string>() : "It refused.");
    return std::move(read["result"]);
  } catch (const zmq::error_t& error) {
    return fail(ErrorCode::kIo, fmt::format("The node's socket in {}: {}.", shown(folder), error.what()));
  }
}

}  // namespace zswarm::tools
