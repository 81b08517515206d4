"""What the service does, without HTTP: photos and clicks to masks, through the lanes."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, TypeVar

import numpy as np

from ioebss.click_files import RawClick
from ioebss.clicks import Click
from ioebss.errors import ClickError
from ioebss.image_files import decode_mask, decode_photo
from ioebss.replay import Mask, replay_steps
from ioebss.result_files import encode_result
from ioebss.segmenter import Segmenter
from ioebss.serving.answers import STAGES, Change, answer, state
from ioebss.serving.errors import ServiceError
from ioebss.serving.lane import Lane, Steps
from ioebss.serving.masks import Format, encode_png
from ioebss.serving.metrics import Metrics
from ioebss.serving.session_bytes import session_bytes
from ioebss.serving.sessions import Entry, Photo, Sessions, Snapshot
from ioebss.serving.settings import Settings
from ioebss.session import Session, Timing

T = TypeVar("T")
ENCODERS = 2  # threads
SUFFIXES = {"image/jpeg": ".jpg", "image/tiff": ".tif"}  # others are named as they are called


class Service:
    """Sessions on photos, and what is done with them. Used by the event loop's thread.

    Networks, photos and results go through a lane each: photos because decoding takes memory,
    results because they take long. Masks are encoded in threads of their own, so that the network
    never waits for that. What waits for the network counts among the sessions' bytes.

    Attributes:
        segmenter: of all sessions.
        settings: limits.
        metrics: of this service.
        sessions: in memory.
        network, photos, results: the lanes.
        fetches: another, for photos that are elsewhere, one at a time.
    """

    def __init__(self, segmenter: Segmenter, settings: Settings) -> None:
        self.segmenter, self.settings = segmenter, settings
        self.metrics = metrics = Metrics()
        self.sessions = Sessions(settings, evicted=lambda r: metrics.evictions.labels(r).inc())
        self.network = Lane("network", settings.max_waiting, settings.max_waiting_each)
        self.photos = Lane("photos", settings.max_waiting, settings.max_waiting_each)
        self.results = Lane("results", settings.max_waiting, settings.max_waiting_each)
        self.fetches = Lane("fetches", settings.max_waiting, settings.max_waiting_each)
        self._encoders = ThreadPoolExecutor(ENCODERS, "masks")
        metrics.watch("ioebss_sessions", "Sessions in memory", lambda: len(self.sessions))
        metrics.watch("ioebss_session_bytes", "Of all sessions", lambda: self.sessions.bytes)
        metrics.watch("ioebss_waiting", "Clicks that wait", lambda: self.network.waiting)
        metrics.watch("ioebss_photos_waiting", "To be decoded", lambda: self.photos.waiting)

    async def open(self, data: bytes, client: str, name: str | None = None) -> dict[str, Any]:
        """Opens a session.

        Args:
            data: a photo, encoded.
            client: who asks, for fair turns.
            name: of the photo in results; by default "photo" with its usual suffix.

        Returns:
            See `schemas.Opened`.

        Raises:
            ImageError: it is no photo, or too large.
            ServiceError: there is no room.
        """
        started = time.perf_counter()
        photo, session = await self.photos.run(client, partial(self._opened, data, name))
        took = 1e3 * (time.perf_counter() - started)
        entry = Entry(session, photo, self.segmenter.size, self.settings.session_prefix)
        self.sessions.sweep()
        try:
            self.sessions.add(entry)
        except ServiceError:
            session.close()
            raise
        prepare = session.timing.prepare
        return {
            **state(entry, entry.latest),
            "model": self.segmenter.manifest.name,
            "backend": self.segmenter.backend,
            "precision": self.segmenter.precision,
            "milliseconds": {"decode": round(took - prepare, 2), "prepare": round(prepare, 2)},
        }

    def state(self, name: str) -> dict[str, Any]:
        """A session; see `schemas.State`."""
        with self.sessions.using(name) as entry:
            return state(entry, entry.latest)

    async def click(self, name: str, x: float, y: float, label: int, kind: Format) -> bytes:
        """Sets a click; see `Session.click`.

        Returns:
            JSON, see `schemas.Changed`; so do the other changes.
        """
        with self.sessions.using(name) as entry:
            _validated(entry.session, [(x, y, label)])
            return await self._change(entry, lambda s: s.click(x, y, label), kind)

    async def undo(self, name: str, kind: Format) -> bytes:
        """Takes the last click back."""
        with self.sessions.using(name) as entry:
            return await self._change(entry, _undo, kind)

    async def redo(self, name: str, kind: Format) -> bytes:
        """Sets the click that was undone again."""
        with self.sessions.using(name) as entry:
            return await self._change(entry, _redo, kind)

    async def reset(self, name: str, kind: Format) -> bytes:
        """Forgets all clicks, and the mask that it started from."""
        with self.sessions.using(name) as entry:
            return await self._change(entry, Session.reset, kind, start=b"")

    async def start(self, name: str, data: bytes, client: str, kind: Format) -> bytes:
        """Starts again from a mask picture, encoded."""
        with self.sessions.using(name) as entry:
            mask = await self.photos.run(client, partial(self._read_mask, data))
            with self.sessions.holding(mask.nbytes):
                picture = await self.aside(lambda: encode_png(mask))
                return await self._change(entry, lambda s: s.reset(mask), kind, start=picture)

    def start_mask(self, name: str) -> bytes:
        """The mask that a session started from, as PNG."""
        with self.sessions.using(name) as entry:
            if not entry.latest.start:
                raise ServiceError(404, "no_start", "the session did not start from a mask")
            return entry.latest.start

    async def segment(
        self,
        data: bytes,
        clicks: Sequence[RawClick],
        start: bytes | None,
        client: str,
        kind: Format,
    ) -> bytes:
        """All clicks at once, on a photo that is not kept.

        Returns:
            JSON, see `schemas.Answer`.
        """
        _, session = await self.photos.run(client, partial(self._opened, data, None))
        with session, self.holding(session, len(clicks)):
            mask = None
            if start is not None:
                mask = await self.photos.run(client, partial(self._read_mask, start))
            valid = _validated(session, clicks)
            asked = time.perf_counter()
            steps = _timed(replay_steps(session, valid, mask), session)
            found, timings = await self.network.run_steps(client, steps)
            took = _milliseconds(asked)
            spent = [sum(getattr(t, stage) for t in timings) for stage in STAGES[1:]]
            snapshot = Snapshot(tuple(valid), (), start or b"", found)
            change = Change(snapshot, max(0.0, took - sum(spent)), *spent)
            return await self.aside(lambda: self._answer(change, kind))

    async def result(self, name: str, kind: str) -> bytes:
        """What `ioebss-run --format KIND` writes."""
        with self.sessions.using(name) as entry:
            photo, latest = entry.photo, entry.latest
            return await self.results.run(
                name,
                partial(encode_result, kind, photo.pixels, latest.mask, latest.clicks, photo.name),
            )

    def holding(self, session: Session, clicks: int) -> AbstractContextManager[None]:
        """Memory of a session that is not among `sessions`; see `Sessions.holding`."""
        return self.sessions.holding(session_bytes(session, self.segmenter.size, clicks))

    async def aside(self, work: Callable[[], T]) -> T:
        """Runs a function in a thread beside the network's."""
        return await asyncio.get_running_loop().run_in_executor(self._encoders, work)

    def photo(self, name: str) -> Photo:
        """A session's photo."""
        with self.sessions.using(name) as entry:
            return entry.photo

    def close(self) -> None:
        """Finishes what was begun and gives everything back."""
        for lane in (self.fetches, self.photos, self.network, self.results):
            lane.close()
        self._encoders.shutdown()
        self.sessions.clear()

    # -- inside ------------------------------------------------------------------------------------

    def _opened(self, data: bytes, name: str | None) -> tuple[Photo, Session]:
        pixels, kind = decode_photo(data, self.settings.max_pixels)
        suffix = SUFFIXES.get(kind, f".{kind.rpartition('/')[2]}")
        return Photo(data, kind, name or f"photo{suffix}", pixels), self.segmenter.open(pixels)

    def _read_mask(self, data: bytes) -> Mask:
        return decode_mask(data, self.settings.max_pixels)

    async def _change(
        self,
        entry: Entry,
        operation: Callable[[Session], Mask | None],
        kind: Format,
        start: bytes | None = None,
    ) -> bytes:
        """Runs an operation on a session in its turn, and tells what the session is then. `start`
        is the mask that it starts from afterwards, None the one that it has."""
        work = partial(_changed, entry, operation, start, time.perf_counter())
        change = await self.network.run(entry.id, work)
        self.sessions.settle()
        if change.network:  # a click
            for stage in STAGES:
                self.metrics.stages.labels(stage).observe(getattr(change, stage) / 1e3)
        return await self.aside(lambda: self._answer(change, kind, entry))

    def _answer(self, change: Change, kind: Format, entry: Entry | None = None) -> bytes:
        described = answer(change, self.segmenter.backend, kind)
        if entry is not None:
            described = state(entry, change.snapshot) | described
        return json.dumps(described, separators=(",", ":")).encode()


def _timed(steps: Steps[Mask], session: Session) -> Steps[tuple[Mask, list[Timing]]]:
    """The same steps; with the mask goes what each of them took. A session says of its clicks how
    much was input, network and mask; of clicks that are set at once it does not: all is network.
    """
    timings = []
    while True:
        begun, before = time.perf_counter(), session.timing
        try:
            next(steps)
            mask = None
        except StopIteration as end:
            mask = np.asarray(end.value)
        told = session.timing is not before
        timings.append(session.timing if told else Timing(0, 0, _milliseconds(begun), 0))
        if mask is not None:
            return mask, timings
        yield


def _changed(
    entry: Entry,
    operation: Callable[[Session], Mask | None],
    start: bytes | None,
    asked: float,
) -> Change:
    """Runs in the network's lane, as everything that touches a session."""
    session = entry.session
    queue, begun, before = _milliseconds(asked), time.perf_counter(), session.timing
    mask = operation(session)
    if mask is None:
        mask = session.mask
    if start is None:
        start = entry.latest.start
    entry.latest = Snapshot(session.clicks, session.undone, start, mask)
    timing = session.timing
    if timing is before:  # the network did not run
        return Change(entry.latest, queue, 0.0, 0.0, _milliseconds(begun))
    return Change(entry.latest, queue, timing.input, timing.network, timing.mask)


def _undo(session: Session) -> Mask:
    if not session.clicks:
        raise ServiceError(409, "nothing_to_undo", "there is no click to undo")
    return session.undo()


def _redo(session: Session) -> Mask:
    if not session.undone:
        raise ServiceError(409, "nothing_to_redo", "there is no undone click to redo")
    return session.redo()


def _validated(session: Session, clicks: Sequence[RawClick]) -> list[Click]:
    """The clicks, of which there are not too many, on the photo."""
    try:
        return session.validated(clicks)
    except ClickError as error:
        raise ServiceError(422, "click_outside", str(error)) from None


def _milliseconds(since: float) -> float:
    return 1e3 * (time.perf_counter() - since)
