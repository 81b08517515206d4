"""A running `ioebss-serve` and plain clients of it, for measuring: HTTP/1.1 over sockets kept open,
so that the clients cost as little as they can.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ioebss.errors import BackendError

END_SECONDS = 60


@dataclass(frozen=True)
class Reply:
    """An answer: HTTP's status, and the body."""

    status: int
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


class Client:
    """One connection to a service on this machine."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, target: str, body: bytes = b"", kind: str = "") -> Reply:
        """Sends a request and waits for its answer.

        Raises:
            BackendError: the service hung up.
        """
        try:
            reader = await self.send(method, target, body, kind)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = re.search(rb"\r\ncontent-length: (\d+)", head)
            content = await reader.readexactly(int(length[1]) if length else 0)
        except (OSError, EOFError) as error:
            why: object = "the connection was closed"
            if isinstance(error, OSError):  # asyncio's own have no strerror
                why = error.strerror or error
            raise BackendError(
                f"the service did not answer {method} {target}: {why}; it may have ended, and says "
                "why above"
            ) from None
        if b"\r\nconnection: close" in head:
            self.close()
        return Reply(int(head[9:12]), content)

    async def send(
        self, method: str, target: str, body: bytes = b"", kind: str = ""
    ) -> asyncio.StreamReader:
        """Sends a request and does not wait; the answer will be read from what is returned."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
        if kind:
            lines.append(f"Content-Type: {kind}")
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()
        return reader

    async def open(self, photo: bytes) -> str:
        """Opens a session.

        Returns:
            Its path.
        """
        reply = await self.ask("POST", "/v1/sessions", photo, "image/jpeg")
        if reply.status != 201:
            raise BackendError(f"the service refused a photo: {reply.body[:200]!r}")
        return f"/v1/sessions/{reply.json['id']}"

    async def click(self, session: str, x: int, y: int, label: int, mask: str = "png") -> Reply:
        """Sets a click."""
        body = b'{"x":%d,"y":%d,"label":%d}' % (x, y, label)
        return await self.ask("POST", f"{session}/clicks?mask={mask}", body, "application/json")

    def close(self) -> None:
        """Hangs up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


@contextlib.contextmanager
def running_service(options: Sequence[str]) -> Iterator[int]:
    """Starts `ioebss-serve` on a free port and ends it afterwards.

    Yields:
        Its port.

    Raises:
        BackendError: it does not start, or does not end as it should.
    """
    program = Path(sys.executable).with_name("ioebss-serve")
    command = [str(program), "--port", "0", *options]
    killed = False
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = re.search(r":(\d+)/", process.stdout.readline())
            if address is None:
                raise BackendError("ioebss-serve did not start; it says why above")
            yield int(address[1])
        finally:
            process.terminate()
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                killed = True
    # What went wrong before it was to end counts more, and has been raised by now.
    if killed:
        raise BackendError(f"ioebss-serve was killed: it did not end within {END_SECONDS} seconds")
    if process.returncode:
        raise BackendError(f"ioebss-serve ended with {process.returncode}")
