"""Contexts: kernels with names, in which variables live from call to call."""

import os
import threading
import uuid

import limits
from execution import Execution, KernelEnded
from kernels import ForkServer, Kernel
from output import Output
from refusal import Refusal

DEFAULT = "default"
HOME = os.environ.get("HOME", "/")
_LANGUAGES = {"python", "python3", "py"}
# How long one that waits for its turn goes without looking whether its client is still there; seconds.
_TURN_SECONDS = 0.25

# Run in the first kernel before anybody asks: what a first call, figure and table load is then in memory. Nothing stays of it.
_REHEARSAL = """exec('''
import matplotlib.pyplot, pandas, numpy
from IPython.display import display
print(numpy.arange(3) @ numpy.arange(3))
matplotlib.pyplot.plot([1, 2])
display(pandas.DataFrame({"a": [1]}))
''', {})"""


class Context:
    """One kernel at a time; a new one when it has ended."""

    def __init__(self, forks, name, cwd, environment):
        self.name = name
        self.cwd = cwd
        self._environment = environment
        self._forks = forks
        # Held by the one that runs code in it.
        self._turn = threading.Lock()
        self._why = None
        self._removed = False
        self._kernel = self._new()

    def describe(self):
        return {"id": self.name, "language": "python", "cwd": self.cwd}

    def rehearse(self, output):
        Execution(self._kernel, output).run(_REHEARSAL, keep=False)

    def run(self, code, output, answer, environment, lasting, seconds):
        """Runs code when those before are through. All that happens is told to `output`."""
        while not self._turn.acquire(timeout=_TURN_SECONDS):
            answer.look()
            if answer.gone:
                return
        try:
            if self._removed:
                output.error("ContextRemoved", "The context was removed.", "")
                return
            if not self._kernel.alive:
                self._start_again(output)
            try:
                Execution(self._kernel, output, answer).run(code, environment, lasting, seconds)
            except KernelEnded:
                self._replace(output)
        except Refusal as refusal:  # a kernel that does not start
            output.error("KernelNotStarted", refusal.message, "")
        finally:
            self._turn.release()

    def restart(self):
        """Ends the kernel, whatever it does, and starts a new one. @raises Refusal when that does not start"""
        old = self._kernel
        with self._stopped("ContextRestarted", "The context was restarted while the code ran."):
            if self._kernel is old:  # and not replaced by one who had the turn before
                old.end()
                self._kernel = self._new()
            self._why = None

    def remove(self):
        self._removed = True
        with self._stopped("ContextRemoved", "The context was removed while the code ran."):
            self._kernel.end()

    def _stopped(self, *why):
        """The turn, taken from the one who has it."""
        self._why = why
        self._kernel.kill()
        return self._turn

    def _new(self):
        kernel = Kernel(self._forks, self.cwd, self._environment)
        try:
            kernel.wait_until_ready()
        except BaseException:
            kernel.end()
            raise
        return kernel

    def _start_again(self, output):
        how = self._kernel.end()
        self._kernel = self._new()
        if self._why is None:
            output.say(f"The kernel {how}, and a new one was started: its variables are gone.")
        self._why = None

    def _replace(self, output):
        how = self._kernel.end()
        if self._why:
            name, value = self._why
            output.error(name, value, "")
            return
        value = f"The kernel {how} while it ran the code. A new one is started: its variables are gone."
        output.error("KernelEnded", value, "")
        self._kernel = self._new()


class Contexts:
    """All of them, by name. The default one is there from the beginning, and again when it was removed."""

    def __init__(self):
        self._forks = ForkServer()
        self._lock = threading.Lock()
        self._all = {}
        self._making = 0
        # Variables that hold in every context, on top of the context's own.
        self.environment = {}
        self._add(Context(self._forks, DEFAULT, HOME, {}))

    def rehearse(self):
        """Runs something in the default one, so that all that a first call needs is in memory."""
        self.find(None).rehearse(Output(lambda line: None))

    def create(self, language, cwd, environment):
        """A new context. @raises Refusal for a language that is not here, a directory that is not there, or too many"""
        _check_language(language)
        with self._lock:
            if len(self._all) + self._making >= limits.CONTEXTS:
                raise Refusal(429, f"There are {limits.CONTEXTS} contexts, as many as there may be. Remove one first.")
            self._making += 1
        try:
            return self._add(Context(self._forks, str(uuid.uuid4()), cwd or HOME, environment))
        finally:
            with self._lock:
                self._making -= 1

    def find(self, name, language=None):
        """The context of this name, or the default one. @raises Refusal when there is none"""
        if name and language:
            raise Refusal(400, "Only one of context_id and language can be given.")
        _check_language(language)
        name = name or DEFAULT
        with self._lock:
            found = self._all.get(name)
            if found is None and name == DEFAULT:
                found = self._all[name] = Context(self._forks, DEFAULT, HOME, {})
        if found is None:
            raise Refusal(404, f"Context {name} not found")
        return found

    def list(self):
        with self._lock:
            return list(self._all.values())

    def remove(self, name):
        context = self.find(name)
        with self._lock:
            self._all.pop(context.name, None)
        context.remove()

    def _add(self, context):
        with self._lock:
            self._all[context.name] = context
        return context


def _check_language(language):
    if language and language.lower().strip() not in _LANGUAGES:
        raise Refusal(400, f"The language {language} is not here: this image runs Python.")
