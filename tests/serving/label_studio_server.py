"""A web server that answers as Label Studio does where photos are concerned."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PERSONAL = "header.refresh.signature"
ACCESS = "header.access.signature"


class LabelStudioServer:
    """Serves files to whoever shows the token.

    Attributes:
        files: path -> bytes.
        authorization: that must be sent.
        asked: paths that were asked for, in order.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.authorization = "Token opaque"
        self.asked: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                if self.headers["Authorization"] != server.authorization:
                    self.send_error(401)
                elif self.path == "/elsewhere":
                    self.send_response(302)
                    self.send_header("Location", "/photo.jpg")
                    self.end_headers()
                elif self.path in server.files:
                    self.answer(server.files[self.path])
                else:
                    self.send_error(404)

            def do_POST(self) -> None:
                server.asked.append(self.path)
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path == "/api/token/refresh/" and body == {"refresh": PERSONAL}:
                    self.answer(json.dumps({"access": ACCESS}).encode())
                else:
                    self.send_error(401)

            def answer(self, data: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *arguments: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"


@contextlib.contextmanager
def running() -> Iterator[LabelStudioServer]:
    """A server, until the block ends."""
    server = LabelStudioServer()
    thread = threading.Thread(target=server.http.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.http.shutdown()
        server.http.server_close()
