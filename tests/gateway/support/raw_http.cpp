#include "tests/gateway/support/raw_http.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace zswarm::test {

RawConnection::RawConnection(std::uint16_t port, std::chrono::seconds timeout) {
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval limit{timeout.count(), 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    throw std::runtime_error("connect failed");
}

RawConnection::RawConnection(RawConnection&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), buffer_(std::move(other.buffer_)) {}

RawConnection::~RawConnection() {
  close();
}

void RawConnection::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void RawConnection::reset() {
  const linger now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  close();
}

void RawConnection::shrink_receive_buffer() {
  const int bytes = 4096;
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

bool RawConnection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool RawConnection::fill() {
  char piece[65536];
  const ssize_t got = ::recv(fd_, piece, sizeof(piece), 0);
  if (got <= 0) return false;
  buffer_.append(piece, static_cast<std::size_t>(got));
  return true;
}

std::string RawConnection::read_until(std::string_view text) {
  for (;;) {
    const auto found = buffer_.find(text);
    if (found != std::string::npos) {
      std::string out = buffer_.substr(0, found + text.size());
      buffer_.erase(0, out.size());
      return out;
    }
    if (!fill()) return std::exchange(buffer_, {});
  }
}

bool RawConnection::closed_by_peer() {
  char piece[65536];
  for (;;) {
    const ssize_t got = ::recv(fd_, piece, sizeof(piece), 0);
    if (got == 0) return true;
    if (got < 0) return errno != EAGAIN && errno != EWOULDBLOCK;
  }
}

HttpAnswer RawConnection::answer(bool head_only) {
  HttpAnswer out;
  std::string head = read_until("\r\n\r\n");
  if (!head.starts_with("HTTP/1.1 ") || !head.ends_with("\r\n\r\n")) return out;
  out.status = std::atoi(head.c_str() + 9);
  std::size_t at = head.find("\r\n") + 2;
  while (at + 2 < head.size()) {
    const auto end = head.find("\r\n", at);
    const auto colon = head.find(": ", at);
    std::string name = head.substr(at, colon - at);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    out.headers[name] = head.substr(colon + 2, end - colon - 2);
    at = end + 2;
  }
  if (head_only) return out;
  if (out.headers.contains("content-length")) {
    const auto length = std::strtoull(out.headers["content-length"].c_str(), nullptr, 10);
    while (buffer_.size() < length && fill()) {
    }
    out.body = buffer_.substr(0, length);
    buffer_.erase(0, out.body.size());
    return out;
  }
  if (!out.headers.contains("transfer-encoding")) {
    while (fill()) {
    }
    out.body = std::exchange(buffer_, {});
    return out;
  }
  for (;;) {
    const std::string size_line = read_until("\r\n");
    if (size_line.empty()) return out;
    const auto size = std::strtoull(size_line.c_str(), nullptr, 16);
    while (buffer_.size() < size + 2 && fill()) {
    }
    if (buffer_.size() < size + 2) return out;
    out.body += buffer_.substr(0, size);
    buffer_.erase(0, size + 2);
    if (size == 0) return out;
  }
}

std::string post(std::string_view path, std::string_view body, std::string_view extra_headers) {
  return fmt::format(
      "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
      "{}\r\n{}\r\n{}",
      path, body.size(), extra_headers, body);
}

std::string get(std::string_view path, std::string_view extra_headers) {
  return fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", path, extra_headers);
}

std::vector<std::string> events_of(std::string_view body) {
  std::vector<std::string> out;
  while (!body.empty()) {
    const auto end = body.find("\n\n");
    if (end == std::string_view::npos || !body.starts_with("data: ")) {
      out.push_back("BROKEN: " + std::string(body));
      return out;
    }
    out.emplace_back(body.substr(6, end - 6));
    body.remove_prefix(end + 2);
  }
  return out;
}

}  // namespace zswarm::test
