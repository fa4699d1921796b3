"""The process that kernels are forked from.

It has loaded what kernels and most of the code that they run need, so that a kernel begins in a fraction of a second, shares
that memory with the others, and finds NumPy, pandas and matplotlib loaded. It has one thread of its own, as a process that
forks must (the renewal's thread looks after itself), and one request at a time, a line of JSON each way on its socket:

    {"start": {"directory", "cwd", "environment"}}  ->  {"pid"} or {"refused": why}
    {"wait": pid}                                   ->  {"ended": how}, once it has; until then its number stays taken

`environment` is what is set on top of this process's own.
"""

import ctypes
import gc
import io
import json
import os
import signal
import socket
import sys
import traceback
import warnings

import _thaw_renewal

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
# As much as if it had half of all memory more, proc(5).
_OOM_SCORE = "500"


def main(descriptor):
    # The service ends it, not what is typed or sent to interrupt a kernel.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _load()
    # Each kernel seeds its generators when it is forked, and renews itself from then on.
    _thaw_renewal.has_nothing()
    server = socket.socket(fileno=descriptor)
    lines = server.makefile("rb")
    server.sendall(b'{"ready": true}\n')
    for line in lines:
        request = json.loads(line)
        if "wait" in request:
            _, status = os.waitpid(request["wait"], 0)
            answer = {"ended": _how(status)}
        else:
            answer = _start(server, lines, **request["start"])
        server.sendall(json.dumps(answer).encode() + b"\n")


def _start(server, lines, directory, cwd, environment):
    if not os.path.isdir(cwd):
        return {"refused": f"The working directory {cwd} is not there."}
    if not os.access(cwd, os.X_OK):
        return {"refused": f"The working directory {cwd} may not be entered."}
    pid = os.fork()
    if pid:
        return {"pid": pid}
    try:
        # A session of its own: an interrupt goes to the kernel and to what it has started.
        os.setsid()
        # And not longer than this one, which ends with the service.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # When memory runs out a kernel has to go, not what tells of it.
        with open("/proc/self/oom_score_adj", "w") as score:
            score.write(_OOM_SCORE)
        lines.close()
        server.close()
        os.chdir(cwd)
        os.environ.update(environment, PWD=cwd)
        # Kernels are forks of one process: `random` looks after that by itself, NumPy does not.
        sys.modules["numpy.random"].seed()
        import kernel_process

        kernel_process.run(directory)
    except BaseException:  # nothing may go on as the process that forks
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _how(status):
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        return f"was killed by {name}" + (", as when memory runs out" if name == "SIGKILL" else "")
    return f"exited with code {os.WEXITSTATUS(status)}"


def _load():
    # Read as pyplot is loaded: figures become results.
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    # A debugger that nobody attaches: it takes as long to load as the kernel itself.
    sys.modules["debugpy"] = None
    import kernel_process  # noqa: F401

    # From here on the path is the code's: our modules must not be in its way.
    sys.path.remove(os.path.dirname(os.path.abspath(__file__)))
    del sys.modules["debugpy"]
    # Loaded by a kernel's first call, first error, first figure.
    import IPython.core.pylabtools  # noqa: F401
    import IPython.core.ultratb  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import numpy.random  # noqa: F401
    import pandas
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figure = Figure()
        FigureCanvasAgg(figure)
        figure.add_subplot().plot([1, 2], label="a")
        figure.legend()
        figure.savefig(io.BytesIO(), format="png", bbox_inches="tight")
        frame = pandas.DataFrame({"a": [1.5, 2.5], "b": ["x", "y"]})
        frame.groupby("b").mean()
        frame._repr_html_()
    del figure, frame
    gc.collect()
    # What is here now stays: a collection in a kernel must not touch, and so copy, all of it.
    gc.freeze()


if __name__ == "__main__":
    main(int(sys.argv[1]))
