"""One HTTP request through an ASGI application without a server: as values that can travel."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True)
class Asked:
    """A request, its body received whole.

    Attributes:
        method: "POST".
        path: decoded, as applications match it.
        raw_path, query: as they came.
        headers: names in lower case.
        client: address and port, or None.
        body: of the request.
    """

    method: str
    path: str
    raw_path: bytes
    query: bytes
    headers: Headers
    client: tuple[str, int] | None
    body: bytes


@dataclass(frozen=True)
class Answered:
    """A response: status, headers and body."""

    status: int
    headers: Headers
    body: bytes


async def asked_in(scope: Scope, receive: Receive) -> Asked:
    """The request that an application is given. Bound its body before.

    Raises:
        ConnectionError: the client went away.
    """
    parts, more = [], True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise ConnectionError("the client went away")
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    client = scope.get("client")
    return Asked(
        scope["method"],
        scope["path"],
        scope.get("raw_path") or scope["path"].encode(),
        scope["query_string"],
        tuple((bytes(name), bytes(value)) for name, value in scope["headers"]),
        None if client is None else (client[0], client[1]),
        b"".join(parts),
    )


async def ask(app: ASGIApp, asked: Asked) -> Answered:
    """Gives a request to an application. Cancelling this cancels the request."""
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": asked.method,
        "path": asked.path,
        "raw_path": asked.raw_path,
        "query_string": asked.query,
        "root_path": "",
        "headers": [*asked.headers],
        "client": asked.client,
        "server": None,
    }
    given: list[Message] = [{"type": "http.request", "body": asked.body, "more_body": False}]

    async def receive() -> Message:
        return given.pop() if given else await _never()

    return await collect(app, scope, receive)


async def collect(app: ASGIApp, scope: Scope, receive: Receive) -> Answered:
    """Runs an application on one request and keeps what it sends."""
    started: list[Message] = []
    parts: list[bytes] = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            started.append(message)
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    if not started:
        raise ConnectionError("the client went away")
    headers = tuple((bytes(name), bytes(value)) for name, value in started[0]["headers"])
    return Answered(started[0]["status"], headers, b"".join(parts))


async def _never() -> Message:
    """What a client says that waits for its answer."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError("nobody sets this")
