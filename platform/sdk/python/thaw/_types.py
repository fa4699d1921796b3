"""What calls answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class CommandResult:
    """What a command wrote and how it ended. A command that fails is a result and no error."""

    stdout: str
    stderr: str
    #: None when a signal ended it.
    exit_code: int | None
    signal: str | None
    timed_out: bool
    #: Part of the output was dropped.
    truncated: bool


@dataclass(frozen=True)
class CommandEvent:
    """What a running command tells: a piece of its output, or, last, how it ended."""

    type: Literal["stdout", "stderr", "exit"]
    #: Empty for ``exit``.
    data: str = ""
    exit_code: int | None = None
    signal: str | None = None
    timed_out: bool = False
    truncated: bool = False


@dataclass(frozen=True)
class SandboxInfo:
    """What the server knows of a sandbox."""

    id: str
    project: str
    template: str
    state: Literal["running", "paused", "ended"]
    #: ``ttl``, ``killed``, ``oom``, ``crashed`` or ``host``; None while it is not over.
    end_reason: str | None
    metadata: dict[str, str] = field(default_factory=dict)
    #: Rules of what it may reach; empty: nothing.
    allow: tuple[str, ...] = ()
    memory_mib: int = 0
    cpus: float = 0
    ttl_seconds: int = 0
    #: ISO 8601; None while it is paused and once it is over.
    ends_at: str | None = None

    @classmethod
    def of(cls, told: dict[str, Any]) -> SandboxInfo:
        """From the server's JSON; fields that this version does not know are left out."""
        return cls(
            id=told["id"],
            project=told["project"],
            template=told["template"],
            state=told["state"],
            end_reason=told["endReason"],
            metadata=told["metadata"],
            allow=tuple(told["egress"]["allow"]),
            memory_mib=told["memoryMiB"],
            cpus=told["cpus"],
            ttl_seconds=told["ttlSeconds"],
            ends_at=told["endsAt"],
        )
