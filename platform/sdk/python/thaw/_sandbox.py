"""A sandbox, for code that waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, TypeAlias

from ._code import run_code
from ._commands import Commands
from ._errors import ThawError
from ._files import Files
from ._transport import TIMEOUT, Transport, error_of
from ._types import CodeExecution, CodeResult, CommandEvent, CommandResult, SandboxInfo

#: The class has a method of the name `list`, which would be meant inside of it.
_Sandboxes: TypeAlias = "list[Sandbox]"
#: Longest a command may take when nothing is said, in seconds.
DEFAULT_TIMEOUT = 60.0


class Sandbox:
    """A machine of one's own for code that is not trusted. Leaving ``with`` ends it.

    Every call raises ``ThawError``: ``gone`` when the sandbox is over, and ``refresh().end_reason`` tells why.
    """

    def __init__(self, transport: Transport, info: SandboxInfo) -> None:
        self._transport = transport
        self.id = info.id
        #: What was last heard of it.
        self.info = info
        #: Commands that go on by themselves.
        self.commands = Commands(transport, info.id)
        self.files = Files(transport, info.id)

    @classmethod
    def create(
        cls,
        template: str | None = None,
        *,
        ttl_seconds: int | None = None,
        auto_pause: bool | None = None,
        memory_mib: int | None = None,
        cpus: float | None = None,
        disk_mib: int | None = None,
        volumes: dict[str, str] | None = None,
        environment: dict[str, str] | None = None,
        metadata: dict[str, str] | None = None,
        allow: Sequence[str] | None = None,
        ports: str | None = None,
        project: str | None = None,
        url: str | None = None,
        api_key: str | None = None,
    ) -> Sandbox:
        """Makes a sandbox. ``allow`` names what it may reach; without it that is nothing. ``volumes``: path by name."""
        wanted = {
            "template": template,
            "ttlSeconds": ttl_seconds,
            "autoPause": auto_pause,
            "memoryMiB": memory_mib,
            "cpus": cpus,
            "diskMiB": disk_mib,
            "volumes": None if volumes is None else [{"volume": v, "path": p} for v, p in volumes.items()],
            "environment": environment,
            "metadata": metadata,
            "egress": None if allow is None else {"allow": list(allow)},
            "ports": ports,
            "project": project,
        }
        transport = Transport(url, api_key)
        body = {name: value for name, value in wanted.items() if value is not None}
        return cls(transport, SandboxInfo.of(transport.json("POST", ("v1", "sandboxes"), body)))

    @classmethod
    def get(cls, id: str, *, url: str | None = None, api_key: str | None = None) -> Sandbox:
        """One that is there, or is over and still known."""
        transport = Transport(url, api_key)
        return cls(transport, SandboxInfo.of(transport.json("GET", ("v1", "sandboxes", id))))

    @classmethod
    def list(
        cls,
        *,
        state: str | None = None,
        metadata: dict[str, str] | None = None,
        limit: int | None = None,
        url: str | None = None,
        api_key: str | None = None,
    ) -> _Sandboxes:
        """The sandboxes that the key may see, newest first."""
        transport = Transport(url, api_key)
        pairs = None if metadata is None else [f"{name}={value}" for name, value in metadata.items()]
        query = {"state": state, "metadata": pairs, "limit": limit}
        found = transport.json("GET", ("v1", "sandboxes"), query=query)["sandboxes"]
        return [cls(transport, SandboxInfo.of(one)) for one in found]

    def refresh(self) -> SandboxInfo:
        """Asks how it is now."""
        return self._learn(self._transport.json("GET", self._path()))

    def exec(
        self,
        command: str | Sequence[str],
        *,
        timeout_seconds: float = DEFAULT_TIMEOUT,
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        user: str | None = None,
        max_output_bytes: int | None = None,
    ) -> CommandResult:
        """Runs a command to its end. A line is for ``/bin/sh``; a list is a program and its arguments."""
        body = _command(command, timeout_seconds, cwd, env, user, max_output_bytes)
        told = self._transport.json("POST", self._path("exec"), body, {"wait": "true"}, timeout_seconds + TIMEOUT)
        return CommandResult(told["stdout"], told["stderr"], **_exit(told))

    def stream(
        self,
        command: str | Sequence[str],
        *,
        timeout_seconds: float = DEFAULT_TIMEOUT,
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        user: str | None = None,
        max_output_bytes: int | None = None,
    ) -> Iterator[CommandEvent]:
        """Runs a command and tells what it writes as it comes, its end last. Closing the iterator kills it."""
        body = _command(command, timeout_seconds, cwd, env, user, max_output_bytes)
        for told in self._transport.lines("POST", self._path("exec"), body, None, timeout_seconds + TIMEOUT):
            if told["type"] == "failed":
                raise error_of(told, 200)
            if told["type"] == "exit":
                yield CommandEvent("exit", **_exit(told))
                return
            yield CommandEvent(told["type"], told["data"])
        raise ThawError("broken_answer", "The server did not say how the command ended.", 200)

    def run_code(
        self,
        code: str,
        *,
        language: str | None = None,
        env: dict[str, str] | None = None,
        timeout_seconds: float | None = None,
        on_output: Callable[[str, str], None] | None = None,
        on_result: Callable[[CodeResult], None] | None = None,
    ) -> CodeExecution:
        """Runs code in the kernel of a sandbox made from ``code-interpreter``; variables stay from call to call.

        ``on_output`` gets ``stdout`` or ``stderr`` and a piece of text, ``on_result`` what is displayed, as they come. Code
        that raises is a result and no error of this call.
        """
        wanted = {"code": code, "language": language, "env": env, "timeoutSeconds": timeout_seconds}
        return run_code(self._transport, self.id, wanted, on_output, on_result)

    def set_timeout(self, ttl_seconds: int) -> SandboxInfo:
        """Its time is up so many seconds from now."""
        return self._post("timeout", {"ttlSeconds": ttl_seconds})

    def set_egress(self, allow: Sequence[str]) -> SandboxInfo:
        """Changes what it may reach, from now on."""
        return self._learn(self._transport.json("PUT", self._path("egress"), {"allow": [*allow]}))

    def pause(self) -> SandboxInfo:
        """Freezes it with its memory and processes. Using it lets it go on."""
        return self._post("pause", {})

    def resume(self, *, ttl_seconds: int | None = None) -> SandboxInfo:
        return self._post("resume", {} if ttl_seconds is None else {"ttlSeconds": ttl_seconds})

    def fork(self, count: int = 1) -> _Sandboxes:
        """Copies it so often, disk and memory, running processes included."""
        made = self._transport.json("POST", self._path("fork"), {"count": count})["sandboxes"]
        return [Sandbox(self._transport, SandboxInfo.of(one)) for one in made]

    def snapshot(self, name: str) -> str:
        """Copies it into the next version of a template, ``name:version``; it goes on."""
        made = self._transport.json("POST", self._path("snapshot"), {"name": name})
        return f"{made['name']}:{made['version']}"

    def port(self, port: int, *, ttl_seconds: int | None = None) -> tuple[str, str]:
        """Where a port is reached, and the token for it: sent as the header ``x-thaw-token``."""
        body = {} if ttl_seconds is None else {"ttlSeconds": ttl_seconds}
        told = self._transport.json("POST", self._path("ports", str(port), "token"), body)
        return told["url"], told["token"]

    def kill(self) -> SandboxInfo:
        """Ends it. One that is over stays as it ended."""
        return self._learn(self._transport.json("DELETE", self._path()))

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def _post(self, what: str, body: Any) -> SandboxInfo:
        return self._learn(self._transport.json("POST", self._path(what), body))

    def _learn(self, told: dict[str, Any]) -> SandboxInfo:
        self.info = SandboxInfo.of(told)
        return self.info

    def _path(self, *more: str) -> tuple[str, ...]:
        return ("v1", "sandboxes", self.id, *more)


def _command(
    command: str | Sequence[str],
    timeout_seconds: float,
    cwd: str | None,
    env: dict[str, str] | None,
    user: str | None,
    max_output_bytes: int | None,
) -> dict[str, Any]:
    wanted = {
        "command": command if isinstance(command, str) else [*command],
        "timeoutSeconds": timeout_seconds,
        "cwd": cwd,
        "env": env,
        "user": user,
        "maxOutputBytes": max_output_bytes,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _exit(told: dict[str, Any]) -> dict[str, Any]:
    return {
        "exit_code": told["exitCode"],
        "signal": told["signal"],
        "timed_out": told["timedOut"],
        "truncated": told["truncated"],
    }
