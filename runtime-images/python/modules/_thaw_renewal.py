"""Makes a process its own again after a thaw: clones of a frozen VM share all that lives in memory, generators included.

A thread holds a connection to the guest's agent for as long as the process lives:

    agent -> here   thaw <64 hex digits>\n               the VM has just been thawed; nothing is let in before the answer
    here -> agent   ok\n   or   error <message>\n
    here -> agent   watches\n                            from here on there is nothing to renew: no more `thaw`

What happens in between is part of every cold start, so it does little, and imports nothing if it can. The kernel's generator
has been renewed by then.
"""

import _socket  # and not `socket`: gevent and eventlet put theirs in its place
import _thread
import os
import sys

try:
    import _ssl  # now and not at the thaw: most servers need it, and it leads to OpenSSL without ctypes
except ImportError:
    _ssl = None

# Kept, because green threads take their place too.
_start_thread = _thread.start_new_thread
_Socket = _socket.socket

_SOCKET = os.environ.get("THAW_SOCKET") or "/run/thaw/thaw.sock"
# A `thaw` line takes 70.
_LINE_BYTES = 256
# The agent hangs up on who sends longer lines than 512.
_MESSAGE_BYTES = 400

_hooks = []
_agent = None
_libraries = {}


def after_thaw(function):
    """Has `function()` called after each thaw, before the first request. What it raises fails the thaw. A decorator, too.

    It is called in a thread of its own and may take 5 seconds, together with those of all other processes.
    """
    if getattr(getattr(function, "__code__", None), "co_flags", 0) & 0x80:  # inspect.CO_COROUTINE
        raise TypeError("after_thaw takes a plain function: there is no event loop where it is called")
    _hooks.append(function)
    return function


def begin():
    """Connects to the agent; without one, as outside a guest, nothing happens. Once for each process."""
    if _agent is None and _connect():
        # A child has neither its parent's threads nor, from here on, its connection.
        os.register_at_fork(after_in_child=_begin_anew)


def has_nothing():
    """Says that this process holds nothing that clones must not share: no thaw waits for it. Its children say so for themselves."""
    if _agent is not None:
        try:
            _agent.send(b"watches\n")
        except OSError:
            pass  # without an agent nobody asks


def _begin_anew():
    _agent.close()
    _connect()


def _connect():
    global _agent
    _agent = _Socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        _agent.connect(_SOCKET)
        _start_thread(_listen, (_agent,))
    except (OSError, RuntimeError):  # no agent; no room for a thread
        _agent.close()
        return False
    return True


def _listen(agent):
    rest = b""
    try:
        while True:
            data = agent.recv(_LINE_BYTES)
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                if line.startswith(b"thaw "):
                    agent.send(_answer())
    except OSError:
        return  # the process ends


def _answer():
    try:
        _renew()
        return b"ok\n"
    except BaseException as error:
        message = " ".join(f"{type(error).__name__}: {error}".split())
        return b"error " + message.encode("ascii", "backslashreplace")[:_MESSAGE_BYTES] + b"\n"


def _renew():
    modules = sys.modules
    # A module that is just being imported has no `seed` yet, and will begin with entropy of its own.
    seed = getattr(modules.get("random"), "seed", None)
    if seed is not None:
        seed(int.from_bytes(os.urandom(32), "little"))
    seed = getattr(modules.get("numpy.random"), "seed", None)
    if seed is not None:
        seed([int.from_bytes(os.urandom(4), "little") for _ in range(8)])
    _renew_openssl()
    _renew_cryptography(modules.get("cryptography.hazmat.bindings._rust"))
    for hook in _hooks:
        hook()


def _renew_openssl():
    """Adds entropy to each OpenSSL in this process: packages bring their own (psycopg2-binary does), with a state of its own."""
    if _ssl is not None:
        _ssl.RAND_add(os.urandom(32), 32.0)
    with open("/proc/self/maps", "rb", buffering=0) as maps:
        text = maps.readall()
    paths = {line[line.index(b"/") :] for line in text.split(b"\n") if b"/libcrypto" in line}
    if len(paths) > 1 or (paths and _ssl is None):
        for path in paths:
            _library(os.fsdecode(path)).RAND_add(os.urandom(32), 32, 32.0)


def _library(path):
    if path not in _libraries:
        import ctypes

        library = ctypes.CDLL(path, mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
        library.RAND_add.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_double]
        library.RAND_add.restype = None
        _libraries[path] = library
    return _libraries[path]


def _renew_cryptography(rust):
    """The package `cryptography` has OpenSSL inside, not as a library."""
    library = getattr(getattr(rust, "_openssl", None), "lib", None)
    if hasattr(library, "RAND_add"):
        library.RAND_add(os.urandom(32), 32, 32.0)
