// Asio's coroutines. Boost 1.74's awaitable.hpp uses std::exchange without including <utility>: that comes
// first.
#pragma once

#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace zswarm::gateway {
namespace asio = boost::asio;
}
