from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from ioebss import Segmenter
from ioebss.clicks import Click
from ioebss.serving.errors import ServiceError
from ioebss.serving.sessions import Entry, Photo, Sessions
from ioebss.serving.settings import Settings
from ioebss.session import Session

PIXELS = np.zeros((40, 50, 3), np.uint8)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """How often each session was closed, by the id of the session object."""
    counted: Counter[int] = Counter()
    close = Session.close

    def counting(session: Session) -> None:
        counted[id(session)] += 1
        close(session)

    monkeypatch.setattr(Session, "close", counting)
    return counted


def entry(segmenter: Segmenter) -> Entry:
    photo = Photo(b"", "image/png", "photo.png", PIXELS)
    return Entry(segmenter.open(PIXELS), photo, segmenter.size)


def names(entries: list[Entry]) -> list[int]:
    """Which of the entries are still there; looking does not count as use."""
    return [i for i, one in enumerate(entries) if not one.removed]


def test_the_least_recently_used_goes_first(segmenter: Segmenter, closed: Counter[int]) -> None:
    reasons: list[str] = []
    sessions = Sessions(Settings(max_sessions=3), evicted=reasons.append)
    entries = [entry(segmenter) for _ in range(5)]
    for one in entries[:3]:
        sessions.add(one)
    with sessions.using(entries[0].id):
        pass
    sessions.add(entries[3])
    assert names(entries[:4]) == [0, 2, 3]
    sessions.add(entries[4])
    assert names(entries) == [0, 3, 4]
    assert reasons == ["count", "count"] and len(sessions) == 3
    assert closed == {id(entries[1].session): 1, id(entries[2].session): 1}


def test_bytes_are_bounded(segmenter: Segmenter) -> None:
    reasons: list[str] = []
    entries = [entry(segmenter) for _ in range(3)]
    size = entries[0].bytes
    assert size > PIXELS.nbytes
    sessions = Sessions(Settings(max_session_bytes=2 * size), evicted=reasons.append)
    for one in entries:
        sessions.add(one)
    assert names(entries) == [1, 2] and reasons == ["bytes"]
    assert sessions.bytes == 2 * size
    small = Sessions(Settings(max_session_bytes=size - 1))
    with pytest.raises(ServiceError) as refused:
        small.add(entry(segmenter))
    assert refused.value.status_code == 413


def test_a_session_that_grows_makes_others_go(segmenter: Segmenter) -> None:
    entries = [entry(segmenter) for _ in range(2)]
    sessions = Sessions(Settings(max_session_bytes=2 * entries[0].bytes))
    for one in entries:
        sessions.add(one)
    with sessions.using(entries[1].id) as used:
        before = used.bytes
        used.latest = replace(used.latest, undone=(Click(3, 4, 1),))
        assert used.bytes == before + 4 * segmenter.size**2
        sessions.settle()
    assert names(entries) == [1]


def test_what_is_in_use_stays_and_is_closed_after(
    segmenter: Segmenter, closed: Counter[int]
) -> None:
    sessions = Sessions(Settings(max_sessions=1))
    first, second = entry(segmenter), entry(segmenter)
    sessions.add(first)
    with sessions.using(first.id):
        with pytest.raises(ServiceError) as refused:
            sessions.add(second)
        assert refused.value.status_code == 429 and refused.value.headers
        sessions.remove(first.id)
        assert not closed
        with pytest.raises(ServiceError):  # whoever comes later does not find it
            sessions.using(first.id).__enter__()
    assert closed == {id(first.session): 1}
    sessions.add(second)


def test_age(segmenter: Segmenter) -> None:
    clock, reasons = Clock(), list[str]()
    sessions = Sessions(Settings(session_seconds=60), clock, reasons.append)
    entries = [entry(segmenter) for _ in range(2)]
    for one in entries:
        sessions.add(one)
    clock.now += 40
    with sessions.using(entries[1].id):
        pass
    clock.now += 30
    sessions.sweep()
    assert names(entries) == [1] and reasons == ["age"]
    with pytest.raises(ServiceError) as refused:
        sessions.using(entries[0].id).__enter__()
    assert refused.value.status_code == 404
    with sessions.using(entries[1].id):
        clock.now += 1000
        sessions.sweep()  # in use
    assert names(entries) == [1]
