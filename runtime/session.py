"""One photo being clicked on."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from ioebss.backends import Backend, SeeingBackend
from ioebss.clicks import FOREGROUND, MAX_CLICKS, Click, make_click, make_clicks
from ioebss.enlargement import logits_to_probability
from ioebss.errors import ClickError, UsageError
from ioebss.eye import Eye, HostEye, Last, Prediction, Start
from ioebss.manifest import Manifest
from ioebss.obedience import SURE, obey_exactly
from ioebss.prediction import Predictor
from ioebss.trimaps import check_trimap, clicks_of_trimap, obey_trimap
from ioebss.windows import Zoom


@dataclass(frozen=True)
class _Step:
    """A click and the prediction after it."""

    click: Click
    prediction: Prediction


@dataclass(frozen=True)
class Timing:
    """Milliseconds: of preparing the photo, once; and of the last click: the network's input, the
    network, the mask. On a GPU the input is made in one go with the network, and counted there."""

    prepare: float
    input: float
    network: float
    mask: float


class Session:
    """The clicks on one photo and the masks that they give. Made by `Segmenter.open`.

    The photo is prepared once; a click shows the network the object and its surroundings. Every
    click is obeyed: its pixel is on the side that it says. A session belongs to one thread at a
    time; different sessions of one `Segmenter` may run in different threads. The photo's array is
    not copied: do not change it while the session lives. A context manager: it closes at the end.

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
        zoom: Zoom | None = None,
        flip: bool = False,
    ) -> None:
        started = time.perf_counter()
        self.height, self.width = photo.shape[:2]
        self._manifest = manifest
        self._eye = _open_eye(photo, manifest, backend, longest, flip)
        self._predictor = Predictor(self._eye, zoom)
        self._start: Start | None = None
        self._steps: list[_Step] = []
        self._undone: list[_Step] = []
        self.timing = Timing(_milliseconds(started), 0.0, 0.0, 0.0)

    @property
    def clicks(self) -> tuple[Click, ...]:
        """The clicks in force, in order, in photo pixels."""
        return tuple(step.click for step in self._steps)

    @property
    def undone(self) -> tuple[Click, ...]:
        """The clicks that `redo` would set again, the next at the end."""
        return tuple(step.click for step in self._undone)

    @property
    def started(self) -> bool:
        """Whether it began with a mask that was given to `reset`."""
        return self._start is not None

    @property
    def mask(self) -> NDArray[np.bool_]:
        """The current mask: bool (height, width). Without a click, the mask given to `reset`, or
        nothing."""
        return self._mask_after(self._steps)

    @property
    def probability(self) -> NDArray[np.float32]:
        """Foreground probability of each pixel: float32 (height, width), 0..1."""
        if not self._steps:
            return self.mask.astype(np.float32)
        last = self._steps[-1].prediction
        result = logits_to_probability(last.logits, last.window, self.height, self.width)
        obey_exactly(result, self.clicks, 1 - SURE, SURE)
        return result

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
        clicks = (*self.clicks, click)
        prediction = self._predictor.predict(clicks, self._last, given=self.started)
        predicted = time.perf_counter()
        step = _Step(click, prediction)
        mask = self._mask_after([*self._steps, step])
        self._steps.append(step)
        self._undone.clear()
        self.timing = Timing(
            self.timing.prepare,
            1e3 * (predicted - started) - prediction.network,
            prediction.network,
            _milliseconds(predicted),
        )
        return mask

    def undo(self) -> NDArray[np.bool_]:
        """Takes the last click back and returns the mask before it, without running the network.

        Raises:
            UsageError: there is no click to take back.
            BackendError: the engine failed. The session stays as it was.
        """
        if not self._steps:
            raise UsageError("there is no click to undo")
        mask = self._mask_after(self._steps[:-1])
        self._undone.append(self._steps.pop())
        return mask

    def redo(self) -> NDArray[np.bool_]:
        """Sets the click that was last undone again and returns its mask, without running the
        network.

        Raises:
            UsageError: nothing was undone since the last click.
            BackendError: the engine failed. The session stays as it was.
        """
        if not self._undone:
            raise UsageError("there is no undone click to redo")
        mask = self._mask_after([*self._steps, self._undone[-1]])
        self._steps.append(self._undone.pop())
        return mask

    def reset(self, mask: NDArray[np.bool_] | None = None) -> None:
        """Forgets all clicks; the photo stays prepared.

        Args:
            mask: start from this mask, bool (height, width), and correct it by clicks.

        Raises:
            UsageError: the mask has another shape or dtype, or the model reads no previous mask.
        """
        if mask is not None:
            self._check_start(mask)
        self._steps.clear()
        self._undone.clear()
        self._start = None if mask is None else Start(np.array(mask, bool))

    def predict(
        self,
        clicks: Iterable[Sequence[float] | Click],
        mask: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.bool_]:
        """The mask of a set of clicks at once, in one to three looks. The session's
        own clicks neither count nor change.

        Args:
            clicks: (x, y) or (x, y, label) each; at least one foreground, unless `mask` is given.
            mask: a previous mask to correct, bool (height, width).

        Returns:
            bool (height, width).

        Raises:
            ClickError: a click is not valid, or none is foreground.
            UsageError: see `reset`.
            BackendError: the engine failed.
        """
        valid = self.validated(clicks)
        if mask is not None:
            self._check_start(mask)
        if not valid or (mask is None and all(c.label != FOREGROUND for c in valid)):
            raise ClickError("no foreground click: click on the object at least once (label 1)")
        start = None if mask is None else Start(mask)
        prediction = self._predictor.predict(valid, start, given=start is not None)
        return self._mask_of(prediction, valid)

    def predict_trimap(self, trimap: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """The mask of a trimap or of scribbles at once; see `ioebss.trimaps`. Known pixels are kept
        as they are given. The session's own clicks neither count nor change.

        Args:
            trimap: uint8 (height, width): 255 on the object, 0 off it, anything else unknown.

        Returns:
            bool (height, width).

        Raises:
            UsageError: the trimap does not fit the photo, or nothing in it is on the object.
            BackendError: the engine failed.
        """
        check_trimap(trimap, self.height, self.width)
        clicks = clicks_of_trimap(trimap)
        # Not every known part of the object has a click.
        mask = self._mask_of(self._predictor.predict(clicks, None, given=True), clicks)
        obey_trimap(mask, trimap)
        return mask

    def validated(self, clicks: Iterable[Sequence[float] | Click]) -> list[Click]:
        """The clicks, checked against this photo.

        Raises:
            ClickError: see `click`.
        """
        return make_clicks(clicks, self.width, self.height)

    def close(self) -> None:
        """Gives back what the session holds, memory of the GPU above all, at once; otherwise that
        is done when nothing refers to it any more. It cannot be clicked any more."""
        self._eye.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # -- inside ------------------------------------------------------------------------------------

    @property
    def _last(self) -> Last:
        return self._steps[-1].prediction if self._steps else self._start

    def _mask_after(self, steps: Sequence[_Step]) -> NDArray[np.bool_]:
        if steps:
            return self._mask_of(steps[-1].prediction, [step.click for step in steps])
        if self._start is not None:
            return self._start.mask.copy()
        return np.zeros((self.height, self.width), bool)

    def _mask_of(self, prediction: Prediction, clicks: Sequence[Click]) -> NDArray[np.bool_]:
        mask = self._eye.mask(prediction)
        obey_exactly(mask, clicks, False, True)
        return mask

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


def _open_eye(
    photo: NDArray[np.uint8], manifest: Manifest, backend: Backend, longest: int | None, flip: bool
) -> Eye:
    """The backend's own eye where it has one; mirrored input is made on the host."""
    if isinstance(backend, SeeingBackend) and not flip:
        return backend.eye(photo, manifest, longest)
    return HostEye(photo, manifest, backend, longest, flip)


def _milliseconds(since: float) -> float:
    return 1e3 * (time.perf_counter() - since)
