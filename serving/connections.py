"""Connections that are given up: those that say nothing, and those that take no answer.

uvicorn itself only closes what is silent after an answer. Without this, whoever opens connections
and sends half a request's head, or reads a large answer byte by byte, keeps a file and the answer's
memory for as long as he likes, without a token too, and keeps the service from ending.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

PATIENCE = 30.0  # seconds between two looks
LEAST_BYTES = 256 * 1024  # of an answer that must be taken between them


class Connection(H11Protocol):
    """HTTP/1.1 with a look at each connection now and again.

    One that was between two requests at two looks, and began none, is closed: it is silent, its
    head does not end, or it sends the body of a request that was refused. One whose answer went
    on by less than `LEAST_BYTES` is cut off. Requests that are worked on have the limits of
    `ioebss.serving.bodies`.
    """

    _timer: asyncio.TimerHandle
    _last: tuple[object, bool, int] = ("never looked", False, 0)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called by asyncio."""
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        self._timer.cancel()
        super().connection_lost(exc)

    def _watch(self) -> None:
        self._timer = self.loop.call_later(PATIENCE, self._look)

    def _look(self) -> None:
        request, silent, unsent = self._last
        self._last = (
            self.cycle,
            self.cycle is None or self.cycle.response_complete,
            self.transport.get_write_buffer_size(),
        )
        now_silent, now_unsent = self._last[1:]
        if request is not self.cycle:
            self._watch()
        elif unsent and now_unsent > max(0, unsent - LEAST_BYTES):
            self.transport.abort()
        elif silent and now_silent and not now_unsent:
            self.transport.close()
        else:
            self._watch()
