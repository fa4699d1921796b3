"""One run of code in a kernel, from its request to the last of its output."""

import time

import zmq

import limits

# At most so many messages before the client and the clock are looked at again.
_AT_ONCE = 200


class KernelEnded(Exception):
    """The kernel ended while it ran the code."""


class Execution:
    """Runs code once. `answer` is the client that may hang up, or None where there is none."""

    def __init__(self, kernel, output, answer=None):
        self._kernel = kernel
        self._output = output
        self._answer = answer
        self._begun = self._idle = False
        self._replied_at = None
        # Why the code is to stop, if it is, and since when.
        self._stop = None
        self._stop_at = self._interrupted_at = None

    def run(self, code, environment=None, lasting=None, seconds=None, keep=True):
        """Returns when the kernel is idle again.

        :param environment: variables for this call alone; `lasting`: those that hold until others are given
        :param seconds: after which the code is interrupted
        :param keep: whether the call counts, and what it gives is kept in `Out`
        :raises KernelEnded:
        """
        content = {"code": code, "silent": False, "store_history": keep, "user_expressions": {}}
        # What waits behind it in the kernel is nobody's but ours.
        content.update(allow_stdin=False, stop_on_error=False)
        self._id = self._kernel.send("execute_request", content, {"environment": environment or {}, "lasting": lasting or {}})
        self._deadline = None if seconds is None else time.monotonic() + seconds
        while not self._over():
            events = self._wait()
            if self._kernel.iopub in events:
                self._take(self._kernel.iopub, self._published)
            if self._kernel.shell in events:
                self._take(self._kernel.shell, self._replied)
            if self._answer:
                if events.get(self._answer.connection.fileno(), 0) & ~zmq.POLLOUT:
                    self._answer.look()
                self._answer.send()
                if self._answer.gone:
                    self._stop = self._stop or "the client hung up"
            if self._deadline is not None and time.monotonic() >= self._deadline:
                self._stop = self._stop or f"it took longer than {seconds:g} s"
            if self._stop:
                self._make_stop()
            if self._kernel.descriptor in events and self._kernel.iopub not in events:
                raise KernelEnded

    def _wait(self):
        poller = zmq.Poller()
        for source in (self._kernel.iopub, self._kernel.shell, self._kernel.descriptor):
            poller.register(source, zmq.POLLIN)
        if self._answer and self._answer.events and not self._answer.gone:
            poller.register(self._answer.connection.fileno(), self._answer.events)
        return dict(poller.poll(self._patience()))

    def _patience(self):
        """Milliseconds until there is something to do for the clock; None = nothing."""
        moments = [] if self._deadline is None or self._stop else [self._deadline]
        if self._replied_at is not None:
            moments.append(self._replied_at + limits.LAST_OUTPUT_SECONDS)
        if self._stop_at is not None:
            moments.append(self._stop_at + limits.INTERRUPT_LAST_SECONDS)
        if self._interrupted_at is not None:
            moments.append(self._interrupted_at + limits.INTERRUPT_AGAIN_SECONDS)
        return max(0, (min(moments) - time.monotonic()) * 1000 + 1) if moments else None

    def _over(self):
        if self._replied_at is None:
            return False
        if self._idle:
            return True
        if time.monotonic() < self._replied_at + limits.LAST_OUTPUT_SECONDS:
            return False
        self._output.say("The last of the output was not heard, and is dropped.", cut=True)
        return True

    def _make_stop(self):
        now = time.monotonic()
        # A kernel that has not begun yet would not be interrupted by it: it ignores the signal between two calls.
        if not self._begun:
            return
        if self._stop_at is None:
            self._stop_at = now
        if now >= self._stop_at + limits.INTERRUPT_LAST_SECONDS:
            self._kernel.kill()
        elif self._interrupted_at is None or now >= self._interrupted_at + limits.INTERRUPT_AGAIN_SECONDS:
            self._interrupted_at = now
            self._kernel.interrupt()

    def _take(self, client, each):
        for _ in range(_AT_ONCE):
            try:
                parts = client.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            _, parts = self._kernel.session.feed_identities(parts)
            message = self._kernel.session.deserialize(parts)
            if message["parent_header"].get("msg_id") == self._id:
                each(message["msg_type"], message["content"])

    def _published(self, kind, content):
        output = self._output
        if kind == "stream":
            output.stream(content["name"], content["text"])
        elif kind in ("display_data", "execute_result"):
            output.result(content["data"], main=kind == "execute_result")
        elif kind == "error":
            self._error(content)
        elif kind == "execute_input":
            self._begun = True
            output.count(content["execution_count"])
        elif kind == "status" and content["execution_state"] == "idle":
            self._idle = True

    def _replied(self, kind, content):
        if kind != "execute_reply":
            return
        self._replied_at = time.monotonic()
        if content["status"] == "error":
            self._error(content)

    def _error(self, content):
        value = content.get("evalue", "")
        if self._stop and content.get("ename") == "KeyboardInterrupt" and not value:
            value = f"The code was interrupted: {self._stop}."
        self._output.error(content.get("ename", ""), value, "\n".join(content.get("traceback", [])))
