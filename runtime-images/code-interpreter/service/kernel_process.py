"""What a forked process does to become a kernel. See forkserver.py."""

import asyncio
import json
import os
import sys
from contextlib import contextmanager

import zmq
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from traitlets.config import Config

import limits
from connection import connection


def run(directory):
    """Runs a kernel until it is told to end."""
    path = os.path.join(directory, "connection.json")
    with open(path, "w") as file:
        json.dump(connection(directory), file)
    asyncio.set_event_loop(asyncio.new_event_loop())
    App.launch_instance(["-f", path, f"--ipython-dir={directory}"], config=_config())


def _config():
    config = Config()
    # Plain text in tracebacks: it is read by programs.
    config.InteractiveShell.colors = "NoColor"
    # What was run stays in `In` and `Out`, and is not written to a database.
    config.HistoryManager.enabled = False
    config.Application.log_level = "ERROR"
    return config


class Kernel(IPythonKernel):
    """A kernel that has another environment for as long as a call lasts."""

    async def do_execute(self, code, silent, store_history=True, user_expressions=None, allow_stdin=False, *, cell_id=None):
        wanted = self.get_parent().get("metadata", {})
        _lasting.become(wanted.get("lasting", {}))
        with _changed(wanted.get("environment", {})):
            return await super().do_execute(code, silent, store_history, user_expressions, allow_stdin, cell_id=cell_id)


class App(IPKernelApp):
    kernel_class = Kernel

    def init_iopub(self, context):
        # A publisher would drop what its reader is slow to take, the end of an execution too. This one waits.
        context.setsockopt(zmq.XPUB_NODROP, 1)
        context.setsockopt(zmq.SNDHWM, limits.MESSAGES)
        super().init_iopub(context)

    def log_connection_info(self):
        """There is nobody to tell."""


class _Lasting:
    """Variables that hold in all calls until others are told."""

    def __init__(self):
        self._values = {}
        self._before = {}

    def become(self, values):
        if values == self._values:
            return
        _restore(self._before)
        self._before = _set(values)
        self._values = values


_lasting = _Lasting()


@contextmanager
def _changed(values):
    before = _set(values)
    try:
        yield
    finally:
        _restore(before)


def _set(values):
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    return before


def _restore(before):
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


if __name__ == "__main__":
    run(sys.argv[1])
