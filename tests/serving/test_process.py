"""`ioebss-serve` as a process: it ends when it is told to, and loses no answer."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

CLIENTS = 8


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    program = Path(sys.executable).with_name("ioebss-serve")
    command = [str(program), "--port", "0", "--threads", "1"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    found = re.search(r"http://\S+/", process.stdout.readline())
    assert found is not None
    return found[0]


def test_every_request_that_was_accepted_is_answered(
    process: subprocess.Popen[str], cat: bytes
) -> None:
    base = address(process)
    barrier = threading.Barrier(CLIENTS + 1)
    opened = threading.Barrier(CLIENTS + 1)

    def person() -> list[int]:
        """Sets clicks until the service is gone; each that was sent on an open connection before
        the signal is answered."""
        with httpx.Client(base_url=base, timeout=60) as client:
            path = f"/v1/sessions/{client.post('/v1/sessions', content=cat).json()['id']}"
            opened.wait()
            barrier.wait()
            reply = client.post(f"{path}/clicks", json={"x": 230, "y": 110})
            assert len(reply.json()["clicks"]) == 1 and len(reply.json()["mask"]["data"]) > 100
            return [reply.status_code]

    with ThreadPoolExecutor(CLIENTS) as pool:
        people = [pool.submit(person) for _ in range(CLIENTS)]
        opened.wait()
        barrier.wait()
        waiting = f"{base}metrics"
        end = time.monotonic() + 20
        while time.monotonic() < end:  # all are in the queue, but for those that were served
            text = httpx.get(waiting).text
            waits = re.search(r"^ioebss_waiting (\S+)", text, re.MULTILINE)
            if (waits and float(waits[1]) >= CLIENTS // 2) or any(p.done() for p in people):
                break
        process.terminate()
        assert [person.result() for person in people] == [[200]] * CLIENTS
    assert process.wait(20) == 0
    assert process.stderr is not None and process.stderr.read() == ""


def test_a_second_signal_ends_it_at_once(process: subprocess.Popen[str]) -> None:
    base = address(process)
    host, port = base.removeprefix("http://").rstrip("/").split(":")
    with socket.create_connection((host, int(port))) as half:
        head = b"POST /v1/sessions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n"
        half.sendall(head + b"Expect: 100-continue\r\n\r\n")
        assert b"100 Continue" in half.recv(1024)  # it has the head
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)  # it waits for the body
        process.send_signal(signal.SIGINT)
        process.wait(20)


def test_the_address_is_printed_and_the_token_is_not() -> None:
    program = Path(sys.executable).with_name("ioebss-serve")
    token = "correct-horse-battery-staple"
    with subprocess.Popen(
        [str(program), "--port", "0", "--host", "0.0.0.0"],
        env={"IOEBSS_TOKEN": token, "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        line = running.stdout.readline()
        try:
            assert "#token=" in line and token not in line
            base = re.search(r"http://[^/]+", line)
            assert base is not None
            assert httpx.get(f"{base[0]}/metrics").status_code == 401
            headers = {"Authorization": f"Bearer {token}"}
            assert httpx.get(f"{base[0]}/metrics", headers=headers).status_code == 200
        finally:
            running.terminate()
    assert running.returncode == 0
