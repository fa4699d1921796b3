"""Keeps Python kernels between calls and runs code in them, for who asks over HTTP.

    python3 main.py PORT

It listens when its first kernel is ready, has run once, and waits: that is when its VM is frozen. Parts:

    server.py     HTTP            contexts.py   kernels with names      execution.py  one run of code
    kernels.py    processes       forkserver.py where they come from    output.py     what the client is sent
"""

import sys

import _thaw_renewal
from contexts import Contexts
from server import Server


def main(port):
    # Ids are drawn from the kernel each time, and numbers are the kernels' business.
    _thaw_renewal.has_nothing()
    contexts = Contexts()
    contexts.rehearse()
    Server(port, contexts).serve_forever(poll_interval=None)


if __name__ == "__main__":
    main(int(sys.argv[1]))
