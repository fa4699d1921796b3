"""Commands that go on by themselves in a sandbox, for code that waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from ._errors import ThawError
from ._transport import TIMEOUT, Transport, error_of
from ._types import CommandResult, OutputEvent, RunningCommand

#: The class has a method of the name `list`, which would be meant inside of it.
_Running: TypeAlias = "list[RunningCommand]"


class Command:
    """A command that goes on by itself, whoever looks at it."""

    def __init__(self, transport: Transport, sandbox: str, pid: int) -> None:
        self._transport = transport
        self._path = ("v1", "sandboxes", sandbox, "commands", str(pid))
        self.pid = pid

    def output(self, *, after: int = 0) -> Iterator[OutputEvent]:
        """What it wrote, from position ``after`` on and as far as it is kept, what it writes, and its end, last.

        Closing the iterator does not end the command, and it can be read again.
        """
        query = {"after": after}
        for told in self._transport.lines("GET", (*self._path, "output"), None, query, TIMEOUT):
            if told["type"] == "failed":
                raise error_of(told, 200)
            if told["type"] == "exit":
                exit = (told["exitCode"], told["signal"], told["timedOut"], told["truncated"])
                yield OutputEvent("exit", "", after, *exit)
                return
            after = told["position"]
            if told["type"] != "start":
                yield OutputEvent(told["type"], told["data"], after)
        raise ThawError("broken_answer", "The server did not say how the command ended.", 200)

    def wait(self) -> CommandResult:
        """Waits for its end. What it wrote comes too, as far as it is kept; a terminal's output is ``stdout``."""
        written: dict[str, list[str]] = {"stdout": [], "stderr": []}
        for event in self.output():
            if event.type == "exit":
                texts = ("".join(written["stdout"]), "".join(written["stderr"]))
                return CommandResult(*texts, event.exit_code, event.signal, event.timed_out, event.truncated)
            written["stderr" if event.type == "stderr" else "stdout"].append(event.data)
        raise AssertionError("output ends with the command's end, or raises")

    def write(self, data: str | bytes) -> None:
        """Writes to its input, and returns when that has arrived."""
        self._send(data.encode() if isinstance(data, str) else data, None)

    def close_stdin(self) -> None:
        """Ends its input. A terminal's input ends with ``write("\\x04")``."""
        self._send(b"", "true")

    def kill(self, signal: str = "SIGKILL") -> bool:
        """Sends a signal: to its process group, ``SIGKILL`` to all that it started. False when it had ended."""
        try:
            self._transport.json("POST", (*self._path, "signal"), {"signal": signal})
            return True
        except ThawError as error:
            if error.code == "not_found":
                return False
            raise

    def resize(self, cols: int, rows: int) -> None:
        """Tells its terminal its size, in characters."""
        self._transport.json("POST", (*self._path, "resize"), {"cols": cols, "rows": rows})

    def _send(self, data: bytes, end: str | None) -> None:
        query = {"end": end}
        self._transport.upload((*self._path, "stdin"), query, data, "application/octet-stream", "POST")


class Commands:
    """Commands of one sandbox that go on by themselves: servers, terminals, long work."""

    def __init__(self, transport: Transport, id: str) -> None:
        self._transport = transport
        self._id = id
        self._path = ("v1", "sandboxes", id, "commands")

    def start(
        self,
        command: str | Sequence[str],
        *,
        timeout_seconds: float | None = None,
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        user: str | None = None,
        stdin: bool | None = None,
        terminal: tuple[int, int] | None = None,
    ) -> Command:
        """Starts a command. A line is for ``/bin/sh``; a list is a program and its arguments.

        ``terminal`` is its size, columns and rows; without it its streams are pipes. ``stdin`` says whether input can be
        written; a terminal always has one. Without ``timeout_seconds`` it may run as long as its sandbox.
        """
        wanted = {
            "command": command if isinstance(command, str) else [*command],
            "timeoutSeconds": timeout_seconds,
            "cwd": cwd,
            "env": env,
            "user": user,
            "stdin": stdin,
            "terminal": None if terminal is None else {"cols": terminal[0], "rows": terminal[1]},
        }
        body = {name: value for name, value in wanted.items() if value is not None}
        return self.connect(self._transport.json("POST", self._path, body)["pid"])

    def list(self) -> _Running:
        """Those that run, however they were started; the oldest first."""
        told: list[dict[str, Any]] = self._transport.json("GET", self._path)["commands"]
        return [RunningCommand(one["pid"], tuple(one["command"]), one["cwd"]) for one in told]

    def connect(self, pid: int) -> Command:
        """A command that was started before, here or elsewhere. Whether it is there shows when it is used."""
        return Command(self._transport, self._id, pid)
