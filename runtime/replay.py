"""Clicks that are known beforehand, set one after the other."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np
from numpy.typing import NDArray

from ioebss.clicks import FOREGROUND, Click
from ioebss.session import Session

Mask = NDArray[np.bool_]
Steps = Generator[None, None, Mask]  # pauses now and again; returns the mask


def replay(session: Session, clicks: Sequence[Click], start: Mask | None = None) -> Mask:
    """The mask after all clicks, click by click, as a person would set them and as models are
    measured; all at once where the first is a background click, which needs a foreground one
    beside it.

    Args:
        session: its own clicks are forgotten.
        clicks: valid on its photo.
        start: a mask to start from, bool (H, W).

    Returns:
        bool (H, W).

    Raises:
        ClickError: there is no foreground click, and no mask to start from.
        UsageError: see `Session.reset`.
        BackendError: the engine failed.
    """
    return in_one_go(replay_steps(session, clicks, start))


def replay_steps(session: Session, clicks: Sequence[Click], start: Mask | None = None) -> Steps:
    """`replay`, which pauses after each click, so that others may have their turn."""
    if start is None and (not clicks or clicks[0].label != FOREGROUND):
        return session.predict(clicks)
    session.reset(start)
    mask = session.mask
    for click in clicks:
        mask = session.click(click.x, click.y, click.label)
        yield
    return mask


def in_one_go(steps: Steps) -> Mask:
    """What the steps return, without pauses."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return np.asarray(end.value)
