"""A sandbox, for ``asyncio``: each call runs in a thread, and so holds up nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Any, TypeAlias, TypeVar

from ._commands import Command
from ._sandbox import Sandbox
from ._types import (
    CodeExecution,
    CommandEvent,
    CommandResult,
    FileChange,
    FileEntry,
    OutputEvent,
    RunningCommand,
    SandboxInfo,
)

T = TypeVar("T")
#: Calls that wait for a command's end take a thread each; asyncio's own pool is too small for many of them.
_THREADS = ThreadPoolExecutor(max_workers=256, thread_name_prefix="thaw")
#: A generator ends by StopIteration, which a future cannot hold.
END: Any = object()
#: Classes have a method of the name `list`, which would be meant inside of them.
_Sandboxes: TypeAlias = "list[AsyncSandbox]"
_Entries: TypeAlias = "list[FileEntry]"
_Running: TypeAlias = "list[RunningCommand]"


class AsyncFiles:
    """Files of one sandbox. Paths are absolute."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._files = sandbox.files

    async def read(self, path: str, *, user: str | None = None) -> str:
        return await _thread(self._files.read, path, user=user)

    async def read_bytes(self, path: str, *, user: str | None = None) -> bytes:
        return await _thread(self._files.read_bytes, path, user=user)

    def stream(self, path: str, *, user: str | None = None) -> AsyncIterator[bytes]:
        return _each(self._files.stream(path, user=user))

    async def write(self, path: str, content: str | bytes, *, mode: int | None = None) -> None:
        await _thread(self._files.write, path, content, mode=mode)

    def download(self, path: str) -> AsyncIterator[bytes]:
        return _each(self._files.download(path))

    async def upload(self, path: str, tar: bytes) -> None:
        await _thread(self._files.upload, path, tar)

    async def stat(self, path: str) -> FileEntry:
        return await _thread(self._files.stat, path)

    async def exists(self, path: str) -> bool:
        return await _thread(self._files.exists, path)

    async def list(self, path: str, *, depth: int = 1) -> _Entries:
        return await _thread(self._files.list, path, depth=depth)

    async def make_directory(self, path: str, *, user: str | None = None) -> FileEntry:
        return await _thread(self._files.make_directory, path, user=user)

    async def move(self, source: str, target: str, *, user: str | None = None) -> FileEntry:
        return await _thread(self._files.move, source, target, user=user)

    async def remove(self, path: str) -> None:
        await _thread(self._files.remove, path)

    async def watch(self, path: str, *, recursive: bool = False) -> AsyncIterator[FileChange]:
        """Nothing is missed from when this returns."""
        return _each(await _thread(self._files.watch, path, recursive=recursive))


class AsyncCommand:
    """As ``Command``."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self.pid = command.pid

    def output(self, *, after: int = 0) -> AsyncIterator[OutputEvent]:
        return _each(self._command.output(after=after))

    async def wait(self) -> CommandResult:
        return await _thread(self._command.wait)

    async def write(self, data: str | bytes) -> None:
        await _thread(self._command.write, data)

    async def close_stdin(self) -> None:
        await _thread(self._command.close_stdin)

    async def kill(self, signal: str = "SIGKILL") -> bool:
        return await _thread(self._command.kill, signal)

    async def resize(self, cols: int, rows: int) -> None:
        await _thread(self._command.resize, cols, rows)


class AsyncCommands:
    """Commands of one sandbox that go on by themselves."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._commands = sandbox.commands

    async def start(self, command: str | Sequence[str], **options: Any) -> AsyncCommand:
        """Takes what ``Commands.start`` takes."""
        return AsyncCommand(await _thread(self._commands.start, command, **options))

    async def list(self) -> _Running:
        return await _thread(self._commands.list)

    def connect(self, pid: int) -> AsyncCommand:
        return AsyncCommand(self._commands.connect(pid))


class AsyncSandbox:
    """As ``Sandbox``. Leaving ``async with`` ends it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.id = sandbox.id
        self.commands = AsyncCommands(sandbox)
        self.files = AsyncFiles(sandbox)

    @classmethod
    async def create(cls, template: str | None = None, **options: Any) -> AsyncSandbox:
        """Takes what ``Sandbox.create`` takes."""
        return cls(await _thread(Sandbox.create, template, **options))

    @classmethod
    async def get(cls, id: str, **options: Any) -> AsyncSandbox:
        return cls(await _thread(Sandbox.get, id, **options))

    @classmethod
    async def list(cls, **options: Any) -> _Sandboxes:
        return [cls(one) for one in await _thread(Sandbox.list, **options)]

    @property
    def info(self) -> SandboxInfo:
        return self._sandbox.info

    async def refresh(self) -> SandboxInfo:
        return await _thread(self._sandbox.refresh)

    async def exec(self, command: str | Sequence[str], **options: Any) -> CommandResult:
        return await _thread(self._sandbox.exec, command, **options)

    def stream(self, command: str | Sequence[str], **options: Any) -> AsyncIterator[CommandEvent]:
        return _each(self._sandbox.stream(command, **options))

    async def run_code(self, code: str, **options: Any) -> CodeExecution:
        """Takes what ``Sandbox.run_code`` takes; its functions are called in a thread."""
        return await _thread(self._sandbox.run_code, code, **options)

    async def set_timeout(self, ttl_seconds: int) -> SandboxInfo:
        return await _thread(self._sandbox.set_timeout, ttl_seconds)

    async def set_egress(self, allow: Sequence[str]) -> SandboxInfo:
        return await _thread(self._sandbox.set_egress, allow)

    async def pause(self) -> SandboxInfo:
        return await _thread(self._sandbox.pause)

    async def resume(self, *, ttl_seconds: int | None = None) -> SandboxInfo:
        return await _thread(self._sandbox.resume, ttl_seconds=ttl_seconds)

    async def fork(self, count: int = 1) -> _Sandboxes:
        return [AsyncSandbox(one) for one in await _thread(self._sandbox.fork, count)]

    async def snapshot(self, name: str) -> str:
        return await _thread(self._sandbox.snapshot, name)

    async def port(self, port: int, *, ttl_seconds: int | None = None) -> tuple[str, str]:
        return await _thread(self._sandbox.port, port, ttl_seconds=ttl_seconds)

    async def kill(self) -> SandboxInfo:
        return await _thread(self._sandbox.kill)

    async def __aenter__(self) -> AsyncSandbox:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.kill()


def _thread(call: Callable[..., T], *given: Any, **options: Any) -> asyncio.Future[T]:
    return asyncio.get_running_loop().run_in_executor(_THREADS, partial(call, *given, **options))


async def _each(pieces: Iterator[T]) -> AsyncIterator[T]:
    coming: asyncio.Future[Any] | None = None
    close: Callable[[], None] = getattr(pieces, "close", lambda: None)
    try:
        while True:
            coming = _thread(next, pieces, END)
            piece = await asyncio.shield(coming)
            if piece is END:
                return
            yield piece
    finally:
        if coming is None or coming.done():
            await _thread(close)
        else:
            # Cancelled while a thread waits for the next piece: it can be closed by then.
            coming.add_done_callback(lambda done: (done.cancelled() or done.exception(), _THREADS.submit(close)))
