#include "bus/zmq/door.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace zswarm::bus {
namespace {

// Events that wait for this thread, bounded so that a flood of connections cannot take memory; libzmq's
// thread waits when there are more.
constexpr int kEventsWaiting = 20'000;
constexpr std::size_t kEventsPerTurn = 4096;
constexpr Duration kHandshakeMargin = std::chrono::seconds(1);  // libzmq's timers, and this thread's turns
constexpr std::size_t kEventBytes = 6;  // number u16, value i32, both as this machine writes them

std::size_t descriptors_of_process() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return SIZE_MAX;
  return static_cast<std::size_t>(limit.rlim_cur);
}

ConnectionTable::Limits table_limits(const SocketLimits& limits) {
  const std::size_t descriptors = descriptors_of_process();
  return {.all = std::min(limits.connections, descriptors / 2),
          .of_origin = limits.connections_of_address,
          .strangers = std::min(limits.strangers, descriptors / 8),
          .strangers_of_origin = std::min(limits.strangers_of_address, descriptors / 16),
          .handshake = limits.handshake + kHandshakeMargin};
}

/// How many bytes have come over a connection; none if it is no TCP connection, or an older kernel's.
std::optional<std::uint64_t> received_bytes(int descriptor) {
  tcp_info info{};
  socklen_t bytes = sizeof(info);
  constexpr auto kNeeded = offsetof(tcp_info, tcpi_bytes_received) + sizeof(info.tcpi_bytes_received);
  if (getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &bytes) != 0 || bytes < kNeeded)
    return std::nullopt;
  return info.tcpi_bytes_received;
}

constexpr ByteArray<12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};  // of IPv4 in IPv6

struct Address {
  ByteArray<16> bytes{};
  std::uint16_t port = 0;
};

std::optional<Address> address_of(const sockaddr_storage& storage) {
  Address address;
  if (storage.ss_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, &storage, sizeof(v6));
    std::memcpy(address.bytes.data(), &v6.sin6_addr, address.bytes.size());
    address.port = ntohs(v6.sin6_port);
    return address;
  }
  if (storage.ss_family != AF_INET) return std::nullopt;
  sockaddr_in v4;
  std::memcpy(&v4, &storage, sizeof(v4));
  address.bytes[10] = address.bytes[11] = 0xff;
  std::memcpy(address.bytes.data() + 12, &v4.sin_addr, 4);
  address.port = ntohs(v4.sin_port);
  return address;
}

std::string host_text(const ByteArray<16>& address) {
  char text[INET6_ADDRSTRLEN];
  const bool is_v4 = std::equal(kMapped.begin(), kMapped.end(), address.begin());
  const void* bytes = is_v4 ? address.data() + kMapped.size() : address.data();
  return inet_ntop(is_v4 ? AF_INET : AF_INET6, bytes, text, sizeof(text)) != nullptr ? text : "";
}

Origin origin_of(const ByteArray<16>& address) {
  Origin origin{address};
  // All machines of a LAN share the first half of a link-local address.
  const bool link_local = address[0] == 0xfe && (address[1] & 0xc0) == 0x80;
  if (link_local || std::equal(kMapped.begin(), kMapped.end(), address.begin())) return origin;
  std::fill(origin.bytes.begin() + 8, origin.bytes.end(), std::uint8_t{0});
  return origin;
}

std::optional<Ends> ends_of(int descriptor, std::uint16_t local_port) {
  sockaddr_storage local{}, remote{};
  socklen_t local_bytes = sizeof(local), remote_bytes = sizeof(remote);
  if (getsockname(descriptor, reinterpret_cast<sockaddr*>(&local), &local_bytes) != 0 ||
      getpeername(descriptor, reinterpret_cast<sockaddr*>(&remote), &remote_bytes) != 0)
    return std::nullopt;
  const auto here = address_of(local), there = address_of(remote);
  if (!here || !there || here->port != local_port) return std::nullopt;
  return Ends{origin_of(there->bytes), there->bytes, there->port};
}

}  // namespace

Result<Door> Door::open(zmq::context_t& context, const SocketLimits& limits) {
  Descriptor nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  Descriptor looking_at(nothing.open() ? fcntl(nothing.number(), F_DUPFD_CLOEXEC, 0) : -1);
  if (!looking_at.open()) {
    return fail(ErrorCode::kIo, fmt::format("the process has no file descriptors left ({}): raise ulimit -n",
                                            std::strerror(errno)));
  }
  return Door(context, limits, std::move(nothing), std::move(looking_at));
}

Door::Door(zmq::context_t& context, const SocketLimits& limits, Descriptor nothing, Descriptor looking_at)
    : context_(&context),
      table_(table_limits(limits)),
      nothing_(std::move(nothing)),
      looking_at_(std::move(looking_at)),
      unread_(limits.unread_bytes_of_connection, limits.unread_bytes) {}

Status Door::watch(Socket kind, zmq::socket_t& listener, std::uint16_t port) {
  Watched& watched = watched_[static_cast<std::size_t>(kind)];
  const std::string name = fmt::format("inproc://zswarm.door.{}.{}", socket_name(kind), ++names_);
  constexpr int kEvents = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL;
  if (zmq_socket_monitor(listener.handle(), name.c_str(), kEvents) != 0)
    return fail(ErrorCode::kIo,
                fmt::format("cannot watch the {} socket: {}", socket_name(kind), zmq_strerror(zmq_errno())));
  try {
    watched.monitor = zmq::socket_t(*context_, zmq::socket_type::pair);
    watched.monitor.set(zmq::sockopt::linger, 0);
    watched.monitor.set(zmq::sockopt::rcvhwm, kEventsWaiting);
    watched.monitor.connect(name);
  } catch (const zmq::error_t& error) {
    (void)zmq_socket_monitor(listener.handle(), nullptr, 0);
    return fail(ErrorCode::kIo,
                fmt::format("cannot watch the {} socket: {}", socket_name(kind), error.what()));
  }
  watched.port = port;
  return {};
}

void Door::stop(Socket kind, zmq::socket_t& listener) {
  const auto which = static_cast<std::size_t>(kind);
  // First the side that writes, so that it never waits for a reader that has gone.
  if (listener) (void)zmq_socket_monitor(listener.handle(), nullptr, 0);
  watched_[which].monitor.close();
  table_.for_each([&](const ConnectionTable::Name& name, const Ends&) {
    if (name.socket == which) unread_.closed(name);
  });
  table_.closed_all(static_cast<std::uint8_t>(which));
}

void Door::add_poll_items(std::vector<zmq::pollitem_t>& items) {
  for (Watched& watched : watched_)
    items.push_back({watched.monitor.handle(), watched.monitor ? 0 : -1, ZMQ_POLLIN, 0});
}

void Door::poll_done(Time now, const std::vector<zmq::pollitem_t>& items, std::size_t first) {
  for (std::size_t which = 0; which < kSockets; ++which) {
    if ((items[first + which].revents & ZMQ_POLLIN) != 0) read_events(now, which);
  }
}

void Door::read_events(Time now, std::size_t which) {
  Watched& watched = watched_[which];
  for (std::size_t turn = 0; turn < kEventsPerTurn; ++turn) {
    zmq::message_t event, endpoint;
    if (!watched.monitor.recv(event, zmq::recv_flags::dontwait)) return;
    if (event.more()) (void)watched.monitor.recv(endpoint, zmq::recv_flags::dontwait);
    if (event.size() != kEventBytes) continue;
    std::uint16_t number = 0;
    std::int32_t value = 0;
    std::memcpy(&number, event.data(), sizeof(number));
    std::memcpy(&value, event.data<std::uint8_t>() + sizeof(number), sizeof(value));
    const ConnectionTable::Name name{static_cast<std::uint8_t>(which), value};
    if (number == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL) {
      // libzmq's one thread tells of the failure and then, before anything else, of the connection's end.
      watched.wrong_key = value == ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC;
    } else if (number == ZMQ_EVENT_DISCONNECTED) {
      if (std::exchange(watched.wrong_key, false)) note_wrong_key(name);
      closed(name);
    } else if (const auto ends = ends_of(value, watched.port)) {
      if (const auto surplus = table_.opened(now, name, *ends)) shut_down(*surplus);
    }
  }
}

void Door::proved(Socket kind, zmq::message_t& part) {
  const int descriptor = zmq_msg_get(part.handle(), ZMQ_SRCFD);
  const ConnectionTable::Name name{static_cast<std::uint8_t>(kind), descriptor};
  unread_.message(name);
  if (table_.strangers() == 0) return;
  if (const auto surplus = table_.proved(name)) shut_down(*surplus);
}

std::optional<Ends> Door::look_at(int descriptor, std::uint16_t port) {
  if (dup3(descriptor, looking_at_.number(), O_CLOEXEC) < 0) return std::nullopt;
  return ends_of(looking_at_.number(), port);
}

void Door::let_go() {
  // A second name for a connection would keep it from being closed.
  (void)dup3(nothing_.number(), looking_at_.number(), O_CLOEXEC);
}

void Door::shut_down(const ConnectionTable::Open& open) {
  const auto ends = look_at(open.name.descriptor, watched_[open.name.socket].port);
  if (ends == open.ends && shutdown(looking_at_.number(), SHUT_RDWR) == 0) ++shut_;
  let_go();
  unread_.closed(open.name);
}

void Door::tick(Time now) {
  for (const ConnectionTable::Open& surplus : table_.ripen(now)) shut_down(surplus);
  if (weigh_at_ <= now) weigh(now);
  if (sweep_at_ > now) return;
  sweep_at_ = now + kSweepEvery;
  std::vector<ConnectionTable::Name> gone;
  table_.for_each([&](const ConnectionTable::Name& name, const Ends& ends) {
    if (ends_of(name.descriptor, watched_[name.socket].port) != ends) gone.push_back(name);
  });
  for (const ConnectionTable::Name& name : gone) closed(name);
}

void Door::note_wrong_key(const ConnectionTable::Name& name) {
  const Ends* ends = table_.find(name);
  if (ends == nullptr || name.socket != static_cast<std::uint8_t>(Socket::kJoin)) return;
  if (wrong_keys_.size() >= kWrongKeys) wrong_keys_.erase(wrong_keys_.begin());
  wrong_keys_.push_back(host_text(ends->address));
}

void Door::closed(const ConnectionTable::Name& name) {
  table_.closed(name);
  unread_.closed(name);
}

void Door::weigh(Time now) {
  weigh_at_ = now + patience();
  table_.for_each([&](const ConnectionTable::Name& name, const Ends&) {
    if (const auto received = received_bytes(name.descriptor)) unread_.weigh(name, *received);
  });
  while (const auto surplus = unread_.surplus()) {
    const Ends* ends = table_.find(*surplus);
    if (ends == nullptr) continue;
    shut_down({*surplus, *ends});
  }
}

Duration Door::patience() const {
  return unread_.unread() > kWeighSoonBytes ? kWeighSoon : kWeighEvery;
}

}  // namespace zswarm::bus
