"""Sandboxes for untrusted code on a Thaw server.

    from thaw import Sandbox

    with Sandbox.create(template="python", ttl_seconds=300) as sb:
        result = sb.exec("python3 -c 'print(sum(range(100)))'", timeout_seconds=30)
        print(result.stdout, result.exit_code)

``AsyncSandbox`` is the same for ``asyncio``. Address and key are those given, else ``THAW_URL`` and ``THAW_API_KEY``.
"""

from ._aio import AsyncCommand, AsyncSandbox
from ._commands import Command
from ._errors import ThawError
from ._sandbox import Sandbox
from ._types import (
    CodeError,
    CodeExecution,
    CodeResult,
    CommandEvent,
    CommandResult,
    FileChange,
    FileEntry,
    OutputEvent,
    RunningCommand,
    SandboxInfo,
)

__all__ = [
    "AsyncCommand",
    "AsyncSandbox",
    "CodeError",
    "CodeExecution",
    "CodeResult",
    "Command",
    "CommandEvent",
    "CommandResult",
    "FileChange",
    "FileEntry",
    "OutputEvent",
    "RunningCommand",
    "Sandbox",
    "SandboxInfo",
    "ThawError",
]
