"""Connections that say nothing, or take nothing."""

from __future__ import annotations

import io
import socket
import threading
import time
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ioebss.serving import connections


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "PATIENCE", 0.3)


@pytest.fixture
def service(serve: Any, impatient: None) -> Any:
    return serve()


def closed(connection: socket.socket) -> bytes:
    """What comes until the other side closes; fails if it does not within 20 s."""
    received = b""
    try:
        while part := connection.recv(65536):
            received += part
    except ConnectionError:
        pass
    return received


def drip(connection: socket.socket) -> None:
    """Sends byte by byte, for 20 s if nobody minds."""
    for _ in range(2000):
        connection.sendall(b"x")
        time.sleep(0.01)


@pytest.mark.parametrize("said", [b"", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nHost: x\r\n"])
def test_those_that_ask_nothing_are_closed(service: Any, said: bytes) -> None:
    with service.connect() as connection:
        connection.sendall(said)
        assert closed(connection) == b""


def test_those_that_ask_now_and_then_stay(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever they are looked at they are silent, but they have asked since the last time."""
    monkeypatch.setattr(connections, "PATIENCE", 1.0)
    with serve().connect() as connection:
        for _ in range(12):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
            time.sleep(0.2)


def test_a_head_byte_by_byte_is_not_waited_for(service: Any) -> None:
    with service.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nX: ")
        with pytest.raises(ConnectionError):
            drip(connection)


def test_a_second_request_that_does_not_end(service: Any) -> None:
    with service.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz")
        assert closed(connection).count(b"HTTP/1.1 200") == 1


def test_the_body_of_a_refused_request_is_not_taken_for_ever(serve: Any) -> None:
    service = serve(token="correct-horse-battery-staple")
    with service.connect() as connection:
        head = b"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n"
        connection.sendall(head)
        with pytest.raises(ConnectionError):
            drip(connection)


def noise() -> bytes:
    """A photo of 12 MB: more than the buffers of two sockets."""
    pixels = np.random.default_rng(0).integers(0, 256, (2000, 2000, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "BMP")
    return buffer.getvalue()


def test_who_takes_no_answer_is_cut_off(service: Any) -> None:
    """And the service can end: the fixture waits for that."""
    path = service.open(noise())
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        host, port = service.address.removeprefix("http://").rstrip("/").split(":")
        connection.connect((host, int(port)))
        connection.settimeout(20)
        connection.sendall(f"GET {path}/photo HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        time.sleep(1.5)
        assert len(closed(connection)) < 12_000_000


def test_who_takes_it_slowly_gets_it_whole(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "LEAST_BYTES", 1)
    photo = noise()
    path = service.open(photo)
    with service.connect() as connection:
        connection.sendall(f"GET {path}/photo HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        received = b""
        while len(received) < len(photo):
            part = connection.recv(256 * 1024)
            assert part
            received += part
            time.sleep(0.02)
    assert received.partition(b"\r\n\r\n")[2] == photo


def test_requests_that_are_worked_on_are_not_cut_off(service: Any, cat: bytes) -> None:
    path = service.open(cat)
    with service.busy() as gate:
        threading.Timer(1.5, gate.set).start()
        reply = service.client.post(f"{path}/clicks?mask=none", json={"x": 230, "y": 110})
        assert gate.is_set() and reply.status_code == 200
