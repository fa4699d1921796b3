"""Code in the kernel of a sandbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._errors import ThawError
from ._transport import TIMEOUT, Transport, error_of
from ._types import CodeError, CodeExecution, CodeResult


def run_code(
    transport: Transport,
    id: str,
    wanted: dict[str, Any],
    on_output: Callable[[str, str], None] | None,
    on_result: Callable[[CodeResult], None] | None,
) -> CodeExecution:
    """Runs code and gathers what comes of it."""
    body = {name: value for name, value in wanted.items() if value is not None}
    logs: dict[str, list[str]] = {"stdout": [], "stderr": []}
    results: list[CodeResult] = []
    error: CodeError | None = None
    for told in transport.lines("POST", ("v1", "sandboxes", id, "code"), body, None, TIMEOUT):
        kind = told["type"]
        if kind in logs:
            logs[kind].append(told["data"])
            if on_output is not None:
                on_output(kind, told["data"])
        elif kind == "result":
            results.append(CodeResult.of(told))
            if on_result is not None:
                on_result(results[-1])
        elif kind == "error":
            error = CodeError(told["name"], told["value"], told["traceback"])
        elif kind == "failed":
            raise error_of(told, 200)
        elif kind == "end":
            text = next((one.text for one in reversed(results) if one.main), None)
            texts = ("".join(logs["stdout"]), "".join(logs["stderr"]))
            return CodeExecution(text, tuple(results), *texts, error, told["executionCount"], told["truncated"])
    raise ThawError("broken_answer", "The server did not say how the code ended.", 200)
