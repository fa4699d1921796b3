"""The streamed answer of one execution: lines in chunks of HTTP, to a client that may be slow, or gone."""

import socket
import time

import zmq


class Answer:
    """What is written is kept until the client takes it: it is bounded (limits.py), and the kernel must not wait for a client."""

    def __init__(self, connection):
        self.connection = connection
        self.gone = False
        self._deaf = False
        self._waiting = bytearray()
        connection.setblocking(False)

    def write(self, line):
        if not self.gone:
            self._waiting += b"%x\r\n%s\r\n" % (len(line), line)

    @property
    def events(self):
        """What of the connection is to be waited for; 0 = nothing."""
        return (0 if self._deaf else zmq.POLLIN) | (zmq.POLLOUT if self._waiting else 0)

    def look(self):
        """Notes whether the client has hung up. It has nothing to say while it is answered; if it does, that waits."""
        try:
            if self.connection.recv(1, socket.MSG_PEEK):
                self._deaf = True
            else:
                self.gone = True
        except BlockingIOError:
            pass
        except OSError:
            self.gone = True

    def send(self):
        """Sends as much as the client takes now."""
        try:
            while self._waiting and not self.gone:
                del self._waiting[: self.connection.send(self._waiting)]
        except BlockingIOError:
            pass
        except OSError:
            self.gone = True

    def finish(self, seconds):
        """Sends the rest. True when the connection may be used again."""
        if not self.gone:
            self._waiting += b"0\r\n\r\n"
        self.connection.settimeout(seconds)
        deadline = time.monotonic() + seconds
        try:
            while self._waiting and not self.gone and time.monotonic() < deadline:
                del self._waiting[: self.connection.send(self._waiting)]
        except OSError:
            self.gone = True
        return not self.gone and not self._waiting
