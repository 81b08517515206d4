"""The clients that measure the service: who clicks when, and what is said when a service fails."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ioebss.errors import BackendError
from ioebss.evaluation import service_client
from ioebss.evaluation.service_client import Client, Reply, running_service
from ioebss.evaluation.service_load import SAMPLE, load
from ioebss.evaluation.service_soak import soak

PYTHON = sys.executable


def test_all_sessions_are_open_before_the_first_click(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []

    async def open_one(self: Client, photo: bytes) -> str:
        number = sum(event == "open" for event in events)
        await asyncio.sleep(0.01 * number)  # one after the other
        events.append("open")
        return f"/v1/sessions/{number}"

    async def click(self: Client, session: str, *place: int) -> Reply:
        await asyncio.sleep(0)
        events.append("click")
        stages = {"milliseconds": {"queue": 5.0, "network": 2.0, "mask": 1.0}}
        return Reply(200, json.dumps(stages).encode())

    async def ask(self: Client, method: str, target: str, *more: object) -> Reply:
        events.append(method)
        return Reply(200, b"")

    for name, fake in (("open", open_one), ("click", click), ("ask", ask)):
        monkeypatch.setattr(Client, name, fake)
    found, spent = asyncio.run(load(1, b"", [(1, 2, 1)] * 10, 3, 0.01))
    assert events[:3] == ["open"] * 3 and events[-3:] == ["DELETE"] * 3
    assert len(found) == events.count("click") >= 3 and spent > 0
    assert {of_session for _, of_session in found} == {3.0}  # without the waiting


async def hanging_up(visit: Callable[[int], object]) -> None:
    """Runs something with the port of a server that reads and hangs up."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        await visit(server.sockets[0].getsockname()[1])


def test_a_service_that_hangs_up_is_one_error() -> None:
    photo = SAMPLE.read_bytes()
    for visit in (
        lambda port: Client(port).ask("GET", "/healthz"),
        lambda port: load(port, photo, [(1, 2, 1)], 2, 0.1),
        lambda port: soak(photo, port, 3, 0.5),
    ):
        with pytest.raises(BackendError, match=r"the service did not answer .* it may have ended"):
            asyncio.run(hanging_up(visit))


def test_the_reason_is_said_where_asyncio_has_noticed_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its errors have a text, but neither a number nor what that stands for."""

    async def send(self: Client, *request: object) -> asyncio.StreamReader:
        raise ConnectionResetError("Connection lost")

    monkeypatch.setattr(Client, "send", send)
    with pytest.raises(BackendError, match="did not answer GET /healthz: Connection lost; it may"):
        asyncio.run(Client(1).ask("GET", "/healthz"))


def service(folder: Path, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts a program in the place of `ioebss-serve`."""
    program = folder / "ioebss-serve"
    program.write_text(f"#!{PYTHON}\n{code}")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))


def test_a_service_that_does_not_begin_or_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service(tmp_path, "raise SystemExit(1)", monkeypatch)
    with pytest.raises(BackendError, match="did not start"), running_service([]):
        pytest.fail("it did")
    deaf = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    deaf += 'print("http://127.0.0.1:1234/", flush=True)\ntime.sleep(600)'
    service(tmp_path, deaf, monkeypatch)
    monkeypatch.setattr(service_client, "END_SECONDS", 0.2)
    with pytest.raises(BackendError, match="was killed"), running_service([]) as port:
        assert port == 1234
    with pytest.raises(BackendError, match="refused a click"), running_service([]):
        raise BackendError("the service refused a click")
