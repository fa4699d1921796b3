"""The one error of this package."""

from __future__ import annotations


class ThawError(Exception):
    """What a server refused, or why it could not be asked.

    ``code`` is the server's own (``not_found``, ``gone``, ``quota_exceeded``...), or ``unreachable`` when no answer came.
    ``status`` is the HTTP status, 0 without an answer. ``hint`` says what to do about it, where there is something.
    """

    def __init__(self, code: str, message: str, status: int = 0, hint: str | None = None) -> None:
        super().__init__(message if hint is None else f"{message} {hint}")
        self.code = code
        self.message = message
        self.status = status
        self.hint = hint
