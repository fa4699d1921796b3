"""What a kernel publishes, as lines for the client, and no more of them than is allowed.

One JSON object a line. ASCII alone, so that a reader which decodes piece by piece never finds half a letter.

    {"type": "number_of_executions", "execution_count": 3}
    {"type": "stdout" | "stderr", "text": "...", "timestamp": nanoseconds since 1970}
    {"type": "result", "is_main_result": true, "text": "...", "html": ..., "png": base64, ...}
    {"type": "error", "name": "ValueError", "value": "...", "traceback": "..."}
    {"type": "end_of_execution"}       with "truncated": true when something was dropped
"""

import json
import time

import limits

# Jupyter's names of what a result can be, and the protocol's. Others go into `extra`.
_FORMATS = {
    "text/plain": "text",
    "text/html": "html",
    "text/markdown": "markdown",
    "image/svg+xml": "svg",
    "image/png": "png",
    "image/jpeg": "jpeg",
    "application/pdf": "pdf",
    "text/latex": "latex",
    "application/json": "json",
    "application/javascript": "javascript",
}


class Output:
    """The lines of one execution, given to `write` as bytes."""

    def __init__(self, write):
        self._write = write
        self._stream_left = limits.STREAM_BYTES
        self._results_left = limits.RESULT_BYTES
        self._cut = False
        self._errored = False

    def count(self, number):
        self._line({"type": "number_of_executions", "execution_count": number})

    def stream(self, name, text):
        """Standard output or error, as much of it as there is room for."""
        if self._stream_left <= 0:
            return
        data = text.encode("utf-8", "replace")
        self._stream_left -= len(data)
        if self._stream_left < 0:
            text = data[: self._stream_left].decode("utf-8", "ignore")
        self._stream(name, text)
        if self._stream_left <= 0:
            self.say(f"Output past {limits.STREAM_BYTES} bytes is dropped.", cut=True)

    def say(self, sentence, cut=False):
        """Something that the service has to tell, and not the code; `cut`: that something was dropped."""
        self._cut = self._cut or cut
        self._stream("stderr", f"\n[{sentence}]\n")

    def _stream(self, name, text):
        if text:
            self._line({"type": name, "text": text, "timestamp": time.time_ns()})

    def result(self, data, main):
        """A result in all its formats."""
        result = {"type": "result", "is_main_result": main}
        extra = {}
        for kind, value in data.items():
            if kind in _FORMATS:
                result[_FORMATS[kind]] = value
            else:
                extra[kind] = value
        if extra:
            result["extra"] = extra
        text = result.get("text")
        # The value of a string, and not how one writes it: so clients of this protocol know it.
        if text and len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
            result["text"] = text[1:-1]
        line = _encode(result)
        if len(line) > self._results_left:
            most = limits.RESULT_BYTES
            self.say(f"A result of {len(line)} bytes is dropped: an execution may have {most} bytes of results.", cut=True)
            return
        self._results_left -= len(line)
        self._write(line)

    def error(self, name, value, traceback):
        """What the code raised. Only the first: a kernel tells it twice."""
        if self._errored:
            return
        self._errored = True
        value = value[: limits.ERROR_BYTES // 2]
        traceback = traceback[-limits.ERROR_BYTES // 2 :]
        self._line({"type": "error", "name": name, "value": value, "traceback": traceback})

    def end(self):
        line = {"type": "end_of_execution"}
        if self._cut:
            line["truncated"] = True
        self._line(line)

    def _line(self, value):
        self._write(_encode(value))


def _encode(value):
    return json.dumps(value, separators=(",", ":")).encode("ascii") + b"\n"
