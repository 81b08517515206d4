"""The photos that were clicked on last, kept open, so that a second click costs a click."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ioebss.clicks import Click
from ioebss.replay import Mask, Steps, in_one_go, replay_steps
from ioebss.segmenter import Segmenter
from ioebss.serving.session_bytes import session_bytes
from ioebss.session import Session


class OpenPhotos:
    """Sessions on the last few photos, for clients that send all clicks every time.

    Args:
        segmenter: opens them.
        count: how many; the least recently used is closed first.
        max_bytes: that they may hold together, estimated from above, with their clicks; the one in
            use is kept however large it is.
    """

    def __init__(self, segmenter: Segmenter, count: int, max_bytes: int) -> None:
        self._segmenter, self._count, self._max_bytes = segmenter, count, max_bytes
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def session(self, key: str, photo: Callable[[], NDArray[np.uint8]]) -> Session:
        """The session of a photo.

        Args:
            key: that this photo alone has.
            photo: reads it, RGB uint8 (H, W, 3), if it is not open yet. What it raises goes
                through.
        """
        session = self._sessions.pop(key, None) or self._segmenter.open(photo())
        self._sessions[key] = session
        while len(self._sessions) > 1 and self._too_much():
            self._sessions.popitem(last=False)  # closed when nobody uses it any more
        return session

    def __contains__(self, key: str) -> bool:
        return key in self._sessions

    def _too_much(self) -> bool:
        side = self._segmenter.size
        held = sum(
            session_bytes(session, side, len(session.clicks) + len(session.undone))
            for session in self._sessions.values()
        )
        return len(self._sessions) > self._count or held > self._max_bytes


def advance_steps(session: Session, clicks: Sequence[Click]) -> Steps:
    """The mask after these clicks, click by click, as `ioebss.replay` has it from the beginning.

    Clicks that the session has already, in the same order from the first one on, are not run again.
    Pauses after each click.

    Args:
        session: is left with these clicks.
        clicks: valid on its photo; at least one.

    Returns:
        bool (H, W).

    Raises:
        ClickError: there is no foreground click.
        BackendError: the engine failed.
    """
    common = 0 if session.started else _common(session.clicks, clicks)
    if not common:
        return (yield from replay_steps(session, clicks))
    while len(session.clicks) > common:
        session.undo()
    for click in clicks[common:]:
        session.click(click.x, click.y, click.label)
        yield
    return session.mask


def advance(session: Session, clicks: Sequence[Click]) -> Mask:
    """`advance_steps`, in one go."""
    return in_one_go(advance_steps(session, clicks))


def _common(before: Sequence[Click], after: Sequence[Click]) -> int:
    pairs = zip(before, after, strict=False)
    return next(
        (i for i, (one, other) in enumerate(pairs) if one != other), min(len(before), len(after))
    )
