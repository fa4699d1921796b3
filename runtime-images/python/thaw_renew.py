"""Lets a Python process renew after a thaw what its clones would share: `random`, OpenSSL and NumPy keep their state in memory.

It is `sitecustomize`, so that it is loaded into every process before the app. A thread holds a connection to the guest's agent:

    agent -> here   thaw <64 hex digits of entropy>\n    the VM has just been thawed; nothing is let in before the answer
    here -> agent   ok\n   or   error <message>\n
"""

import os
import socket
import sys
import threading

_SOCKET = os.environ.get("THAW_SOCKET", "")


def _renew(entropy):
    module = sys.modules.get("random")
    if module is not None:
        module.seed(entropy)
    if "_ssl" in sys.modules or "_hashlib" in sys.modules:
        _renew_openssl()
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed(list(entropy))
    hooks = sys.modules.get("thaw")
    for hook in getattr(hooks, "_hooks", ()):
        hook()


def _renew_openssl():
    import ctypes

    # The library is loaded already, by the modules that use it.
    if ctypes.CDLL("libcrypto.so.3").RAND_poll() != 1:
        raise RuntimeError("OpenSSL took no fresh entropy")


def _listen():
    try:
        with socket.socket(socket.AF_UNIX) as agent:
            agent.connect(_SOCKET)
            rest = b""
            while True:
                data = agent.recv(256)
                if not data:
                    return
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    if line.startswith(b"thaw "):
                        agent.sendall(_answer(bytes.fromhex(line[5:].decode("ascii"))))
    except OSError:
        return  # no agent: this is no guest, or it is going down


def _answer(entropy):
    try:
        _renew(entropy)
        return b"ok\n"
    except Exception as error:
        return b"error " + " ".join(str(error).split()).encode("utf-8", "replace")[:200] + b"\n"


def _start():
    threading.Thread(target=_listen, name="thaw", daemon=True).start()


def _chain():
    """Another `sitecustomize` further down the path keeps its effect."""
    import importlib.machinery
    import importlib.util

    here = os.path.dirname(os.path.abspath(__file__))
    rest = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", rest)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


if _SOCKET:
    _start()
    # A forked process has no threads but the one that forked.
    os.register_at_fork(after_in_child=_start)
_chain()
