"""Run by sandbox-shell.test.ts: `thaw sandbox shell` in a pseudo terminal, as a person would have it.

    sandbox_shell.py <plan>  COMMAND...

The plan is JSON, a list of steps: {"await": text} until the terminal has shown it since the last step, {"type": text},
{"size": [rows, columns]}, {"signal": number} to the command. What was shown goes to standard output as JSON, with the exit code
and whether the terminal's settings at the end are those of the beginning.
"""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

LIMIT_SECONDS = 30


def resize(descriptor: int, rows: int, columns: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def main(plan: list[dict], argv: list[str]) -> None:
    ours, theirs = pty.openpty()
    resize(ours, 24, 80)
    before = termios.tcgetattr(theirs)
    child = os.fork()
    if child == 0:
        os.setsid()
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)
        for descriptor in (0, 1, 2):
            os.dup2(theirs, descriptor)
        os.close(ours)
        os.execvp(argv[0], argv)
    shown = ""
    since = 0
    deadline = time.monotonic() + LIMIT_SECONDS

    def read() -> bool:
        nonlocal shown
        if not select.select([ours], [], [], 0.1)[0]:
            return False
        shown += os.read(ours, 65536).decode(errors="replace")
        return True

    failed = None
    for step in plan:
        if "await" in step:
            while (at := shown.find(step["await"], since)) < 0 and time.monotonic() < deadline:
                read()
            if at < 0:
                failed = step
                break
            since = at + len(step["await"])
        elif "type" in step:
            os.write(ours, step["type"].encode())
        elif "size" in step:
            resize(ours, *step["size"])
        else:
            os.kill(child, step["signal"])
    status = None
    while status is None and time.monotonic() < deadline:
        read()
        pid, ended = os.waitpid(child, os.WNOHANG)
        status = ended if pid else None
    while read():
        pass
    if status is None:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    code = None if status is None else os.waitstatus_to_exitcode(status)
    restored = termios.tcgetattr(theirs) == before
    print(json.dumps({"shown": shown, "code": code, "restored": restored, "failed": failed}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2:])
