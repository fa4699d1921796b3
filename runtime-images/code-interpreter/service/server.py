"""The HTTP side: what `@e2b/code-interpreter` asks on port 49999, and a little more.

    GET    /health                  OK
    POST   /execute                 {"code", "context_id"?, "language"?, "env_vars"?, "timeout_ms"?}  ->  lines, see output.py
    GET    /contexts                [{"id", "language", "cwd"}]
    POST   /contexts                {"language"?, "cwd"?, "env_vars"?}  ->  {"id", "language", "cwd"}
    DELETE /contexts/{id}
    POST   /contexts/{id}/restart
    PUT    /environment             {"env_vars"}: hold in every context from its next call on, until others are put

`timeout_ms`, `env_vars` of a context and `/environment` are ours. A refusal is a sentence as plain text; its beginning is the
status line's reason too, for a client that shows nothing else.
"""

import json
import re
import socket
import sys
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import limits
import request_body
from answer import Answer
from output import Output
from refusal import Refusal

_CONTEXT = re.compile(r"/contexts/([^/]+)(/restart)?")
# Of a status line's reason; characters.
_REASON = 200


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port, contexts):
        self.contexts = contexts
        super().__init__(("", port), _Handler)

    def server_bind(self):
        # The parent's asks for the host's full name, for which there is no resolver here.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "", self.server_address[1]

    def handle_error(self, request, client_address):
        """A client that goes while it is answered is no news."""
        if not isinstance(sys.exc_info()[1], OSError):
            traceback.print_exc()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self._answer({"/health": self._health, "/contexts": self._list})

    def do_POST(self):
        self._answer({"/execute": self._execute, "/contexts": self._create})

    def do_PUT(self):
        self._answer({"/environment": self._set_environment})

    def do_DELETE(self):
        self._answer({})

    def _answer(self, routes):
        path = self.path.split("?", 1)[0]
        try:
            # Read whatever the route is, so that the connection can be used again.
            self._request = request_body.read_json(self.headers, self.rfile)
            one = _CONTEXT.fullmatch(path)
            if one and self.command == "POST" and one[2]:
                self._restart(one[1])
            elif one and self.command == "DELETE" and not one[2]:
                self._remove(one[1])
            elif path in routes:
                routes[path]()
            else:
                raise Refusal(404, f"There is no {self.command} {path}")
        except Refusal as refusal:
            self._refuse(refusal)

    def _refuse(self, refusal):
        self.close_connection = True  # the body may not have been read
        reason = refusal.message.encode("ascii", "replace").decode()[:_REASON]
        self._send(refusal.status, refusal.message.encode(), "text/plain; charset=utf-8", "".join(c if c >= " " else " " for c in reason))

    def _send(self, status, body=b"", kind="application/json", reason=None):
        self.send_response(status, reason)
        if body:
            self.send_header("Content-Type", kind)
        if self.close_connection:
            self.send_header("Connection", "close")
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _json(self, value, status=200):
        self._send(status, json.dumps(value).encode())

    def _health(self):
        self._send(200, b"OK", "text/plain")

    def _list(self):
        self._json([context.describe() for context in self.server.contexts.list()])

    def _create(self):
        language, cwd = request_body.text(self._request, "language"), request_body.text(self._request, "cwd")
        context = self.server.contexts.create(language, cwd, request_body.variables(self._request, "env_vars"))
        self._json(context.describe())

    def _remove(self, name):
        self.server.contexts.remove(name)
        self._send(204)

    def _restart(self, name):
        self.server.contexts.find(name).restart()
        self._send(204)

    def _set_environment(self):
        self.server.contexts.environment = request_body.variables(self._request, "env_vars")
        self._send(204)

    def _execute(self):
        request = self._request
        code = request_body.text(request, "code", needed=True)
        environment = request_body.variables(request, "env_vars")
        seconds = request_body.seconds(request, "timeout_ms")
        contexts = self.server.contexts
        context = contexts.find(request_body.text(request, "context_id"), request_body.text(request, "language"))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        answer = Answer(self.connection)
        output = Output(answer.write)
        context.run(code, output, answer, environment, contexts.environment, seconds)
        output.end()
        if not answer.finish(limits.ANSWER_SECONDS):
            self.close_connection = True
        self.connection.settimeout(None)

    def log_message(self, format, *arguments):
        """The edge keeps account of requests."""
