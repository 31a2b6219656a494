#!/usr/bin/env bash
# Builds llama.cpp's tools into .cache/llama/bin, for the comparisons in this folder: about ten minutes on two cores, once.
#
# The sources are those inside the Python package llama-cpp-python that tools/packages.sh names, checked by their SHA-256; they are
# built as llama.cpp builds by default (Release, for this machine's processor, OpenMP). Never part of the tests.
#
# One exception: gcc 12 breaks llama.cpp's AMX kernels. Its _tile_loadconfig() says that it reads 8 bytes where the instruction reads
# 64, so the rest of the tile configuration is optimised away, and the first AMX instruction ends the process with SIGILL. Where the
# processor has AMX and the compiler is gcc before 13, such dead stores are kept (-fno-tree-dse -fno-dse) so that AMX works;
# bench/build_llama.sh --no-amx leaves AMX out, to compare kernels of the same instruction set.
set -eu
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tools/lib.sh
. "$root/tools/lib.sh"

flags=""
case ${1:-} in
  --no-amx) flags="-mno-amx-tile -mno-amx-int8 -mno-amx-bf16" ;;
  "")
    if grep -qw amx_tile /proc/cpuinfo && [ "$(gcc -dumpversion | cut -d. -f1)" -lt 13 ]; then flags="-fno-tree-dse -fno-dse"; fi
    ;;
  *) echo "usage: bench/build_llama.sh [--no-amx]" >&2; exit 2 ;;
esac

out="$cache/llama"
source_dir="$out/source"

fetch() {
  make_venv
  pip_fetch "$zswarm_peer_requirement" "$out/fetch" --no-binary :all:
  has_sha256 "$(echo "$out"/fetch/*.tar.gz)" "$zswarm_peer_sha256" || { echo "the source package has another SHA-256 than it should"; return 1; }
  rm -rf "$source_dir"
  mkdir -p "$source_dir"
  tar -xzf "$out"/fetch/*.tar.gz -C "$source_dir" --strip-components=3 --wildcards '*/vendor/llama.cpp/*'
  rm -rf "$out/fetch"
}

build() {
  cmake -S "$source_dir" -B "$out/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF -DLLAMA_BUILD_TESTS=OFF \
    -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_UI=OFF -DLLAMA_OPENSSL=OFF \
    -DCMAKE_C_FLAGS="$flags" -DCMAKE_CXX_FLAGS="$flags" &&
    nice cmake --build "$out/build" --target llama-bench llama-batched-bench llama-perplexity llama-quantize &&
    rm -rf "${out:?}/bin" && cp -r "$out/build/bin" "$out/bin"
}

[ -f "$source_dir/CMakeLists.txt" ] || step "fetch the sources of llama.cpp" fetch || exit 1
step "build llama.cpp's tools" build || exit 1
echo "They are in .cache/llama/bin."
