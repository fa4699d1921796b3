"""Makes a Python process its own after a thaw: `random`, OpenSSL and NumPy keep state in memory that clones would share.

It is `sitecustomize`, so it runs in every process before the app. A thread holds a connection to the guest's agent:

    agent -> here   thaw <64 hex digits of entropy>\\n     the VM has just been thawed; nothing is let in before the answer
    here -> agent   ok\\n   or   error <message>\\n

`socket` and `threading` would be loaded into every program for this, so it uses what is beneath them. That also stays a
real thread and a real socket where gevent or eventlet take their places.

An app must start with or without this, so what fails here fails in silence.
"""

import os
import sys
from _socket import AF_UNIX, SOCK_STREAM, socket
from _thread import start_new_thread

_SOCKET = os.environ.get("THAW_SOCKET") or "/run/thaw/thaw.sock"
_LINE_BYTES = 256

_agent = None


def _start():
    """Connects before the app goes on: who answers requests can be renewed."""
    global _agent
    try:
        _agent = socket(AF_UNIX, SOCK_STREAM)
        _agent.connect(_SOCKET)
        start_new_thread(_listen, (_agent,))
    except (OSError, RuntimeError):  # no agent, or no room for a thread
        _agent.close()


def _start_again():
    """In a forked process, which has neither the thread nor a right to the connection: held open here it would outlive its owner, unanswered."""
    _agent.close()
    _start()


def _listen(agent):
    rest = b""
    try:
        while data := agent.recv(_LINE_BYTES):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                if line.startswith(b"thaw "):
                    agent.sendall(_answer(line[5:].decode()))
    except OSError:
        pass
    agent.close()


def _answer(entropy):
    try:
        _renew(bytes.fromhex(entropy))
        return b"ok\n"
    except BaseException as error:
        message = " ".join(str(error).split()) or type(error).__name__
        return f"error {message[:200]}\n".encode("ascii", "replace")


def _renew(entropy):
    """What is not loaded yet will find the kernel's fresh entropy by itself."""
    loaded = sys.modules.get
    if seed := getattr(loaded("random"), "seed", None):
        seed(entropy)
    if add := getattr(loaded("_ssl"), "RAND_add", None):
        add(entropy, 0.0)  # OpenSSL draws from the kernel too before it goes on.
    elif loaded("_hashlib"):
        _poll_openssl()
    if seed := getattr(loaded("numpy.random"), "seed", None):
        seed(list(entropy))
    for function in getattr(loaded("thaw"), "_after_thaw", ()):
        function()


def _poll_openssl():
    """Where its library is loaded without the module `ssl`: the way in is the C interface."""
    import ctypes

    with open("/proc/self/maps") as maps:
        paths = {line.split(maxsplit=5)[-1].strip() for line in maps if "/libcrypto" in line}
    for path in paths:
        if ctypes.CDLL(path).RAND_poll() != 1:
            raise RuntimeError("OpenSSL took no fresh entropy")


def _silence_fork():
    """Python 3.12 and later warn of a fork beside a thread. Ours waits, and holds no lock."""
    import warnings

    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)


def _chain():
    """Another `sitecustomize` further down the path keeps its effect."""
    from importlib.machinery import PathFinder

    here = os.path.dirname(os.path.abspath(__file__))
    rest = [entry for entry in sys.path if os.path.abspath(entry) != here]
    spec = PathFinder.find_spec("sitecustomize", rest)
    if spec is not None and spec.loader is not None:
        module = type(sys)(spec.name)
        module.__spec__, module.__file__ = spec, spec.origin
        spec.loader.exec_module(module)


if os.path.exists(_SOCKET):
    _start()
    os.register_at_fork(after_in_child=_start_again)
    if sys.version_info >= (3, 12):
        os.register_at_fork(before=_silence_fork)
_chain()
