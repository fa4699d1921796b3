#!/bin/sh
# Makes this machine ready for Thaw, each step only when it is not done yet, then does what an npm script asks for.
#
#   bootstrap.sh setup | demo | test [room...] | start | bench | check
#
# It runs before anything is installed: a POSIX shell, apt, npm and whatever Node came with it are all that it has.
# Everything after it runs with the Node of package.json.
set -eu

mode=${1:-setup}
[ $# -eq 0 ] || shift
cd "$(dirname "$0")/../.."
root=$(pwd -P)
node=$root/node_modules/.bin/node

# What runtime-images, platform/host and builders call. bash, coreutils, findutils, tar and util-linux are always there.
packages='ca-certificates curl debian-archive-keyring e2fsprogs gcc git iproute2 libc6-dev mmdebstrap nftables procps qemu-system-x86 qemu-utils'
# The control plane is tested on a real Postgres too, installs with pip, databases with psycopg, pages in a real browser. Ubuntu has Chromium as a
# snap alone.
test_packages='postgresql python3-pip python3-psycopg python3-venv'
! grep -qs '^ID=debian$' /etc/os-release || test_packages="$test_packages chromium"

# What the edge is compared with, and what sends the requests. Unpacked and not installed: their services would start.
bench_packages='caddy nginx wrk xfsprogs'

# --- telling

tell() { printf 'setup: %s\n' "$1" >&2; }

# fail <what happened> <what to do next>
fail() {
  printf 'Error: %s\n%s\n' "$1" "$2" >&2
  exit 1
}

now() { date +%s%3N; }

# since <time of `now`>: seconds with one decimal
since() {
  passed=$(($(now) - $1))
  printf '%d.%d s' $((passed / 1000)) $((passed % 1000 / 100))
}

# quietly <command...>: its output is shown when it fails, and then alone
quietly() {
  log=$(mktemp)
  if "$@" >"$log" 2>&1 </dev/null; then
    rm -f "$log"
  else
    code=$?
    tail -n 40 "$log" >&2
    rm -f "$log"
    return "$code"
  fi
}

# --- the surroundings

# npm puts its own entries first on PATH. The system's npm must go on finding the system's Node: Debian's needs it.
plain_path() {
  kept=
  IFS=:
  for entry in $PATH; do
    case $entry in
      *node_modules/.bin | *node-gyp-bin) ;;
      *) kept=${kept:+$kept:}$entry ;;
    esac
  done
  unset IFS
  # `su` leaves the system's directories out; Go's is where its own installer puts it.
  printf '%s' "$kept:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/go/bin"
}

# What npm tells its scripts is of no use to npm itself, to the server, or to what they start.
forget_npm_script() {
  noise='npm_lifecycle_[a-z]*\|npm_package_[a-z_]*\|npm_command\|npm_execpath\|npm_node_execpath\|npm_config_local_prefix\|npm_config_global_prefix'
  for name in $(env | sed -n "s/^\\($noise\\)=.*/\\1/p"); do unset "$name"; done
}

require_machine() {
  [ "$(uname -sm)" = 'Linux x86_64' ] ||
    fail "Thaw runs on Linux on x86-64; this is $(uname -sm)." 'Use such a machine; `thaw` itself works from here with THAW_URL.'
  [ "$(id -u)" = 0 ] ||
    fail 'Namespaces, taps and packages need root.' "Run it as root: sudo npm run $mode"
}

# --- steps

go_is_usable() {
  version=$(go version 2>/dev/null) || return 1
  version=${version#go version go}
  major=${version%%.*}
  minor=${version#*.}
  minor=${minor%%[!0-9]*}
  # 1.19 is what Debian 12 has, and what our go.mod files ask for.
  [ "$major" -gt 1 ] || [ "$minor" -ge 19 ]
} 2>/dev/null

# system_packages <name...>
system_packages() {
  started=$(now)
  command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
    fail 'There is no apt on this machine.' 'Thaw is set up on Debian 12 or 13 and on Ubuntu 24.04; runtime images are made with apt too.'
  go_is_usable || set -- "$@" golang-go
  installed=$(dpkg-query -W -f '${Package} ${db:Status-Abbrev}\n' "$@" 2>/dev/null | sed -n 's/ ii *$//p') || true
  missing=
  for name in "$@"; do
    case "
$installed
" in
      *"
$name
"*) ;;
      *) missing="$missing $name" ;;
    esac
  done
  if [ -z "$missing" ]; then
    tell "system packages are there ($(since "$started"))"
    return
  fi
  tell "installing system packages:$missing"
  # A broken source of something else does not matter: what counts is whether the packages can be installed.
  quietly apt_get update || tell 'apt-get update did not fully work; trying with what is known'
  # shellcheck disable=SC2086 # names without spaces
  quietly apt_get install --yes --no-install-recommends $missing ||
    fail 'The system packages could not be installed.' "See above. Check the network and apt's sources (on Ubuntu \"universe\" has to be on), then run it again."
  tell "system packages installed ($(since "$started"))"
}

# unpacked_packages <directory> <name...>: their files below the directory, with those of LuaJIT, which wrk is linked with
unpacked_packages() {
  started=$(now)
  directory=$1
  shift
  if [ -e "$directory/.complete" ]; then
    tell "$* are there ($(since "$started"))"
    return
  fi
  tell "fetching $*"
  rm -rf "$directory"
  mkdir -p "$directory"
  library=$(apt-cache depends wrk 2>/dev/null | sed -n 's/.*Depends: \(libluajit[^ ]*\)$/\1/p')
  quietly apt_get update || true
  # shellcheck disable=SC2086 # one name or none
  (cd "$directory" && quietly apt_get download "$@" $library) ||
    fail 'The programs to compare with could not be fetched.' "See above. Check the network and apt's sources, then run it again."
  for archive in "$directory"/*.deb; do
    dpkg-deb -x "$archive" "$directory"
    rm "$archive"
  done
  : >"$directory/.complete"
  tell "fetched ($(since "$started"))"
}

# object_store: the S3-compatible store that tests keep backups in, a program in a Python package
object_store() {
  started=$(now)
  wanted=test/fixtures/object-store.txt
  if cmp -s "$wanted" .cache/object-store/complete; then
    tell "the store for tests is there ($(since "$started"))"
    return
  fi
  tell 'fetching the store for tests'
  rm -rf .cache/object-store
  mkdir -p .cache/object-store
  quietly python3 -m pip install --no-deps --only-binary :all: --require-hashes --no-compile --target .cache/object-store -r "$wanted" ||
    fail 'The S3-compatible store for tests could not be fetched.' 'See above. Check the network and the index that `python3 -m pip config list` names, then run it again.'
  cp "$wanted" .cache/object-store/complete
  tell "fetched ($(since "$started"))"
}

apt_get() {
  DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -q -o DPkg::Lock::Timeout=600 "$@"
}

npm_packages_are_there() {
  [ -f node_modules/.package-lock.json ] && [ -x "$node" ] && ! [ package-lock.json -nt node_modules/.package-lock.json ]
}

# An npm that runs on an older Node than ours leaves out some of the packages that are for ours.
add_left_out() {
  "$node" --version >/dev/null || return
  left_out=$("$node" platform/setup/left-out.ts) || return
  # shellcheck disable=SC2086 # names without spaces
  [ -z "$left_out" ] || quietly npm install --no-save --ignore-scripts --no-audit --no-fund $left_out
}

npm_packages() {
  started=$(now)
  if npm_packages_are_there; then
    tell "npm packages are there ($(since "$started"))"
    return
  fi
  command -v npm >/dev/null || fail 'There is no npm on the PATH.' 'Install Node and npm, in whatever version.'
  mkdir -p .cache
  exec 9>.cache/setup.lock
  flock 9
  # Another process may have installed them meanwhile.
  if ! npm_packages_are_there; then
    tell 'installing npm packages'
    # The scripts of `node` and `esbuild` fetch and link their programs; checks need what is for development.
    # Not `npm ci`: it refuses a lockfile made where a registry did not carry every other platform's optional programs.
    if ! quietly npm install --no-save --ignore-scripts=false --include=dev --no-audit --no-fund || ! add_left_out; then
      # What is half there must not count as there.
      rm -f node_modules/.package-lock.json
      fail 'The npm packages could not be installed.' 'See above. Check the network and the registry that `npm config get registry` names, then run it again.'
    fi
    touch node_modules/.package-lock.json
  fi
  exec 9>&-
  tell "npm packages installed ($(since "$started"))"
}

# runtime_images [--necessary]: all of them, or those that nothing works without
runtime_images() {
  started=$(now)
  "$node" runtime-images/main.ts "$@" >/dev/null ||
    fail 'The runtime images could not be built.' 'See above; what was built is kept, so run it again.'
  tell "runtime images, agent and launcher are there ($(since "$started"))"
}

# machine [--necessary] <system package...>
machine() {
  images=
  if [ "$1" = --necessary ]; then
    images=$1
    shift
  fi
  require_machine
  system_packages "$@"
  npm_packages
  runtime_images $images
}

# --- modes

PATH=$(plain_path)
export PATH
forget_npm_script
# What Node has compiled once it finds again: loading the server takes a second less. Not where others could write.
export NODE_COMPILE_CACHE="$root/node_modules/.cache/compiled"

# shellcheck disable=SC2086 # lists of names without spaces
case $mode in
  setup)
    machine $packages
    exec "$node" platform/cli/main.ts doctor
    ;;
  demo)
    machine --necessary $packages
    "$node" platform/setup/verdict.ts
    exec "$node" platform/setup/demo.ts "$@"
    ;;
  test)
    machine $packages $test_packages
    object_store
    "$node" platform/setup/verdict.ts || tell 'testing all the same'
    exec "$node" platform/setup/test.ts "$@"
    ;;
  start)
    machine $packages
    exec "$node" platform/cli/main.ts serve "$@"
    ;;
  bench)
    machine $packages
    unpacked_packages "$root/.cache/bench" $bench_packages
    export PATH="$root/.cache/bench/usr/sbin:$root/.cache/bench/usr/bin:$PATH"
    export LD_LIBRARY_PATH="$root/.cache/bench/usr/lib/x86_64-linux-gnu"
    exec "$node" bench/main.ts "$@"
    ;;
  check)
    npm_packages
    exec "$node" platform/setup/check.ts "$@"
    ;;
  *)
    fail "There is no mode \"$mode\"." 'One of setup, demo, test, start, bench, check.'
    ;;
esac
