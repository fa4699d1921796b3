"""What requests ask, checked."""

import json

import limits
from refusal import Refusal


def read_json(headers, body):
    """The object in a request's body; an empty body is an empty object. @raises Refusal"""
    if headers.get("Transfer-Encoding"):
        raise Refusal(411, "The body's length must be told.")
    length = headers.get("Content-Length", "0")
    if not length.isdecimal():
        raise Refusal(400, "The body's length is no number.")
    if int(length) > limits.BODY_BYTES:
        _discard(body, min(int(length), limits.DISCARDED_BYTES))
        raise Refusal(413, f"The body is larger than {limits.BODY_BYTES} bytes.")
    data = body.read(int(length))
    if len(data) < int(length):
        raise Refusal(400, "The body broke off.")
    try:
        value = json.loads(data or b"{}")
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"The body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise Refusal(400, "The body is not a JSON object.")
    return value


def _discard(body, left):
    while left > 0 and (piece := body.read(min(left, 1 << 16))):
        left -= len(piece)


def text(request, name, needed=False):
    value = request.get(name)
    if value is None and not needed:
        return None
    if not isinstance(value, str):
        raise Refusal(400, f"{name} must be a string.")
    return value


def variables(request, name):
    """Environment variables; absent = none."""
    value = request.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise Refusal(400, f"{name} must be an object of strings.")
    for key, one in value.items():
        if not key or "=" in key or "\0" in key or "\0" in one:
            raise Refusal(400, f"{name} has a name or a value that no environment can hold: {key!r}")
    return value


def seconds(request, name):
    """A time limit, given in milliseconds; absent or 0 = none."""
    value = request.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e12:
        raise Refusal(400, f"{name} must be a number of milliseconds.")
    return value / 1000 or None
