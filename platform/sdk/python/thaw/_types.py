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
class OutputEvent:
    """What a command that goes on by itself tells: a piece of its output, or, last, how it ended."""

    type: Literal["stdout", "stderr", "terminal", "exit"]
    #: Empty for ``exit``.
    data: str
    #: Bytes of its output up to here, from its start.
    position: int
    exit_code: int | None = None
    signal: str | None = None
    timed_out: bool = False
    #: Output that was asked for was not kept any more.
    truncated: bool = False


@dataclass(frozen=True)
class RunningCommand:
    pid: int
    command: tuple[str, ...]
    cwd: str | None


@dataclass(frozen=True)
class FileEntry:
    name: str
    path: str
    #: Of a symlink: what it leads to, and ``symlink`` when that is not there.
    type: Literal["file", "directory", "symlink", "other"]
    size_bytes: int
    mode: int
    owner: str
    group: str
    #: ISO 8601.
    modified_at: str
    #: Where a symlink leads; None for what is none.
    target: str | None

    @classmethod
    def of(cls, told: dict[str, Any]) -> FileEntry:
        return cls(
            name=told["name"],
            path=told["path"],
            type=told["type"],
            size_bytes=told["sizeBytes"],
            mode=told["mode"],
            owner=told["owner"],
            group=told["group"],
            modified_at=told["modifiedAt"],
            target=told["target"],
        )


@dataclass(frozen=True)
class FileChange:
    """What happened beneath a watched directory. Of ``rename`` the path is the old one; the new one is created."""

    type: Literal["create", "write", "remove", "rename", "chmod"]
    path: str


@dataclass(frozen=True)
class CodeResult:
    """What can be shown of a value, in each form that it has; images and PDF in base64."""

    #: It is the value of the last expression, and not something that was displayed.
    main: bool
    text: str | None = None
    html: str | None = None
    markdown: str | None = None
    svg: str | None = None
    png: str | None = None
    jpeg: str | None = None
    pdf: str | None = None
    latex: str | None = None
    javascript: str | None = None
    json: Any = None
    #: Other forms, by their media types.
    extra: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, told: dict[str, Any]) -> CodeResult:
        """From the server's JSON; fields that this version does not know are left out."""
        return cls(**{name: value for name, value in told.items() if name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class CodeError:
    """What the code raised."""

    name: str
    value: str
    traceback: str


@dataclass(frozen=True)
class CodeExecution:
    """What came of a piece of code."""

    #: The value of the last expression as text; None where there is none.
    text: str | None
    #: All that was displayed, the value of the last expression included.
    results: tuple[CodeResult, ...]
    stdout: str
    stderr: str
    error: CodeError | None
    #: As in ``In [3]``; None when it did not come to that.
    execution_count: int | None
    #: Part of what came of it was dropped.
    truncated: bool


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
    disk_mib: int = 0
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
            disk_mib=told["diskMiB"],
            ttl_seconds=told["ttlSeconds"],
            ends_at=told["endsAt"],
        )
