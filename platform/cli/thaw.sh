#!/bin/sh
# The command `thaw`: runs the CLI of the checkout that this file really lies in, with that checkout's own Node.
root=$(dirname "$(readlink -f "$0")")/../..
node="$root/node_modules/.bin/node"
if [ ! -x "$node" ]; then
  echo "Error: Thaw's packages are not installed." >&2
  echo "Run \"npm install\" in $(readlink -f "$root")." >&2
  exit 1
fi
# Loading the commands takes 200 ms, and 40 when Node finds them compiled. Beside the packages, not in a directory where
# others could write; where this user cannot write either, Node goes without.
export NODE_COMPILE_CACHE="$root/node_modules/.cache/compiled"
exec "$node" "$root/platform/cli/main.ts" "$@"
