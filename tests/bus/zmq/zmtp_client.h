// The client's side of ZMTP 3.1 (https://rfc.zeromq.org/spec/37/) and CurveZMQ (spec/26) on a plain socket,
// for tests: it says what libzmq never would, as fast as the other side takes it. Blocks, for kPatience at
// most; one thread.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sodium.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

#include "bus/keys/curve.h"
#include "bus/keys/descriptor.h"
#include "bus/keys/endpoint.h"

namespace zswarm::bus {

class ZmtpClient {
 public:
  static constexpr std::uint8_t kMore = 1, kCommand = 2;  // inside a MESSAGE

  /// Connects and shakes hands; the test fails if the other side does not let it in.
  ZmtpClient(const Endpoint& endpoint, const CurvePublicKey& server, const CurveKeyPair& own,
             std::string_view socket_type)
      : server_(server), own_(own.copy()) {
    connect_to(endpoint);
    crypto_box_keypair(short_public_.data(), short_secret_.data());
    EXPECT_TRUE(shake_hands(socket_type));
  }

  /// One part of a message, as bytes for the wire.
  [[nodiscard]] Bytes sealed(ByteView body, std::uint8_t flags = 0) {
    Bytes plain = {flags};
    plain.insert(plain.end(), body.begin(), body.end());
    return frame(command("MESSAGE", with_nonce("CurveZMQMESSAGEC", plain)), 0);
  }
  [[nodiscard]] Bytes subscription(ByteView topic) { return sealed(command("SUBSCRIBE", topic), kCommand); }
  [[nodiscard]] Bytes ping() { return sealed(command("PING", Bytes(2)), kCommand); }

  /// False once the other side has closed, or has read nothing for kPatience.
  bool write(ByteView bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(socket_.number(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    }
    return true;
  }
  /// How many bytes is_closed() has read.
  [[nodiscard]] std::size_t received_bytes() const { return received_; }
  /// Ends the connection with a reset, as a process does that is killed with bytes unread.
  void reset() {
    const linger now{1, 0};
    setsockopt(socket_.number(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    socket_ = Descriptor();
  }
  /// Reads on; true once the other side has closed.
  [[nodiscard]] bool is_closed() {
    char bytes[4096];
    for (;;) {
      const ssize_t got = recv(socket_.number(), bytes, sizeof(bytes), MSG_DONTWAIT);
      if (got > 0) received_ += static_cast<std::size_t>(got);
      if (got == 0) return true;
      if (got < 0) return errno != EAGAIN && errno != EWOULDBLOCK;
    }
  }

 private:
  using Nonce = ByteArray<24>;

  static Bytes joined(std::initializer_list<ByteView> pieces) {
    Bytes all;
    for (const ByteView piece : pieces) all.insert(all.end(), piece.begin(), piece.end());
    return all;
  }
  static Bytes command(std::string_view name, ByteView body) {
    const auto length = static_cast<std::uint8_t>(name.size());
    return joined({ByteView(&length, 1), bytes_of(name), body});
  }
  static Bytes frame(ByteView body, std::uint8_t flags) {
    Bytes head = {flags, static_cast<std::uint8_t>(body.size())};
    if (body.size() > 255) {
      head = {static_cast<std::uint8_t>(flags | 2)};
      for (int shift = 56; shift >= 0; shift -= 8)
        head.push_back(static_cast<std::uint8_t>(std::uint64_t{body.size()} >> shift));
    }
    return joined({head, body});
  }
  static Nonce nonce_of(std::string_view prefix, ByteView rest) {
    Nonce nonce{};
    std::copy(prefix.begin(), prefix.end(), nonce.begin());
    std::copy(rest.begin(), rest.end(), nonce.begin() + static_cast<std::ptrdiff_t>(prefix.size()));
    return nonce;
  }
  ByteArray<8> next_number() {
    ByteArray<8> bytes;
    ++number_;
    for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(number_ >> (56 - 8 * i));
    return bytes;
  }
  /// The short nonce, and the box under the connection's key.
  Bytes with_nonce(std::string_view prefix, ByteView plain) {
    const ByteArray<8> number = next_number();
    Bytes box(plain.size() + crypto_box_MACBYTES);
    crypto_box_easy_afternm(box.data(), plain.data(), plain.size(), nonce_of(prefix, number).data(),
                            shared_.data());
    return joined({number, box});
  }

  void connect_to(const Endpoint& endpoint) {
    socket_ = Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval patience{20, 0};
    const int on = 1;
    setsockopt(socket_.number(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(socket_.number(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    setsockopt(socket_.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    inet_pton(AF_INET, endpoint.host.c_str(), &address.sin_addr);
    EXPECT_EQ(connect(socket_.number(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  Bytes read(std::size_t size) {
    Bytes bytes(size);
    if (recv(socket_.number(), bytes.data(), size, MSG_WAITALL) != static_cast<ssize_t>(size)) return {};
    return bytes;
  }
  Bytes read_frame() {
    const Bytes head = read(2);
    return head.empty() ? Bytes() : read(head[1]);
  }

  bool shake_hands(std::string_view socket_type) {
    Bytes greeting(64);
    greeting[0] = 0xff, greeting[9] = 0x7f, greeting[10] = 3, greeting[11] = 1;
    std::memcpy(greeting.data() + 12, "CURVE", 5);
    if (!write(greeting) || read(64).empty()) return false;

    const ByteArray<8> number = next_number();
    Bytes box(64 + crypto_box_MACBYTES);
    const Bytes zeros(64);
    const int boxed =
        crypto_box_easy(box.data(), zeros.data(), zeros.size(), nonce_of("CurveZMQHELLO---", number).data(),
                        server_.data(), short_secret_.data());
    if (boxed != 0) return false;
    Bytes hello = {1, 0};
    hello.resize(2 + 72);
    if (!write(frame(command("HELLO", joined({hello, short_public_, number, box})), 4))) return false;

    const Bytes welcome = read_frame();
    if (welcome.size() != 168) return false;
    Bytes opened(128);
    if (crypto_box_open_easy(opened.data(), welcome.data() + 24, 144,
                             nonce_of("WELCOME-", ByteView(welcome).subspan(8, 16)).data(), server_.data(),
                             short_secret_.data()) != 0)
      return false;
    const ByteView server_short = ByteView(opened).first(32), cookie = ByteView(opened).subspan(32);
    if (crypto_box_beforenm(shared_.data(), server_short.data(), short_secret_.data()) != 0) return false;

    ByteArray<16> vouch_number;
    randombytes_buf(vouch_number.data(), vouch_number.size());
    const Bytes vouched = joined({short_public_, server_});
    Bytes vouch(vouched.size() + crypto_box_MACBYTES);
    if (crypto_box_easy(vouch.data(), vouched.data(), vouched.size(),
                        nonce_of("VOUCH---", vouch_number).data(), server_short.data(),
                        own_.secret_key.view().data()) != 0)
      return false;
    const ByteArray<4> length = {0, 0, 0, static_cast<std::uint8_t>(socket_type.size())};
    const Bytes plain = joined({own_.public_key, vouch_number, vouch,
                                command("Socket-Type", joined({length, bytes_of(socket_type)}))});
    const Bytes initiate = command("INITIATE", joined({cookie, with_nonce("CurveZMQINITIATE", plain)}));
    if (!write(frame(initiate, 4))) return false;
    const Bytes ready = read_frame();
    return ready.size() > 6 && std::memcmp(ready.data() + 1, "READY", 5) == 0;
  }

  const CurvePublicKey server_;
  const CurveKeyPair own_;
  Descriptor socket_;
  ByteArray<32> short_public_{}, short_secret_{}, shared_{};
  std::uint64_t number_ = 0;
  std::size_t received_ = 0;
};

}  // namespace zswarm::bus
