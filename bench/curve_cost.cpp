// What CURVE costs on ROUTER/DEALER over loopback, beside the same without it.
//
//   curve_cost [rounds=15] [round trips of a round=2000] [megabytes of a round=128]
//
// One thread answers, one asks; each side has its own context with libzmq's one I/O thread. Both kinds of
// sockets stand all the time and take turns within a round, so that what else the machine does hurts both.
// Prints medians over the rounds: the round trip of 64 bytes (and what CURVE adds to it, the median of the
// differences of each round), and megabytes per second of messages of 8 KiB one way, until the last one is
// confirmed.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>
#include <zmq.hpp>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kSmall = 64, kLarge = 8192;
constexpr char kEcho = 'e', kData = 'd', kConfirm = 'c', kStop = 's';

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Keys {
  Keys() {
    if (zmq_curve_keypair(public_key, secret_key) != 0) {
      std::fprintf(stderr, "this libzmq has no CURVE\n");
      std::exit(1);
    }
  }
  char public_key[41], secret_key[41];
};

/// Answers what begins with kEcho, passes over kData, confirms kConfirm, ends with kStop.
void answer(zmq::socket_t& router) {
  zmq::message_t from, message;
  for (;;) {
    if (!router.recv(from) || !router.recv(message)) return;
    const char kind = *message.data<char>();
    if (kind == kStop) return;
    if (kind == kData) continue;
    router.send(from, zmq::send_flags::sndmore);
    router.send(message, zmq::send_flags::none);
  }
}

/// A DEALER and the ROUTER behind it, with or without CURVE.
class Pair {
 public:
  explicit Pair(bool curve) {
    const Keys server, client;
    if (curve) {
      router_.set(zmq::sockopt::curve_server, true);
      router_.set(zmq::sockopt::curve_secretkey, server.secret_key);
      dealer_.set(zmq::sockopt::curve_serverkey, server.public_key);
      dealer_.set(zmq::sockopt::curve_publickey, client.public_key);
      dealer_.set(zmq::sockopt::curve_secretkey, client.secret_key);
    }
    router_.bind("tcp://127.0.0.1:*");
    dealer_.connect(router_.get(zmq::sockopt::last_endpoint));
    answering_ = std::thread([this] { answer(router_); });
    exchange(kEcho);  // the handshake
  }
  ~Pair() {
    send(kStop, kSmall);
    answering_.join();
  }

  /// Microseconds.
  double round_trip(int count) {
    const auto start = Clock::now();
    for (int i = 0; i < count; ++i) exchange(kEcho);
    return seconds_since(start) / count * 1e6;
  }
  /// Megabytes (10^6) per second.
  double throughput(std::size_t messages) {
    const auto start = Clock::now();
    for (std::size_t i = 0; i < messages; ++i) send(kData, kLarge);
    exchange(kConfirm);
    return static_cast<double>(messages * kLarge) / seconds_since(start) / 1e6;
  }

 private:
  void send(char kind, std::size_t bytes) {
    zmq::message_t message(bytes);
    std::memset(message.data(), kind, bytes);
    dealer_.send(message, zmq::send_flags::none);
  }
  void exchange(char kind) {
    send(kind, kSmall);
    zmq::message_t answer;
    if (dealer_.recv(answer) && answer.size() == kSmall) return;
    std::fprintf(stderr, "the answer is not what was sent\n");
    std::exit(1);
  }

  zmq::context_t serving_, asking_;
  zmq::socket_t router_{serving_, zmq::socket_type::router}, dealer_{asking_, zmq::socket_type::dealer};
  std::thread answering_;
};

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 15;
  const int trips = argc > 2 ? std::atoi(argv[2]) : 2000;
  const std::size_t megabytes = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 128;
  if (rounds < 1 || trips < 1 || megabytes < 1) {
    std::fprintf(stderr, "usage: curve_cost [rounds] [round trips of a round] [megabytes of a round]\n");
    return 2;
  }
  Pair plain(false), curve(true);
  const std::size_t messages = megabytes * 1'000'000 / kLarge;
  std::vector<double> trip_plain, trip_curve, added, rate_plain, rate_curve;
  plain.throughput(messages);  // so that both have warmed up
  curve.throughput(messages);
  for (int round = 0; round < rounds; ++round) {
    const bool plain_first = round % 2 == 0;
    for (const bool turn : {true, false}) {
      Pair& pair = turn == plain_first ? plain : curve;
      (turn == plain_first ? trip_plain : trip_curve).push_back(pair.round_trip(trips));
      (turn == plain_first ? rate_plain : rate_curve).push_back(pair.throughput(messages));
    }
    added.push_back(trip_curve.back() - trip_plain.back());
  }
  std::printf("round trip of %zu bytes: %.1f us without, %.1f us with CURVE, %.1f us added\n", kSmall,
              median(trip_plain), median(trip_curve), median(added));
  std::printf("one way, %zu bytes each: %.0f MB/s without, %.0f MB/s with CURVE (best round: %.0f)\n", kLarge,
              median(rate_plain), median(rate_curve),
              *std::max_element(rate_curve.begin(), rate_curve.end()));
  return 0;
}
