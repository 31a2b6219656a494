// A blocking HTTP client that sends exactly the bytes it is told: for tests of a server's manners.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zswarm::test {

struct HttpAnswer {
  int status = 0;                              // 0: the connection ended before an answer
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;                            // chunks joined
};

class RawConnection {
 public:
  explicit RawConnection(std::uint16_t port, std::chrono::seconds timeout = std::chrono::seconds(20));
  ~RawConnection();
  RawConnection(RawConnection&& other) noexcept;
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  /// False if the other side has closed.
  bool send(std::string_view bytes);
  /// One answer. `head_only` for answers to HEAD.
  HttpAnswer answer(bool head_only = false);
  /// Bytes until `text` has been seen (included), or what came before the end.
  std::string read_until(std::string_view text);
  /// True if the other side closes (or resets) before the timeout; what it sends before is dropped.
  bool closed_by_peer();
  void close();
  /// Closes with a reset instead of an orderly end.
  void reset();
  void shrink_receive_buffer();
  [[nodiscard]] int fd() const { return fd_; }

 private:
  bool fill();
  int fd_ = -1;
  std::string buffer_;
};

/// "POST path" with a JSON body and keep-alive.
[[nodiscard]] std::string post(std::string_view path, std::string_view body,
                               std::string_view extra_headers = "");
[[nodiscard]] std::string get(std::string_view path, std::string_view extra_headers = "");

/// The data of the server-sent events in `body`.
[[nodiscard]] std::vector<std::string> events_of(std::string_view body);

}  // namespace zswarm::test
