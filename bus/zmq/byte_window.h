// How many bytes one connection may bring before we look again; the kernel drops what is beyond.
//
// An XPUB of libzmq takes in every subscription as soon as it comes and keeps each topic, some kilobytes for
// one of a few hundred bytes, before anybody can say no: a flood of them would fill the memory and hold up
// the thread of the bus, which the socket is read on, for as long as it goes on. No queue's limit helps,
// since that socket reads its queues to the end whenever it is touched. So each connection to it gets a
// window in bytes: a filter (socket(7), SO_ATTACH_FILTER) lets a segment pass only if its last byte lies
// within the window, and the window is moved on each time that all messages so far were read and found good.
// To the sender it is as if the rest was lost on its way: it sends that again, and who means well never needs
// so much.
//
// Where a connection's first sequence number lies is in the SYN that opened it, which the kernel keeps if the
// listening socket asks for it (TCP_SAVE_SYN, Linux 4.3). Without that, or without filters, there is no
// window. One thread.
#pragma once

#include <cstdint>
#include <optional>

namespace zswarm::bus {

/// From now on the kernel keeps the SYNs of connections to this socket.
void keep_first_segments(int listening);

/// The window of one connection.
class ByteWindow {
 public:
  /// Asks the kernel once where the connection's bytes begin; then so many may come.
  [[nodiscard]] static std::optional<ByteWindow> open(int descriptor, std::uint32_t bytes);
  /// Whether something was beyond the window: then nothing more may come, whatever the other side sends.
  [[nodiscard]] static bool is_exceeded(int descriptor);
  /// All that has come so far is good: as many again may follow it.
  void advance(int descriptor);

 private:
  ByteWindow(std::uint32_t first, std::uint32_t bytes) : first_(first), bytes_(bytes) {}
  [[nodiscard]] bool attach(int descriptor, std::uint64_t begin) const;

  std::uint32_t first_, bytes_;  // sequence number of the first byte; size of the window
  std::uint64_t begin_ = 0;      // of the window, counted from the first byte
};

}  // namespace zswarm::bus
