"""A sandbox, for ``asyncio``: each call runs in a thread, and so holds up nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from types import TracebackType
from typing import Any, TypeAlias, TypeVar

from ._sandbox import Sandbox
from ._types import CommandEvent, CommandResult, SandboxInfo

T = TypeVar("T")
#: A generator ends by StopIteration, which a future cannot hold.
END: Any = object()
#: The class has a method of the name `list`, which would be meant inside of it.
_Sandboxes: TypeAlias = "list[AsyncSandbox]"


class AsyncFiles:
    """Files of one sandbox. Paths are absolute."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._files = sandbox.files

    async def read(self, path: str, *, user: str | None = None) -> str:
        return await asyncio.to_thread(self._files.read, path, user=user)

    async def read_bytes(self, path: str, *, user: str | None = None) -> bytes:
        return await asyncio.to_thread(self._files.read_bytes, path, user=user)

    def stream(self, path: str, *, user: str | None = None) -> AsyncIterator[bytes]:
        return _each(self._files.stream(path, user=user))

    async def write(self, path: str, content: str | bytes, *, mode: int | None = None) -> None:
        await asyncio.to_thread(self._files.write, path, content, mode=mode)

    def download(self, path: str) -> AsyncIterator[bytes]:
        return _each(self._files.download(path))

    async def upload(self, path: str, tar: bytes) -> None:
        await asyncio.to_thread(self._files.upload, path, tar)


class AsyncSandbox:
    """As ``Sandbox``. Leaving ``async with`` ends it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.id = sandbox.id
        self.files = AsyncFiles(sandbox)

    @classmethod
    async def create(cls, template: str | None = None, **options: Any) -> AsyncSandbox:
        """Takes what ``Sandbox.create`` takes."""
        return cls(await asyncio.to_thread(Sandbox.create, template, **options))

    @classmethod
    async def get(cls, id: str, **options: Any) -> AsyncSandbox:
        return cls(await asyncio.to_thread(Sandbox.get, id, **options))

    @classmethod
    async def list(cls, **options: Any) -> _Sandboxes:
        return [cls(one) for one in await asyncio.to_thread(Sandbox.list, **options)]

    @property
    def info(self) -> SandboxInfo:
        return self._sandbox.info

    async def refresh(self) -> SandboxInfo:
        return await asyncio.to_thread(self._sandbox.refresh)

    async def exec(self, command: str | Sequence[str], **options: Any) -> CommandResult:
        return await asyncio.to_thread(self._sandbox.exec, command, **options)

    def stream(self, command: str | Sequence[str], **options: Any) -> AsyncIterator[CommandEvent]:
        return _each(self._sandbox.stream(command, **options))

    async def set_timeout(self, ttl_seconds: int) -> SandboxInfo:
        return await asyncio.to_thread(self._sandbox.set_timeout, ttl_seconds)

    async def set_egress(self, allow: Sequence[str]) -> SandboxInfo:
        return await asyncio.to_thread(self._sandbox.set_egress, allow)

    async def pause(self) -> SandboxInfo:
        return await asyncio.to_thread(self._sandbox.pause)

    async def resume(self, *, ttl_seconds: int | None = None) -> SandboxInfo:
        return await asyncio.to_thread(self._sandbox.resume, ttl_seconds=ttl_seconds)

    async def fork(self, count: int = 1) -> _Sandboxes:
        return [AsyncSandbox(one) for one in await asyncio.to_thread(self._sandbox.fork, count)]

    async def snapshot(self, name: str) -> str:
        return await asyncio.to_thread(self._sandbox.snapshot, name)

    async def port(self, port: int, *, ttl_seconds: int | None = None) -> tuple[str, str]:
        return await asyncio.to_thread(self._sandbox.port, port, ttl_seconds=ttl_seconds)

    async def kill(self) -> SandboxInfo:
        return await asyncio.to_thread(self._sandbox.kill)

    async def __aenter__(self) -> AsyncSandbox:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.kill()


async def _each(pieces: Iterator[T]) -> AsyncIterator[T]:
    try:
        while (piece := await asyncio.to_thread(next, pieces, END)) is not END:
            yield piece
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            await asyncio.to_thread(close)
