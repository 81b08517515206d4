"""One photo being clicked on."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ioebss import planes
from ioebss.backends import Backend
from ioebss.clicks import FOREGROUND, MAX_CLICKS, Click, make_click, make_clicks, to_network
from ioebss.errors import ClickError, UsageError
from ioebss.manifest import Manifest
from ioebss.resampling import (
    logits_to_mask,
    logits_to_probability,
    mask_to_network,
    photo_to_network,
    sigmoid,
)

RED, POSITIVE, PREVIOUS = 0, 3, 5  # first channel of each kind, in the manifest's order


@dataclass(frozen=True)
class _Step:
    """A click, in photo and in network pixels, and the logits after it."""

    click: Click
    cell: Click
    logits: NDArray[np.float32]


@dataclass(frozen=True)
class Timing:
    """Milliseconds of the last click: planes, network, mask; and of preparing the photo, once."""

    prepare: float
    planes: float
    network: float
    mask: float


class Session:
    """The clicks on one photo and the masks that they give. Made by `Segmenter.open`.

    The photo is prepared once; a click draws its disc and runs the network. A session belongs to
    one thread at a time; different sessions of one `Segmenter` may run in different threads.

    Attributes:
        height, width: of the photo in pixels.
        timing: of the last click.
    """

    def __init__(
        self,
        photo: NDArray[np.uint8],
        manifest: Manifest,
        backend: Backend,
        longest: int | None = None,
    ) -> None:
        started = time.perf_counter()
        self.height, self.width = photo.shape[:2]
        self._manifest, self._backend = manifest, backend
        self._size = manifest.input_size(self.height, self.width, longest)
        self._input = np.zeros((1, len(manifest.channels), *self._size), np.float32)
        self._input[0, RED : RED + 3] = photo_to_network(photo, *self._size)
        self._start: NDArray[np.bool_] | None = None
        self._steps: list[_Step] = []
        self._undone: list[_Step] = []
        self.timing = Timing(_milliseconds(started), 0.0, 0.0, 0.0)

    @property
    def clicks(self) -> tuple[Click, ...]:
        """The clicks in force, in order, in photo pixels."""
        return tuple(step.click for step in self._steps)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """The current mask: bool (height, width). Without a click, the mask given to `reset`, or
        nothing."""
        if self._steps:
            return logits_to_mask(self._steps[-1].logits, self.height, self.width)
        if self._start is not None:
            return self._start.copy()
        return np.zeros((self.height, self.width), bool)

    @property
    def probability(self) -> NDArray[np.float32]:
        """Foreground probability of each pixel: float32 (height, width), 0..1."""
        if self._steps:
            return logits_to_probability(self._steps[-1].logits, self.height, self.width)
        return self.mask.astype(np.float32)

    def click(self, x: float, y: float, label: int = FOREGROUND) -> NDArray[np.bool_]:
        """Adds a click and returns the new mask.

        Args:
            x, y: pixel of the photo, from the top left.
            label: 1 on the object, 0 off it.

        Returns:
            bool (height, width).

        Raises:
            ClickError: outside the photo, not finite, an unknown label, or a background click
                before there is anything to take away from. The session stays as it was.
            BackendError: the engine failed. The session stays as it was.
        """
        click = make_click(x, y, label, self.width, self.height)
        if click.label != FOREGROUND and not self._steps and self._start is None:
            raise ClickError("the first click must be foreground (label 1): click on the object")
        if len(self._steps) >= MAX_CLICKS:
            raise ClickError(f"{MAX_CLICKS} clicks are set already; reset, or start from the mask")
        started = time.perf_counter()
        cell = self._to_cell(click)
        self._draw(cell)
        drawn = time.perf_counter()
        try:
            logits = self._run(self._input)
        except BaseException:
            self._erase(cell)
            raise
        ran = time.perf_counter()
        self._steps.append(_Step(click, cell, logits))
        self._undone.clear()
        self._feed_back()
        mask = self.mask
        self.timing = Timing(
            self.timing.prepare,
            1e3 * (drawn - started),
            1e3 * (ran - drawn),
            _milliseconds(ran),
        )
        return mask

    def undo(self) -> NDArray[np.bool_]:
        """Takes the last click back and returns the mask before it, without running the network.

        Raises:
            UsageError: there is no click to take back.
        """
        if not self._steps:
            raise UsageError("there is no click to undo")
        step = self._steps.pop()
        self._undone.append(step)
        self._erase(step.cell)
        self._feed_back()
        return self.mask

    def redo(self) -> NDArray[np.bool_]:
        """Sets the click that was last undone again and returns its mask, without running the
        network.

        Raises:
            UsageError: nothing was undone since the last click.
        """
        if not self._undone:
            raise UsageError("there is no undone click to redo")
        step = self._undone.pop()
        self._steps.append(step)
        self._draw(step.cell)
        self._feed_back()
        return self.mask

    def reset(self, mask: NDArray[np.bool_] | None = None) -> None:
        """Forgets all clicks; the photo stays prepared.

        Args:
            mask: start from this mask, bool (height, width), and correct it by clicks.

        Raises:
            UsageError: the mask has another shape or dtype, or the model reads no previous mask.
        """
        if mask is not None:
            self._check_start(mask)
        self._input[0, POSITIVE:] = 0
        self._steps.clear()
        self._undone.clear()
        self._start = None if mask is None else np.array(mask, bool)
        self._feed_back()

    def predict(
        self,
        clicks: Iterable[Sequence[float] | Click],
        mask: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.bool_]:
        """The mask of a set of clicks at once, in one network call. The session's own clicks
        neither count nor change.

        Args:
            clicks: (x, y) or (x, y, label) each; at least one foreground, unless `mask` is given.
            mask: a previous mask to correct, bool (height, width).

        Returns:
            bool (height, width).

        Raises:
            ClickError: a click is not valid, or none is foreground.
            UsageError: see `reset`.
        """
        valid = self.validated(clicks)
        if mask is not None:
            self._check_start(mask)
        if not valid or (mask is None and all(c.label != FOREGROUND for c in valid)):
            raise ClickError("no foreground click: click on the object at least once (label 1)")
        inputs = self._input.copy()
        inputs[0, POSITIVE:] = 0
        inputs[0, POSITIVE : POSITIVE + 2] = planes.rasterise(
            map(self._to_cell, valid), *self._size, self._manifest.click_radius
        )
        if mask is not None:
            inputs[0, PREVIOUS] = mask_to_network(mask, *self._size)
        return logits_to_mask(self._run(inputs), self.height, self.width)

    def validated(self, clicks: Iterable[Sequence[float] | Click]) -> list[Click]:
        """The clicks, checked against this photo.

        Raises:
            ClickError: see `click`.
        """
        return make_clicks(clicks, self.width, self.height)

    # -- inside ------------------------------------------------------------------------------------

    def _run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        logits: NDArray[np.float32] = self._backend.run(inputs)[0, 0]
        return logits

    def _to_cell(self, click: Click) -> Click:
        height, width = self._size
        x = to_network(click.x, self.width, width)
        return Click(x, to_network(click.y, self.height, height), click.label)

    def _draw(self, cell: Click) -> None:
        discs = self._input[0, POSITIVE : POSITIVE + 2]
        planes.draw(discs, cell.x, cell.y, cell.label, self._manifest.click_radius)

    def _erase(self, cell: Click) -> None:
        """Call when `cell` is no longer in `_steps`."""
        discs = self._input[0, POSITIVE : POSITIVE + 2]
        remaining = (step.cell for step in self._steps)
        radius = self._manifest.click_radius
        planes.erase(discs, cell.x, cell.y, cell.label, remaining, radius)

    def _feed_back(self) -> None:
        """Writes the current prediction into the previous-mask channel, where the model has one."""
        if not self._manifest.has_previous:
            return
        if self._steps:
            self._input[0, PREVIOUS] = sigmoid(self._steps[-1].logits)
        elif self._start is not None:
            self._input[0, PREVIOUS] = mask_to_network(self._start, *self._size)
        else:
            self._input[0, PREVIOUS] = 0

    def _check_start(self, mask: NDArray[np.bool_]) -> None:
        if not self._manifest.has_previous:
            raise UsageError(
                f"model {self._manifest.name!r} reads no previous mask, so it cannot start from "
                "one; take a model with six channels"
            )
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
            raise UsageError("the mask must be a bool array; compare it, e.g. mask > 127")
        if mask.shape != (self.height, self.width):
            raise UsageError(
                f"the mask has shape {mask.shape}, the photo {(self.height, self.width)}"
            )


def _milliseconds(since: float) -> float:
    return 1e3 * (time.perf_counter() - since)
