"""Running the application: a port, signals, and an end that loses no answer."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn
from fastapi import FastAPI

from ioebss.errors import OutputError, UsageError
from ioebss.serving.connections import Connection

BACKLOG = 256  # connections that wait to be accepted
HEADER_BYTES = 16 * 1024
KEEP_ALIVE_SECONDS = 30
STOPS = (signal.SIGINT, signal.SIGTERM)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any that is free.

    Raises:
        UsageError: the host or the port is none.
        OutputError: the port is taken, or may not be.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError, OverflowError):
        raise UsageError(f"{host} is no address of this machine") from None
    family, kind, protocol, _, address = found[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise OutputError(f"{host} port {port} cannot be used: {error.strerror}") from None
    return listening


def address_of(listening: socket.socket) -> str:
    """The address to type into a browser: http://127.0.0.1:8000/"""
    host, port = listening.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def server_config(app: FastAPI) -> uvicorn.Config:
    """How uvicorn serves an application: no log of requests, no word about itself, and bounds."""
    return uvicorn.Config(
        app,
        http=Connection,  # httptools would be faster, but takes headers of any size into memory
        ws="none",
        log_level="error",  # warnings are of what clients send, a line for each
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        h11_max_incomplete_event_size=HEADER_BYTES,
    )


def serve(app: FastAPI, listening: socket.socket, ready: Callable[[], None]) -> None:
    """Serves until SIGINT or SIGTERM. Then nothing new is accepted, and what was is answered; a
    second signal ends at once.

    Args:
        app: from `create_app`.
        listening: from `bind`.
        ready: called when requests are answered.
    """
    with _stopped_quietly():
        _Server(server_config(app), ready).run([listening])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


@contextlib.contextmanager
def _stopped_quietly() -> Iterator[None]:
    """uvicorn raises the signal that stopped it once more at its end: to stop is no failure."""
    before = {number: signal.signal(number, lambda *_: None) for number in STOPS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
