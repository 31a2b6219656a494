#include "bus/zmq/door.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "bus/zmq/tcp.h"

namespace zswarm::bus {
namespace {

// Events that wait for this thread, bounded so that a flood of connections cannot take memory; libzmq's
// thread waits when there are more.
constexpr int kEventsWaiting = 20'000;
constexpr std::size_t kEventsPerTurn = 4096;
constexpr Duration kHandshakeMargin = std::chrono::seconds(1);  // libzmq's timers, and this thread's turns
constexpr std::size_t kMonitorEventBytes = 6;  // number u16, value i32, both as this machine writes them

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

Origin origin_of(const ByteArray<16>& address) {
  Origin origin{address};
  // All machines of a LAN share the first half of a link-local address.
  const bool link_local = address[0] == 0xfe && (address[1] & 0xc0) == 0x80;
  if (link_local || is_mapped(address)) return origin;
  std::fill(origin.bytes.begin() + 8, origin.bytes.end(), std::uint8_t{0});
  return origin;
}

std::optional<Ends> ends_of(int descriptor, std::uint16_t local_port) {
  const auto ends = tcp_ends(descriptor);
  if (!ends || ends->local.port != local_port) return std::nullopt;
  return Ends{origin_of(ends->remote.bytes), ends->remote.bytes, ends->remote.port};
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
      unread_(limits.unread_bytes_of_connection, limits.unread_bytes),
      window_bytes_(limits.subscriber_window_bytes) {}

Status Door::watch(Socket kind, zmq::socket_t& listener, std::uint16_t port) {
  Watched& watched = watched_[static_cast<std::size_t>(kind)];
  const std::string name = fmt::format("inproc://zswarm.door.{}.{}", socket_name(kind), ++names_);
  // libzmq 4.3.4 forgets the reason of a failure while it tells of one: a connection over which something
  // came that cannot be opened then stays, with its input stopped, and the next heartbeat after its end would
  // end the process (sockets.cpp). So failures are only asked for where there are no heartbeats.
  const int failures = kind == Socket::kJoin ? ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL : 0;
  const int events = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | failures;
  if (zmq_socket_monitor(listener.handle(), name.c_str(), events) != 0)
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
  watched.drained = true;
  if (kind == Socket::kGossip) keep_first_segments(listening_descriptor(port));
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
  if (kind == Socket::kGossip) windows_.clear();
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

void Door::notice(Time now) {
  for (std::size_t which = 0; which < kSockets; ++which) {
    if (watched_[which].monitor) read_events(now, which);
  }
}

void Door::read_events(Time now, std::size_t which) {
  Watched& watched = watched_[which];
  for (std::size_t turn = 0; turn < kEventsPerTurn; ++turn) {
    zmq::message_t event, endpoint;
    if (!watched.monitor.recv(event, zmq::recv_flags::dontwait)) return;
    if (event.more()) (void)watched.monitor.recv(endpoint, zmq::recv_flags::dontwait);
    if (event.size() != kMonitorEventBytes) continue;
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
      if (which == static_cast<std::size_t>(Socket::kGossip)) open_window(name, *ends);
    }
  }
}

ConnectionTable::Name Door::name_of(Socket kind, zmq::message_t& part) {
  return {static_cast<std::uint8_t>(kind), zmq_msg_get(part.handle(), ZMQ_SRCFD)};
}

void Door::proved(Socket kind, Received& message) {
  const ConnectionTable::Name name = name_of(kind, message.parts.back());
  unread_.message(name, message.on_wire);
  if (table_.strangers() == 0) return;
  if (const auto surplus = table_.proved(name)) shut_down(*surplus);
}

void Door::end(Socket kind, zmq::message_t& part) {
  const ConnectionTable::Name name = name_of(kind, part);
  const Ends* ends = table_.find(name);
  if (ends == nullptr) return;  // it has ended already
  shut_down({name, *ends});
  closed(name);
}

void Door::open_window(const ConnectionTable::Name& name, const Ends& ends) {
  windows_.erase(name);
  if (look_at(name.descriptor, watched_[name.socket].port) == ends) {
    if (const auto window = ByteWindow::open(looking_at_.number(), window_bytes_))
      windows_.emplace(name, *window);
  }
  let_go();
}

void Door::advance_windows() {
  const bool drained = watched_[static_cast<std::size_t>(Socket::kGossip)].drained;
  std::vector<ConnectionTable::Open> exceeded;
  for (auto& [name, window] : windows_) {
    const Ends* ends = table_.find(name);
    // A window on another connection under the same number would cut that one off.
    if (ends == nullptr || look_at(name.descriptor, watched_[name.socket].port) != *ends) continue;
    if (ByteWindow::is_exceeded(looking_at_.number())) {
      exceeded.push_back({name, *ends});
    } else if (drained) {
      window.advance(looking_at_.number());
    }
  }
  let_go();
  for (const ConnectionTable::Open& open : exceeded) {
    shut_down(open);
    closed(open.name);
  }
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
  windows_.erase(name);
}

void Door::weigh(Time now) {
  weigh_at_ = now + patience();
  table_.for_each([&](const ConnectionTable::Name& name, const Ends&) {
    if (const auto taken = bytes_taken(name.descriptor))
      unread_.weigh(name, *taken, watched_[name.socket].drained);
  });
  advance_windows();
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
