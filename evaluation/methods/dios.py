"""DIOS: Xu et al. 2016, "Deep Interactive Object Selection", the baseline of Wang et al. 2020.

Clicks become distance planes, an FCN-8s predicts the object's probability, and a graph cut refines
it: the mask of least energy, where a pixel costs -log p on the object and -log(1 - p) off it, p
clipped, and neighbours on different sides cost what their contrast says (`max_flow`). Clicked
pixels are held on their side. The network is trained by `ioebss-train --recipe dios`.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ioebss.clicks import FOREGROUND, Click
from ioebss.engine_files import SUFFIX as ENGINE
from ioebss.errors import UsageError
from ioebss.evaluation.methods.checkpoint import CheckpointMethod
from ioebss.evaluation.methods.ioebss import open_model
from ioebss.evaluation.methods.max_flow import NEVER, contrast_weights, minimum_cut
from ioebss.evaluation.methods.timing import Timing, milliseconds_since
from ioebss.obedience import obey_exactly
from ioebss.segmenter import Segmenter
from ioebss.session import Session

LEAST = 1e-4  # probabilities are clipped to this and 1 less this: no pixel is beyond doubt
SMOOTHNESS = 1.0  # of neighbours to probabilities: the inverse of the paper's lambda; not tuned
WORKING_SIDE = 1024  # pixels: the cut of a larger photo is made at this longer side


class Dios:
    """DIOS as a method; see `ioebss.evaluation.protocol.Method`.

    Args:
        model: a run of the recipe `dios` or its export; any other model is taken, too.
        refined: cut the graph; without, the mask is where the probability is above a half.
        smoothness: how much neighbours weigh against probabilities, 0 or more.
        threads: CPU threads of the network; None leaves it to the engine.
        size: longer side of the network's input in pixels; None takes the training's.

    Attributes:
        manifest: of the model; for a run what its export would say, with the weights' sha256.
        size: longer side of the network's input in pixels.
        backend: what runs the network.
        refined, smoothness: as given.

    Raises:
        ModelError: there is no such model, or it is damaged.
        MissingExtraError: torch or ONNX Runtime is needed, and is not installed.
        UsageError: a negative smoothness, an engine, or a size that the network does not take.
    """

    def __init__(
        self,
        model: Path,
        refined: bool = True,
        smoothness: float = SMOOTHNESS,
        threads: int | None = None,
        size: int | None = None,
    ) -> None:
        if not 0 <= smoothness < np.inf:
            raise UsageError(f"smoothness = {smoothness}; it must be 0 or more")
        if model.suffix == ENGINE:
            raise UsageError(f"{model}: a graph cut refines ONNX files and runs, not engines")
        self._model: Segmenter | CheckpointMethod
        if model.suffix == ".onnx":
            self._model = open_model(model, threads=threads, size=size, zoom=False)
        else:
            self._model = CheckpointMethod(model, threads=threads, size=size)
        self.manifest, self.size = self._model.manifest, self._model.size
        self.backend = self._model.backend
        self.refined, self.smoothness = refined, smoothness

    @property
    def constants(self) -> dict[str, Any]:
        """What the masks depend on beside the model."""
        return {"refined": self.refined, "smoothness": self.smoothness}

    def open(self, photo: NDArray[np.uint8]) -> DiosSession:
        """Prepares a photo, RGB uint8 (H, W, 3).

        Raises:
            ImageError: it is something else.
        """
        return DiosSession(photo, self._model.open(photo), self.refined, self.smoothness)


class DiosSession:
    """One photo being clicked on.

    Attributes:
        timing: of the last click: `method` is the network, the cut counts as `mask`.
    """

    def __init__(
        self, photo: NDArray[np.uint8], session: Session, refined: bool, smoothness: float
    ) -> None:
        started = time.perf_counter()
        self._session, self._refined, self._smoothness = session, refined, smoothness
        if refined:
            self._shape = _working_shape(*photo.shape[:2])
            self._weights = contrast_weights(_resized(photo, self._shape, cv2.INTER_AREA))
        self.timing = Timing(session.timing.prepare + milliseconds_since(started))

    def click(self, x: float, y: float, label: int = FOREGROUND) -> NDArray[np.bool_]:
        """Adds a click and returns the new mask; see `ioebss.session.Session.click`."""
        mask = self._session.click(x, y, label)
        started = time.perf_counter()
        if self._refined:
            mask = self._cut()
        timing = self._session.timing
        cut = milliseconds_since(started)
        self.timing = Timing(self.timing.prepare, timing.input, timing.network, timing.mask + cut)
        return mask

    def _cut(self) -> NDArray[np.bool_]:
        clicks, photo_shape = self._session.clicks, (self._session.height, self._session.width)
        found = _resized(self._session.probability, self._shape, cv2.INTER_AREA)
        probability = np.clip(found.astype(np.float64), LEAST, 1 - LEAST)
        foreground, background = -np.log(probability), -np.log(1 - probability)
        rows, columns = _cells(clicks, photo_shape, self._shape)
        on = np.array([click.label == FOREGROUND for click in clicks])
        background[rows[on], columns[on]] = foreground[rows[~on], columns[~on]] = NEVER
        mask = minimum_cut(foreground, background, self._weights, self._smoothness)
        if self._shape != photo_shape:
            # Linear in between: the outline of an enlarged mask must not be a staircase.
            mask = _resized(mask.astype(np.float32), photo_shape, cv2.INTER_LINEAR) > 0.5
        obey_exactly(mask, clicks, False, True)
        return mask


def _working_shape(height: int, width: int) -> tuple[int, int]:
    scale = min(1.0, WORKING_SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _resized(image: NDArray[Any], shape: tuple[int, int], interpolation: int) -> NDArray[Any]:
    if image.shape[:2] == shape:
        return np.asarray(image)
    return np.asarray(cv2.resize(image, shape[::-1], interpolation=interpolation))


def _cells(
    clicks: tuple[Click, ...], photo: tuple[int, int], working: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of clicks in the resolution of the cut."""
    rows = np.array([c.y for c in clicks], np.int64) * working[0] // photo[0]
    columns = np.array([c.x for c in clicks], np.int64) * working[1] // photo[1]
    return rows, columns
