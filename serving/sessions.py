"""Sessions, bounded by count, bytes and age: the least recently used goes first."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ioebss.clicks import Click
from ioebss.serving.errors import ServiceError
from ioebss.serving.session_bytes import session_bytes
from ioebss.serving.settings import Settings
from ioebss.session import Session


@dataclass(frozen=True)
class Photo:
    """A photo as it came and as it was decoded.

    Attributes:
        data: as it came.
        kind: what it is: "image/jpeg".
        name: for results that name their photo.
        pixels: uint8 (H, W, 3).
    """

    data: bytes
    kind: str
    name: str
    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class Snapshot:
    """A session after one of its changes.

    Attributes:
        clicks: in force, in photo pixels.
        undone: clicks that can be set again, the next at the end.
        start: the mask that it started from, a PNG; empty if there was none.
        mask: bool (H, W).
    """

    clicks: tuple[Click, ...]
    undone: tuple[Click, ...]
    start: bytes
    mask: NDArray[np.bool_]


class Entry:
    """A session among others.

    Attributes:
        id: by which clients name it; nobody guesses it.
        session: touched by the lane alone.
        photo: that is clicked on.
        latest: after its last change.
        bytes: that it holds, estimated from above.
        used: when it was last, by the clock of `Sessions`.
        users: how many requests work with it.
        removed: whether it is closed, or will be when nobody does.
    """

    def __init__(self, session: Session, photo: Photo, network_side: int, prefix: str = "") -> None:
        self.id = prefix + secrets.token_urlsafe(16)
        self.session, self.photo = session, photo
        empty = np.zeros((session.height, session.width), bool)
        self.latest = Snapshot((), (), b"", empty)
        self._network_side = network_side
        self.used = 0.0
        self.users = 0
        self.removed = False

    @property
    def bytes(self) -> int:
        """What it holds."""
        clicks = len(self.latest.clicks) + len(self.latest.undone)
        given = len(self.photo.data) + len(self.latest.start)
        return given + session_bytes(self.session, self._network_side, clicks)


class Sessions:
    """All sessions. Used by the event loop's thread alone.

    Args:
        settings: bounds.
        clock: seconds, never going back.
        evicted: told the reason, "count", "bytes" or "age", whenever a session has to go.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
        evicted: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self._settings, self._clock, self._evicted = settings, clock, evicted
        self._entries: OrderedDict[str, Entry] = OrderedDict()  # the least recently used first
        self._held = 0  # bytes of requests, see `holding`

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def bytes(self) -> int:
        """What all hold together, and requests that are no session's."""
        return self._held + sum(entry.bytes for entry in self._entries.values())

    def add(self, entry: Entry) -> None:
        """Takes a session in; others go if there are too many.

        Raises:
            ServiceError: 413, it is too large for this service; 429, all others are in use.
        """
        while len(self._entries) >= self._settings.max_sessions:
            self._evict("count")
        self._make_room(entry.bytes)
        entry.used = self._clock()
        self._entries[entry.id] = entry

    @contextmanager
    def holding(self, size: int) -> Iterator[None]:
        """Memory of a request that is no session's, or not yet; idle sessions go for it.

        Args:
            size: bytes.

        Raises:
            ServiceError: as `add`.
        """
        self._make_room(size)
        self._held += size
        try:
            yield
        finally:
            self._held -= size

    @contextmanager
    def using(self, name: str) -> Iterator[Entry]:
        """A session, which stays while it is in use.

        Raises:
            ServiceError: 404, there is none of this name, or no longer.
        """
        entry = self._entries.get(name)
        if entry is None:
            raise ServiceError(
                404, "unknown_session", "there is no such session, or no longer; open the photo"
            )
        entry.users += 1
        try:
            yield entry
        finally:
            entry.users -= 1
            if entry.removed:
                _close(entry)
            else:
                entry.used = self._clock()
                self._entries.move_to_end(name)

    def settle(self) -> None:
        """Makes others go after a session has grown; those in use stay."""
        while self.bytes > self._settings.max_session_bytes and self._idle() is not None:
            self._evict("bytes")

    def remove(self, name: str) -> None:
        """Removes a session; whoever uses it may finish. Raises as `using`."""
        with self.using(name) as entry:
            self._drop(entry)

    def sweep(self) -> None:
        """Removes what was not used for too long."""
        oldest = self._clock() - self._settings.session_seconds
        for entry in list(self._entries.values()):
            if entry.used <= oldest and not entry.users:
                self._drop(entry)
                self._evicted("age")

    def clear(self) -> None:
        """Removes all."""
        for entry in list(self._entries.values()):
            self._drop(entry)

    # -- inside ------------------------------------------------------------------------------------

    def _make_room(self, size: int) -> None:
        most = self._settings.max_session_bytes
        if size > most:
            raise ServiceError(413, "too_large", "the photo needs more memory than sessions may")
        while self.bytes + size > most:
            self._evict("bytes")

    def _idle(self) -> Entry | None:
        return next((entry for entry in self._entries.values() if not entry.users), None)

    def _evict(self, reason: str) -> None:
        entry = self._idle()
        if entry is None:
            raise ServiceError(
                429, "busy", "all memory for sessions is in use; try again in 1 s", 1
            )
        self._drop(entry)
        self._evicted(reason)

    def _drop(self, entry: Entry) -> None:
        del self._entries[entry.id]
        entry.removed = True
        _close(entry)


def _close(entry: Entry) -> None:
    if not entry.users:
        entry.session.close()
