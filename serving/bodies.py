"""Request bodies: bounded in size, together and in time; and requests whose client has gone."""

from __future__ import annotations

import asyncio

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ioebss.serving.errors import ServiceError, error_response
from ioebss.serving.settings import Settings

PHOTO_PATHS = ("/v1/sessions", "/v1/segment")
PHOTO_ENDINGS = ("/start",)
PHOTO_ROOMS = ("/label-studio/",)
# Of JSON in these rooms, since `[],` is 3 bytes that take 64: an object weighs as many values.
MAX_VALUES, OBJECT_VALUES = 2_000_000, 16


class Bodies:
    """Middleware that receives each body whole before the application sees it, and stops the
    application when the client goes away: who is gone needs no answer."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings
        self._held = 0  # bytes of all bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = bytearray()  # not a list of parts: a part may be one byte
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                complete = await self._collect(scope, receive, body)
            if complete:
                await self._run(scope, body, receive, send)
        except (ServiceError, TimeoutError) as error:
            await _refusal(error)(scope, receive, send)
        finally:
            self._held -= len(body)

    async def _collect(self, scope: Scope, receive: Receive, body: bytearray) -> bool:
        """Receives the body, its bytes counted in `_held`; False if the client went away."""
        limit = self._limit(scope["path"])
        size, more = _declared(scope), True
        while more and size <= limit:
            message = await receive()
            if message["type"] == "http.disconnect":
                return False
            part = message.get("body", b"")
            body += part
            self._held += len(part)
            if self._held > self._settings.max_body_bytes:
                raise ServiceError(429, "busy", "too much is arriving; try again in 1 s", 1)
            size, more = max(size, len(body)), message.get("more_body", False)
        if size > limit:
            raise ServiceError(413, "too_large", f"the body is larger than {limit} bytes")
        if scope["path"].startswith(PHOTO_ROOMS) and _values(body) > MAX_VALUES:
            raise ServiceError(413, "too_large", "the body holds too many values")
        return True

    async def _run(self, scope: Scope, body: bytearray, receive: Receive, send: Send) -> None:
        """Runs the application until it is done or the client has gone."""
        given: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

        async def replay() -> Message:
            return given.pop() if given else await receive()

        work = asyncio.ensure_future(self._app(scope, replay, send))
        gone = asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait([work, gone], return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            if not work.done():
                work.cancel()
                await asyncio.wait([work])
        if not work.cancelled():
            work.result()

    def _limit(self, path: str) -> int:
        photo = path in PHOTO_PATHS or path.endswith(PHOTO_ENDINGS) or path.startswith(PHOTO_ROOMS)
        return self._settings.max_photo_bytes if photo else self._settings.max_json_bytes


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _declared(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:20])
    return 0


def _values(body: bytearray) -> int:
    """How many values JSON may hold, estimated from above, objects and lists by their weight."""
    objects = body.count(b"[") + body.count(b"{")
    return body.count(b",") + OBJECT_VALUES * objects


def _refusal(error: ServiceError | TimeoutError) -> Response:
    if isinstance(error, TimeoutError):
        return error_response(408, "too_slow", "the body did not arrive in time")
    return error_response(error.status_code, error.code, error.detail, error.headers)
