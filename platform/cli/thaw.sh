#!/bin/sh
# The command `thaw`: runs the CLI of the checkout that this file really lies in, with that checkout's own Node.
cli=$(dirname "$(readlink -f "$0")")
node="$cli/../../node_modules/.bin/node"
if [ ! -x "$node" ]; then
  echo "Error: Thaw's packages are not installed." >&2
  echo "Run \"npm install\" in $(readlink -f "$cli/../..")." >&2
  exit 1
fi
exec "$node" "$cli/main.ts" "$@"
