"""Files of a sandbox, for code that waits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from ._errors import ThawError
from ._transport import TIMEOUT, Transport, error_of
from ._types import FileChange, FileEntry

#: The class has a method of the name `list`, which would be meant inside of it.
_Entries: TypeAlias = "list[FileEntry]"


class Files:
    """Files of one sandbox. Paths are absolute."""

    def __init__(self, transport: Transport, id: str) -> None:
        self._transport = transport
        self._path = ("v1", "sandboxes", id)

    def read(self, path: str, *, user: str | None = None) -> str:
        """A whole file as text, in UTF-8."""
        return self.read_bytes(path, user=user).decode()

    def read_bytes(self, path: str, *, user: str | None = None) -> bytes:
        return b"".join(self.stream(path, user=user))

    def stream(self, path: str, *, user: str | None = None) -> Iterator[bytes]:
        """The bytes of a file as they come, however large it is."""
        return self._transport.pieces((*self._path, "files"), {"path": path, "user": user})

    def write(self, path: str, content: str | bytes, *, mode: int | None = None) -> None:
        """Writes a file; directories on the way are made. It belongs to the user ``app``."""
        data = content.encode() if isinstance(content, str) else content
        query = {"path": path, "mode": None if mode is None else f"{mode:03o}"}
        self._transport.upload((*self._path, "files"), query, data, "application/octet-stream")

    def download(self, path: str) -> Iterator[bytes]:
        """What is beneath a directory, as a tar."""
        return self._transport.pieces((*self._path, "tree"), {"path": path})

    def upload(self, path: str, tar: bytes) -> None:
        """Unpacks a tar in a directory, which is made."""
        self._transport.upload((*self._path, "tree"), {"path": path}, tar, "application/x-tar")

    def stat(self, path: str) -> FileEntry:
        """What is at a path. Raises ``not_found``."""
        return FileEntry.of(self._transport.json("GET", (*self._path, "files", "stat"), query={"path": path}))

    def exists(self, path: str) -> bool:
        try:
            self.stat(path)
            return True
        except ThawError as error:
            if error.code == "not_found":
                return False
            raise

    def list(self, path: str, *, depth: int = 1) -> _Entries:
        """What is in a directory, by name; with ``depth`` also in those below, each before what is in it."""
        query = {"path": path, "depth": depth}
        told: list[dict[str, Any]] = self._transport.json("GET", (*self._path, "files", "list"), query=query)["entries"]
        return [FileEntry.of(one) for one in told]

    def make_directory(self, path: str, *, user: str | None = None) -> FileEntry:
        """Makes a directory, and those above it. Raises ``conflict`` when it is there."""
        return self._make("directories", {"path": path, "user": user})

    def move(self, source: str, target: str, *, user: str | None = None) -> FileEntry:
        """Moves a file or a directory; directories above the new path are made, a file that is there is replaced."""
        return self._make("move", {"from": source, "to": target, "user": user})

    def remove(self, path: str) -> None:
        """Removes a file, or a directory with all that is in it. Raises ``not_found``."""
        self._transport.json("DELETE", (*self._path, "files"), query={"path": path})

    def watch(self, path: str, *, recursive: bool = False) -> Iterator[FileChange]:
        """What happens in a directory, from when this returns. Closing the iterator ends it."""
        changes = self._changes(path, recursive)
        next(changes)
        return changes

    def _changes(self, path: str, recursive: bool) -> Iterator[FileChange]:
        query = {"path": path, "recursive": "true" if recursive else None}
        for told in self._transport.lines("GET", (*self._path, "files", "watch"), None, query, TIMEOUT):
            if told["type"] == "failed":
                raise error_of(told, 200)
            yield FileChange(told["type"], told.get("path", path))

    def _make(self, what: str, wanted: dict[str, Any]) -> FileEntry:
        body = {name: value for name, value in wanted.items() if value is not None}
        return FileEntry.of(self._transport.json("POST", (*self._path, "files", what), body))
