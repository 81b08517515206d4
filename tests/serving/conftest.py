"""A real server in a thread, the bundled model behind it, and plain HTTP in front."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from ioebss import Segmenter
from ioebss.serving.app import create_app
from ioebss.serving.server import address_of, bind, server_config
from ioebss.serving.settings import Settings


class Served:
    """An application that is served: its address, an HTTP client, and its `Service`."""

    def __init__(self, app: Any, address: str) -> None:
        self.address = address
        self.client = httpx.Client(base_url=address, timeout=60)
        self.service = app.state.service

    def open(self, photo: bytes) -> str:
        """Opens a session and returns its path."""
        reply = self.client.post("/v1/sessions", content=photo)
        assert reply.status_code == 201, reply.text
        return f"/v1/sessions/{reply.json()['id']}"

    def connect(self) -> socket.socket:
        """A connection without HTTP."""
        host, port = self.address.removeprefix("http://").rstrip("/").split(":")
        return socket.create_connection((host, int(port)), 20)

    @contextmanager
    def busy(self, lane: str = "network") -> Iterator[threading.Event]:
        """The network, or another lane, is busy until the block ends or the event is set."""
        begun, gate = threading.Event(), threading.Event()

        def wait() -> None:
            begun.set()
            gate.wait()

        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, getattr(self.service, lane).run("blocker", wait))
            begun.wait()
            try:
                yield gate
            finally:
                gate.set()


def until(condition: Callable[[], bool]) -> None:
    """Waits for something that comes soon, on a busy machine too."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


@contextmanager
def _served(segmenter: Segmenter, settings: Settings) -> Iterator[Served]:
    app = create_app(segmenter, settings)
    listening = bind("127.0.0.1", 0)
    server = uvicorn.Server(server_config(app))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    served = Served(app, address_of(listening))
    try:
        served.client.get("/healthz")
        yield served
    finally:
        served.client.close()
        server.should_exit = True
        thread.join()
        listening.close()


@pytest.fixture(scope="session")
def segmenter() -> Segmenter:
    return Segmenter(threads=1)


@pytest.fixture(scope="session")
def cat(samples: Path) -> bytes:
    return (samples / "chelsea.jpg").read_bytes()


@pytest.fixture(scope="session")
def served(segmenter: Segmenter) -> Iterator[Served]:
    """With the usual settings, shared by tests that change none."""
    with _served(segmenter, Settings()) as one:
        yield one


@pytest.fixture
def serve(segmenter: Segmenter) -> Iterator[Callable[..., Served]]:
    """Serves with the settings given."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(_served(segmenter, Settings(**settings)))
