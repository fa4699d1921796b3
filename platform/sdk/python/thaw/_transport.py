"""HTTP to a Thaw server, with the standard library alone."""

from __future__ import annotations

import http.client
import json
import os
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from ._errors import ThawError

DEFAULT_URL = "http://127.0.0.1:7070"
#: Longest silence of the server, in seconds.
TIMEOUT = 60.0
#: Pauses before the tries after the first, in seconds.
PAUSES = (0.05, 0.25)
PIECE = 64 * 1024


class Transport:
    """One connection for each request: sandboxes are used from many threads."""

    def __init__(self, url: str | None = None, api_key: str | None = None) -> None:
        self._url = urlsplit(url or os.environ.get("THAW_URL") or DEFAULT_URL)
        self._key = api_key or os.environ.get("THAW_API_KEY") or ""
        if self._key == "":
            raise ThawError("misconfigured", "There is no API key.", hint="Pass api_key, or set THAW_API_KEY.")
        if self._url.scheme not in ("http", "https") or not self._url.hostname:
            raise ThawError("misconfigured", f"{url!r} is no address of a server.")

    def json(
        self,
        method: str,
        path: tuple[str, ...],
        body: Any = None,
        query: dict[str, Any] | None = None,
        timeout: float = TIMEOUT,
    ) -> Any:
        """Sends JSON and answers the JSON that comes back, None for none."""
        payload = None if body is None else json.dumps(body).encode()
        answer = self._send(method, path, query, payload, "application/json", timeout)
        with answer:
            text = answer.read()
        return json.loads(text) if text else None

    def upload(
        self, path: tuple[str, ...], query: dict[str, Any], content: bytes, kind: str, method: str = "PUT"
    ) -> None:
        with self._send(method, path, query, content, kind, TIMEOUT) as answer:
            answer.read()

    def pieces(self, path: tuple[str, ...], query: dict[str, Any]) -> Iterator[bytes]:
        """The bytes of an answer as they come."""
        with self._send("GET", path, query, None, None, TIMEOUT) as answer:
            while piece := answer.read1(PIECE):
                yield piece

    def lines(
        self, method: str, path: tuple[str, ...], body: Any, query: dict[str, Any] | None, timeout: float
    ) -> Iterator[Any]:
        """The JSON of each line as it comes. Closing the iterator ends the request."""
        payload = None if body is None else json.dumps(body).encode()
        with self._send(method, path, query, payload, "application/json", timeout) as answer:
            for line in answer:
                if line.strip():
                    yield json.loads(line)

    def _send(
        self,
        method: str,
        path: tuple[str, ...],
        query: dict[str, Any] | None,
        body: bytes | None,
        kind: str | None,
        timeout: float,
    ) -> http.client.HTTPResponse:
        for pause in (*PAUSES, None):
            connection = self._connection(timeout)
            connected = False
            try:
                connection.connect()
                connected = True
                connection.request(method, self._target(path, query), body, self._headers(body, kind))
                answer = connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                # What only looks may be sent twice, all else only when nothing was sent.
                if pause is None or (connected and method != "GET") or isinstance(error, TimeoutError):
                    host = f"{self._url.hostname}:{connection.port}"
                    raise ThawError("unreachable", f"The server at {host} did not answer: {error}") from error
                time.sleep(pause)
                continue
            return self._checked(answer)
        raise AssertionError("the last try raises")

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
        return kind(str(self._url.hostname), self._url.port, timeout=timeout)

    def _target(self, path: tuple[str, ...], query: dict[str, Any] | None) -> str:
        asked = {name: value for name, value in (query or {}).items() if value is not None}
        target = self._url.path.rstrip("/") + "/" + "/".join(quote(part, safe="") for part in path)
        return target + ("?" + urlencode(asked, doseq=True) if asked else "")

    def _headers(self, body: bytes | None, kind: str | None) -> dict[str, str]:
        headers = {"authorization": f"Bearer {self._key}", "connection": "close"}
        if body is not None and kind is not None:
            headers["content-type"] = kind
        return headers

    @staticmethod
    def _checked(answer: http.client.HTTPResponse) -> http.client.HTTPResponse:
        if answer.status < 400:
            return answer
        with answer:
            raise error_of(answer.read(), answer.status)


def error_of(body: bytes | dict[str, Any], status: int) -> ThawError:
    """The error that a body tells of."""
    try:
        told = (json.loads(body) if isinstance(body, bytes) else body)["error"]
        return ThawError(told["code"], told["message"], status, told.get("hint"))
    except (ValueError, KeyError, TypeError):
        return ThawError("broken_answer", f"The server answered {status} with what is no error of Thaw.", status)
