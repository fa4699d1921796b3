"""Kernel processes as the service sees them: begun, spoken to, interrupted, ended."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import zmq
from jupyter_client.session import Session

import limits
from connection import connection
from refusal import Refusal

_HERE = os.path.dirname(os.path.abspath(__file__))
# Until the clock is looked at again; milliseconds.
_LOOK_MS = 100


class ForkServer:
    """Our end of the process that kernels are forked from; see forkserver.py for what is said."""

    def __init__(self):
        ours, theirs = socket.socketpair()
        with theirs:
            argv = [sys.executable, os.path.join(_HERE, "forkserver.py"), str(theirs.fileno())]
            self._process = subprocess.Popen(argv, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        self._socket = ours
        self._lines = ours.makefile("rb")
        self._lock = threading.Lock()
        self._answer()

    def start(self, directory, cwd, environment):
        """A new kernel's process id. @raises Refusal when it cannot be there"""
        answer = self._ask({"start": {"directory": directory, "cwd": cwd, "environment": environment}})
        if "refused" in answer:
            raise Refusal(400, answer["refused"])
        return answer["pid"]

    def wait(self, pid):
        """How a process ended, in words. It has to have ended, or to be about to."""
        return self._ask({"wait": pid})["ended"]

    def _ask(self, request):
        with self._lock:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
            return self._answer()

    def _answer(self):
        line = self._lines.readline()
        if not line:
            # Kernels live in sessions of their own, but in this VM's group: the agent ends them with us.
            os._exit(1)
        return json.loads(line)


class Kernel:
    """One kernel process. Its sockets belong to one thread at a time; `interrupt` and `kill` may be called by any."""

    def __init__(self, forks, cwd, environment):
        self._forks = forks
        self._directory = tempfile.mkdtemp(prefix="thaw-kernel-")
        self._ended = None
        self._ending = threading.Lock()
        try:
            self._pid = forks.start(self._directory, cwd, environment)
        except BaseException:
            shutil.rmtree(self._directory, ignore_errors=True)
            raise
        # Readable when the process has ended.
        self.descriptor = os.pidfd_open(self._pid)
        self.session = Session(key=b"")
        self._zmq = zmq.Context()
        at = connection(self._directory)
        self.shell = self._connect(zmq.DEALER, at, "shell_port")
        self.iopub = self._connect(zmq.SUB, at, "iopub_port")
        self.iopub.subscribe(b"")

    def _connect(self, kind, at, port):
        client = self._zmq.socket(kind)
        client.linger = 0
        client.setsockopt(zmq.RECONNECT_IVL, 20)
        client.setsockopt(zmq.RCVHWM, limits.MESSAGES)
        client.connect(f"ipc://{at['ip']}-{at[port]}")
        return client

    def wait_until_ready(self):
        """Returns when it answers and what it publishes is heard. @raises Refusal when it ends before, or takes too long"""
        poller = zmq.Poller()
        for source in (self.shell, self.iopub, self.descriptor):
            poller.register(source, zmq.POLLIN)
        deadline = time.monotonic() + limits.START_SECONDS
        heard = False
        self.send("kernel_info_request", {})
        while not heard:
            if time.monotonic() > deadline:
                raise Refusal(503, f"The kernel did not start within {limits.START_SECONDS} seconds.")
            events = dict(poller.poll(_LOOK_MS))
            if self.descriptor in events:
                raise Refusal(503, f"The kernel {self.end()} before it had started.")
            answered = self._drain(self.shell)
            heard = self._drain(self.iopub)
            # What it published before our subscription had arrived there was not sent to us: it is asked for more.
            if answered and not heard:
                self.send("kernel_info_request", {})

    def _drain(self, client):
        """Takes what is there. True if that was anything."""
        some = False
        while client.poll(0):
            client.recv_multipart()
            some = True
        return some

    def send(self, kind, content, metadata=None):
        """Asks the kernel. The answer's parent has the id that is returned."""
        message = self.session.msg(kind, content, metadata=metadata)
        self.session.send(self.shell, message)
        return message["header"]["msg_id"]

    def interrupt(self):
        """KeyboardInterrupt in the code that runs, and SIGINT to the commands that it has started."""
        self._signal(signal.SIGINT)

    def kill(self):
        self._signal(signal.SIGKILL)

    def _signal(self, number):
        # Under the lock the number is this kernel's: it is not waited for, so not given to another process.
        with self._ending:
            if self._ended is None:
                try:
                    os.killpg(self._pid, number)
                except ProcessLookupError:
                    os.kill(self._pid, number)  # just forked, and not in its session yet

    def end(self):
        """Ends it with what it has started, frees what it held, and tells how it ended. Once more is no error."""
        self.kill()
        with self._ending:
            if self._ended is None:
                self._ended = self._forks.wait(self._pid)
                os.close(self.descriptor)
                self._zmq.destroy(linger=0)
                shutil.rmtree(self._directory, ignore_errors=True)
            return self._ended

    @property
    def alive(self):
        poller = zmq.Poller()
        poller.register(self.descriptor, zmq.POLLIN)
        return self._ended is None and not poller.poll(0)
